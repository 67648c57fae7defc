"""The Flask extension, driven by Flask's own test client and by the raw one.

WSGI only: Flask speaks nothing else. Must never know how an application is wrapped.
"""

import pytest
from flask import Blueprint, Flask, Response, abort, request, stream_with_context

import dualware
from dualware import SettingsError, Stack
from dualware.frameworks.flask import Dualware
from dualware.testing import WSGIClient

GOOD = "f9ed4675f1c53513c61a3b3b4e25b4c0"
INBOUND = {"X-Request-ID": GOOD}


class Failure(Exception):  # noqa: N818 - stands for any error of an application
    """What views raise."""


def application():
    """A Flask application that fails, streams and tells the id."""
    app = Flask(__name__)
    shop = Blueprint("shop", __name__, url_prefix="/shop")

    @app.get("/")
    def home():
        return f"Hello {dualware.request_id()}"

    @app.get("/items/<int:number>")
    @shop.get("/items/<int:number>")
    def item(number):
        dualware.add_fields(number=number)
        return str(number)

    @app.get("/stream")
    def stream():
        def body():
            yield f"{request.path} "
            yield str(dualware.request_id())

        return Response(stream_with_context(body()), mimetype="text/plain")

    @app.get("/fail")
    def fail():
        raise Failure("a bug")

    @app.get("/teapot")
    def teapot():
        abort(418)

    app.register_blueprint(shop)
    return app


def test_extension(everything, lines):
    """`app` stays a Flask object, and its own test client goes through the stack."""
    app = application()
    app.config["DUALWARE"] = everything
    Dualware(app)
    response = app.test_client().get("/items/7", headers=INBOUND)

    assert isinstance(app, Flask)
    assert (200, "7") == (response.status_code, response.text)
    assert [GOOD] == response.headers.getlist("X-Request-ID")
    assert 1 == len(response.headers.getlist("Server-Timing"))
    (line,) = lines
    assert (GOOD, 7, 200) == (
        line["http.request.id"],
        line["number"],
        line["http.response.status_code"],
    )
    assert isinstance(app.extensions["dualware"], Stack)


def test_factory(everything, lines):
    """One extension of a module, several applications, each with its own settings."""
    extension = Dualware()

    def create_app(header):
        app = application()
        app.config["DUALWARE"] = {"request_id": {"header": header}}
        extension.init_app(app)
        return app

    one, two = create_app("X-One"), create_app("X-Two")

    assert "X-One" in one.test_client().get("/").headers
    assert "X-Two" in two.test_client().get("/").headers
    assert "X-One" not in two.test_client().get("/").headers


@pytest.mark.parametrize("where", ["constructor", "init_app", "argument"])
def test_where_settings_are_given(where):
    """The nearest count, before the configuration."""
    app = application()
    app.config["DUALWARE"] = {"timing": True}
    given = {"request_id": True}
    if where == "constructor":
        Dualware(settings=given).init_app(app)
    elif where == "init_app":
        Dualware(settings={"timing": True}).init_app(app, given)
    else:
        Dualware(app, given)
    response = app.test_client().get("/")

    assert "X-Request-ID" in response.headers
    assert "Server-Timing" not in response.headers


def test_a_stack_is_settings_too():
    """What `dualware.load` made."""
    app = application()
    stack = dualware.load({"request_id": True})
    Dualware(app, stack)

    assert app.extensions["dualware"] is stack
    assert "X-Request-ID" in app.test_client().get("/").headers


@pytest.mark.parametrize("kind", ["text", "path", "name"])
def test_settings_in_a_file(kind, tmp_path):
    """Or in a module: whatever `dualware.load` takes."""
    file = tmp_path / "settings.toml"
    file.write_text("[request_id]\n")
    app = application()
    named = "examples.settings:SETTINGS"
    app.config["DUALWARE"] = {"text": str(file), "path": file, "name": named}[kind]
    Dualware(app)

    assert "X-Request-ID" in app.test_client().get("/").headers


def test_problems_are_told_at_once():
    """Before any request, all of them; the application stays as it was."""
    app = application()
    before = app.wsgi_app
    app.config["DUALWARE"] = {"request_id": {"heder": "X-Id"}, "tming": True}
    with pytest.raises(SettingsError) as raised:
        Dualware(app)

    assert 2 == len(raised.value.problems)
    assert before == app.wsgi_app
    assert {} == app.extensions


def test_no_settings():
    """They are missed, and where they belong is told."""
    with pytest.raises(SettingsError, match=r'DW103  app\.config\["DUALWARE"\]'):
        Dualware(application())


