"""Access logs of real servers: which write one, and what silences it, so that there is one line.

Every claim of docs/servers.md, "One line, not two", is tried. Knows how each server is told.
Must never read anything but what the server wrote.
"""

import re
import subprocess
import sys
import time

import pytest
from websockets.sync.client import connect

from tests.servers.running import PATIENCE, running

WSGI = "tests.servers.quiet_app:wsgi"
ASGI = "tests.servers.quiet_app:asgi"
DJANGO = "django runserver --noreload --settings tests.servers.quiet_app 127.0.0.1:{port}"

# Server → the module it is in, and its command line.
SERVERS = {
    "uvicorn": ("uvicorn", f"uvicorn --port {{port}} {ASGI}"),
    "uvicorn-wsgi": ("uvicorn", f"uvicorn --interface wsgi --port {{port}} {WSGI}"),
    "gunicorn": ("gunicorn", f"gunicorn -b 127.0.0.1:{{port}} {WSGI}"),
    "gunicorn-gthread": ("gunicorn", f"gunicorn -k gthread -b 127.0.0.1:{{port}} {WSGI}"),
    "gunicorn-asgi": ("gunicorn.asgi", f"gunicorn -k asgi -b 127.0.0.1:{{port}} {ASGI}"),
    "hypercorn": ("hypercorn", f"hypercorn -b 127.0.0.1:{{port}} {ASGI}"),
    "hypercorn-wsgi": ("hypercorn", f"hypercorn -b 127.0.0.1:{{port}} wsgi:{WSGI}"),
    "granian": ("granian", f"granian --interface asgi --port {{port}} {ASGI}"),
    "granian-wsgi": ("granian", f"granian --interface wsgi --port {{port}} {WSGI}"),
    "waitress": ("waitress", f"waitress --listen=127.0.0.1:{{port}} {WSGI}"),
    "cheroot": ("cheroot", f"cheroot --bind 127.0.0.1:{{port}} {WSGI}"),
    "daphne": ("daphne", f"daphne -b 127.0.0.1 -p {{port}} {ASGI}"),
    "wsgiref": ("wsgiref", f"tests.servers.small wsgiref {{port}} {WSGI}"),
    "wsgiref-quiet": ("wsgiref", f"tests.servers.small wsgiref-quiet {{port}} {WSGI}"),
    "werkzeug": ("werkzeug", f"tests.servers.small werkzeug {{port}} {WSGI}"),
    "django": ("django", DJANGO),
    "django-daphne": ("daphne", DJANGO),
}

# What is added to a command line → whether there are lines. "" is the server left alone.
SWITCHES = {
    "uvicorn": {"": True, "--no-access-log": False},
    "uvicorn-wsgi": {"": True, "--no-access-log": False},
    "gunicorn": {"": False, "--access-logfile -": True},
    "gunicorn-gthread": {"": False, "--access-logfile -": True},
    "gunicorn-asgi": {"": False, "--access-logfile -": True},
    "hypercorn": {"": False, "--access-logfile -": True},
    "hypercorn-wsgi": {"": False, "--access-logfile -": True},
    "granian": {"": False, "--access-log": True},
    "granian-wsgi": {"": False, "--access-log": True},
    "waitress": {"": False},
    "cheroot": {"": False},
    "daphne": {"": True, "-v 0": False},
    "wsgiref": {"": True},
    "wsgiref-quiet": {"": False},
    "werkzeug": {"": True},
    "django": {"": True},
    "django-daphne": {"": True},
}
OURS = re.compile(r'"event": ?"(?:http\.server\.request|websocket\.session)"')
"""A line of our own access log."""
UNLOGGED = ("daphne", "wsgiref")
"""Servers that write their lines without `logging`."""


class Log:
    """What a server wrote, its own lines about what was asked told apart from ours."""

    def __init__(self, path):
        self.written = path.read_text(errors="replace").splitlines()
        about = [line for line in self.written if "/asked/" in line]
        self.ours = [line for line in about if OURS.search(line)]
        self.theirs = [line for line in about if line not in self.ours]


@pytest.fixture
def lines(tmp_path, monkeypatch):
    """Starts a server, asks it three times, and returns its own lines about that, and all.

    Beside them there are three of our own access log. Some servers write when the client has long
    gone, so as many lines as are expected are waited for; where none are, two more requests show
    that those for the first have had their time.
    """

    def run(name, switch="", told="", *, expected=0, ask=None):
        monkeypatch.setenv("PYTHONUNBUFFERED", "1")
        if told:
            monkeypatch.setenv(f"DUALWARE_{told}", "1")
        if name == "django-daphne":
            monkeypatch.setenv("DUALWARE_DJANGO_APPS", "daphne")
        module, command = SERVERS[name]
        path = tmp_path / "log"
        # A switch comes first: behind the address Django's commands take none.
        server, _, arguments = command.partition(" ")
        with running(name, module, f"{server} {switch} {arguments}", path) as started:
            for number in range(3):
                (ask or get)(started, number)
            for _ in range(2):
                started.get("/after")
            for _ in range(PATIENCE * 20):
                log = Log(path)
                if len(log.ours) >= 3 and len(log.theirs) >= expected:
                    break
                time.sleep(0.05)
        log = Log(path)

        assert 3 == len(log.ours)
        return log.theirs, log.written

    return run


def get(server, number):
    """Make a request, and see that it went through the wrapper."""
    wire = server.get(f"/asked/{number}")

    assert (200, b"hello", 1) == (wire.status, wire.body, len(wire.values("x-request-id")))