@pytest.mark.parametrize("again", [Dualware, lambda app: Dualware().init_app(app)])
def test_twice_applies_once(again, everything, lines):
    """One id, one line, one time."""
    app = application()
    app.config["DUALWARE"] = everything
    Dualware(app)
    again(app)
    response = app.test_client().get("/items/7")

    assert 1 == len(response.headers.getlist("X-Request-ID"))
    assert 1 == len(response.headers.getlist("Server-Timing"))
    assert 1 == len(lines)
    assert "/items/<int:number>" == lines[0]["http.route"]


def test_later_settings_stand_outside():
    """Of two of the same name the outer one runs."""
    app = application()
    Dualware(app, {"request_id": {"header": "X-First"}, "timing": True})
    Dualware(app, {"request_id": {"header": "X-Second"}})
    headers = app.test_client().get("/").headers

    assert "X-Second" in headers
    assert "X-First" not in headers
    assert "Server-Timing" in headers


@pytest.mark.parametrize(
    ("path", "status", "route", "error"),
    [
        ("/", 200, "/", None),
        ("/items/7", 200, "/items/<int:number>", None),
        ("/shop/items/7", 200, "/shop/items/<int:number>", None),
        ("/static/none.css", 404, "/static/<path:filename>", None),
        ("/nowhere", 404, None, None),
        ("/teapot", 418, "/teapot", None),
        ("/fail", 500, "/fail", "test_flask.Failure"),
    ],
)
def test_line_tells_route_and_error(path, status, route, error, everything, lines):
    """The rule, never the path; and what Flask made the 500 of."""
    app = application()
    Dualware(app, everything)
    result = WSGIClient(app).request(path=path, headers=INBOUND).reraise()
    (line,) = lines

    assert (status, GOOD) == (result.status, result.header("x-request-id"))
    assert route == line.get("http.route")
    told = line.get("error.type")
    assert (told or "").endswith(error) if error else told is None


def test_error_that_a_handler_answers(everything, lines):
    """A handler for all errors swallows the exception; the line still names it."""
    app = application()
    app.register_error_handler(500, lambda error: ("Our fault", 500))
    Dualware(app, everything)
    response = app.test_client().get("/fail")

    assert (500, "Our fault") == (response.status_code, response.text)
    assert lines[0]["error.type"].endswith("Failure")
    assert "completed" == lines[0]["outcome"]


@pytest.mark.parametrize("path", ["/", "/nowhere", "/fail"])
def test_answers_to_other_origins(path):
    """Every response has the headers without which a browser shows its scripts nothing."""
    app = application()
    Dualware(app, {"cors": {"allow_origins": ["https://shop.example"]}})
    response = app.test_client().get(path, headers={"Origin": "https://shop.example"})

    assert "https://shop.example" == response.headers["Access-Control-Allow-Origin"]


def test_error_that_passes(everything, lines):
    """Where Flask is to let it pass, the same object leaves."""
    app = application()
    app.testing = True
    Dualware(app, everything)
    result = WSGIClient(app).request(path="/fail")

    assert isinstance(result.error, Failure)
    assert "error" == lines[0]["outcome"]
    assert "/fail" == lines[0]["http.route"]


def test_stream(everything, lines):
    """The id is there in the body, which passes chunk by chunk."""
    app = application()
    Dualware(app, everything)
    result = WSGIClient(app).request(path="/stream", headers=INBOUND).reraise()

    assert [b"/stream ", GOOD.encode()] == [chunk for chunk in result.chunks if chunk]
    assert len("/stream ") + 32 == lines[0]["http.response.body.size"]


def test_metrics_are_told_the_route():
    """The figures of the timing middleware have it too."""
    figures = []
    app = application()
    Dualware(app, {"timing": {"metrics": [figures.append]}})
    app.test_client().get("/items/7")

    assert ["/items/<int:number>"] == [each.labels["http.route"] for each in figures]


def test_route_of_the_settings_counts_first():
    """Who tells timing the route by hand keeps that."""
    figures = []
    app = application()
    Dualware(app, {"timing": {"metrics": [figures.append], "route": lambda request: "/mine"}})
    app.test_client().get("/items/7")

    assert ["/mine"] == [each.labels["http.route"] for each in figures]


def test_request_past_the_stack():
    """Code that runs without it, such as `test_request_context`, finds no record, and no fault."""
    app = application()
    inner = app.wsgi_app
    Dualware(app, {"request_id": True})

    assert 200 == WSGIClient(inner).request(path="/items/7").reraise().status
    app.config["PROPAGATE_EXCEPTIONS"] = False
    assert 500 == WSGIClient(inner).request(path="/fail").reraise().status