@pytest.mark.parametrize(
    ("name", "switch", "logged"),
    [(name, switch, logged) for name, each in SWITCHES.items() for switch, logged in each.items()],
)
def test_the_switch(lines, name, switch, logged):
    """What each server does by itself, and when it is told."""
    # observability L20
    # Under Django daphne's lines also reach the root logger, and come twice.
    twice = 1 + (name == "django-daphne")
    found, _ = lines(name, switch, expected=3 * logged * twice)
    numbers = sorted(line.partition("/asked/")[2][:1] for line in found)

    assert sorted(["0", "1", "2"] * logged * twice) == numbers


@pytest.mark.parametrize("name", [name for name, each in SWITCHES.items() if any(each.values())])
def test_silence(lines, name):
    """Called by the application's own module, under a server whose access log is on."""
    # observability L20
    switch = next(switch for switch, logged in SWITCHES[name].items() if logged)
    expected = 3 * (name in UNLOGGED)
    found, _ = lines(name, switch, "SILENCE", expected=expected)

    assert expected == len(found)


SHAPED = ("uvicorn", "uvicorn-wsgi", "waitress")
"""Servers that run in one process, and set their loggers up before they import the application."""


@pytest.mark.parametrize("name", [*SHAPED, "gunicorn", "gunicorn-asgi", "granian", "hypercorn"])
def test_configured_with_the_application(lines, name):
    """`configure_logging` is enough: what a server says comes in the same shape, and once."""
    # observability L20
    switch = next((switch for switch, logged in SWITCHES[name].items() if logged), "")
    found, written = lines(name, switch, "SERVERS")
    # With the time and process in front, or as JSON.
    said = [re.sub(r"^\S+ \S+ \S+ \[\d+\] ", "", line) for line in written]

    assert [] == found
    assert len(set(said)) == len(said)
    assert sum("Running on" in line or "Serving on" in line for line in written) <= 1
    assert name not in SHAPED or [] == [line for line in written if not line.startswith("{")]


def session(server, number):
    """Open a websocket session and close it."""
    url = f"ws://127.0.0.1:{server.port}/asked/{number}"
    with connect(url, proxy=None, open_timeout=PATIENCE, close_timeout=PATIENCE):
        pass


@pytest.mark.parametrize(("told", "logged"), [("", 3), ("SILENCE", 0)])
def test_sessions_under_uvicorn(lines, told, logged):
    """Its switch leaves the lines about websocket sessions there."""
    # observability L20
    found, written = lines("uvicorn", "--no-access-log", told, expected=logged, ask=session)

    assert logged == len(found)
    assert logged == sum("connection open" in line for line in written)
    assert any("Uvicorn running" in line for line in written)


# Before and after the server sets its logging up, each in a process of its own


SET_UPS = {
    "uvicorn.access": "from uvicorn.config import Config; Config('x:y').configure_logging()",
    "gunicorn.access": (
        "from gunicorn.config import Config; from gunicorn.glogging import Logger;"
        "config = Config(); config.set('accesslog', '-'); Logger(config)"
    ),
    "hypercorn.access": (
        "from hypercorn.config import Config; config = Config(); config.accesslog = '-'; config.log"
    ),
    "granian.access": (
        "from granian.log import LogLevels, configure_logging; configure_logging(LogLevels.info)"
    ),
    "django.server": (
        "import django; from django.conf import settings; settings.configure(); django.setup()"
    ),
    "django.channels.server": (
        "import logging.config; logging.config.dictConfig({'version': 1,"
        "'disable_existing_loggers': False, 'root': {'level': 'INFO',"
        "'handlers': ['out']}, 'handlers': {'out': {'class': 'logging.StreamHandler'}}})"
    ),
    "werkzeug": "from werkzeug._internal import _log; _log('info', ' * Running')",
}
REQUESTS = {
    "django.server": "'\"%s\" %s %s', 'GET /asked/0 HTTP/1.1', '200', '5'",
    "django.channels.server": (
        "'HTTP %(method)s %(path)s %(status)s [%(time_taken).2f, %(client)s]', {'method': 'GET',"
        "'path': '/asked/0', 'status': 200, 'time_taken': 0.1, 'client': 'c'}"
    ),
    "werkzeug": "'1.2.3.4 - - [now] \"%s\" %s %s', 'GET /asked/0 HTTP/1.1', 200, 5",
    "uvicorn.access": "'%s - \"%s %s HTTP/%s\" %d', '1.2.3.4:5', 'GET', '/asked/0', '1.1', 200",
}
PROGRAM = """
import logging
from dualware.log import silence_server_access_log

{steps}
logging.getLogger({name!r}).info({request})
for name in ("werkzeug", "django.server", "django.channels.server", "uvicorn.error"):
    logging.getLogger(name).error("another line of %s: connection closed, no answer", name)
assert len(logging.getLogger({name!r}).filters) <= 1
"""
SILENCE = "silence_server_access_log()"
STEPS = {
    "before": lambda set_up: [SILENCE, set_up],
    "after": lambda set_up: [set_up, SILENCE],
    "both": lambda set_up: [SILENCE, set_up, SILENCE],
    "never": lambda set_up: [set_up],
}


@pytest.mark.parametrize("name", SET_UPS)
@pytest.mark.parametrize("silenced", STEPS)
def test_before_and_after_the_set_up(name, silenced):
    """Some servers set logging up before they import the application, some for every worker."""
    # observability L20
    steps = "\n".join(STEPS[silenced](SET_UPS[name]))
    request = REQUESTS.get(name, "'GET /asked/0 %s', 200")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(steps=steps, name=name, request=request)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    written = done.stdout + done.stderr

    assert (silenced == "never") is ("/asked/0" in written)
    # Django's set-up shows those of daphne's logger under DEBUG only.
    assert 4 - (name == "django.server") == written.count("another line of ")
