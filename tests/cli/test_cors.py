"""``dualware explain cors``: what a page gets by the real settings, with the reason.

Knows requests of pages. Must never test a verdict of CORS: `tests/cors` does.
"""

import logging

import pytest

SETTINGS = """
logging.sink = "shop:no_sink"
[cors]
allow_origins = ["https://shop.example"]
allow_methods = ["PUT"]
allow_headers = ["Content-Type"]
expose_headers = ["X-Request-ID"]
"""


@pytest.fixture
def shop(command):
    """A folder with settings, and a sink that must not hear of what never was."""
    command.write(
        dualware_toml=SETTINGS,
        shop_py="def no_sink(event):\n    raise AssertionError(event)\n",
        credentials_toml="""
request_id = true
[cors]
allow_origins = ["https://shop.example"]
allow_credentials = true
expose_headers = ["X-Request-ID"]
""",
        paths_json='{"cors": {"policies": [["/api", {"allow_origins": ["*"]}]]}}',
        none_toml="timing = true\n",
    )
    return command


def explain(shop, *arguments):
    """The exit status, and the lines."""
    status, out = shop("explain", "cors", *arguments)
    return status, out.splitlines()


def test_what_passes(shop):
    """The requests, the checks of the browser, what CORS says, and what the page reads."""
    arguments = ("--origin", "https://shop.example", "--method", "PUT", "--header", "content-type")
    status, lines = explain(shop, *arguments)

    assert 0 == status
    assert "A page of https://shop.example asks for PUT https://api.invalid/" in lines[0]
    assert lines[0].endswith(" with the header content-type,")
    assert "by the settings of dualware.toml" == lines[1]
    assert ["  OPTIONS https://api.invalid/", "  PUT https://api.invalid/"] == lines[4:6]
    assert 5 == sum(line.startswith("  passes  Fetch, CORS") for line in lines)
    assert ["  preflight: allowed", "  actual: allowed"] == lines[-4:-2]
    assert "The page can read the response: its status, its body." == lines[-1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--origin", "http://shop.example", "--method", "PUT", "--credentials"],
            [
                "preflight: denied, origin-denied",
                "  it is nearly allowed; mind the scheme of 'https://shop.example'",
                "  name the origin in allow_origins, if you trust its pages",
            ],
        ),
        (
            ["--origin", "https://evil.example"],
            [
                "actual: denied, origin-denied",
                "  name the origin in allow_origins, if you trust its pages",
            ],
        ),
        (
            ["--origin", "shop.example"],
            [
                "actual: denied, origin-invalid",
                "  write an origin as browsers do: scheme, host and port, nothing else",
            ],
        ),
        (
            ["--origin", "https://shop.example", "--method", "DELETE"],
            ["preflight: denied, method-denied", "  name the method in allow_methods"],
        ),
        (
            ["--origin", "https://shop.example", "--header", "X-Team: blue"],
            ["preflight: denied, header-denied", "  name the header in allow_headers"],
        ),
        (
            ["--origin", "https://shop.example", "--credentials"],
            [
                "actual: allowed",
                "allowed, but not with credentials: set allow_credentials, and name the origins",
            ],
        ),
    ],
)
def test_what_fails(shop, arguments, said):
    """With the step at which it does, the reason, the near miss, and what to do; and 1."""
    status, lines = explain(shop, *arguments)
    (failed,) = [line for line in lines if line.startswith("  FAILS   Fetch, ")]

    assert 1 == status
    assert "step" in failed
    assert [f"  {line}" for line in said] == lines[lines.index("What the settings say") + 1 : -2]
    assert "The page gets nothing." == lines[-1]


def test_credentials(shop):
    """They go along, and what else is configured counts as well."""
    arguments = ("--origin", "https://shop.example", "--credentials")
    status, lines = explain(shop, *arguments, "--settings", "credentials.toml")

    assert (0, "with credentials,") == (status, lines[0][-17:])
    assert lines[-1].endswith("its status, its body, x-request-id.")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--method", "TRACE"], ["What is sent", "", "What the browser checks"]),
        (["--method", "TRACE"], ["What the settings say", "  nothing: they are not asked", ""]),
        (
            ["--header", "Cookie: a=b", "--header", "accept: text/html"],
            ["  GET https://api.invalid/", "  without Cookie, which no script can set", ""],
        ),
        (
            ["--header", "cookie", "--header", "content-type", "--method", "PUT"],
            ["  PUT https://api.invalid/", "  without cookie, which no script can set", ""],
        ),
        (
            ["--origin", "null"],
            [
                "  actual: denied, origin-denied",
                "    leave it so: every sandboxed frame has the origin null, whoever wrote it",
                "",
            ],
        ),
    ],
)
def test_what_browsers_do_not_do(shop, arguments, said):
    """No settings can make them; and nobody should be told to trust what has no name."""
    _, lines = explain(shop, "--origin", "https://shop.example", *arguments)
    cut = [line.partition(" (")[0] for line in lines]
    start = cut.index(said[0])

    assert said == cut[start : start + len(said)]


@pytest.mark.parametrize(
    ("url", "status", "said"),
    [
        ("https://api.invalid/api/items", 0, "actual: allowed"),
        ("https://api.invalid/other", 1, "nothing: no policy is for that path"),
    ],
)
def test_policies(shop, url, status, said):
    """The path is that of the URL."""
    arguments = ("--origin", "https://a.example", "--url", url, "--settings", "paths.json")
    found, lines = explain(shop, *arguments)

    assert (status, f"  {said}") == (found, lines[lines.index("What the settings say") + 1])


def test_the_same_origin(shop):
    """CORS is about others."""
    status, lines = explain(shop, "--origin", "https://api.invalid")

    assert 0 == status
    assert "Nothing is checked: the page is of the same origin." in lines


def test_json(shop):
    """For programs."""
    arguments = ("--origin", "http://shop.example", "--method", "PUT")
    status, data = shop.data("explain", "cors", *arguments)

    assert 1 == status
    assert {
        "source": "dualware.toml",
        "succeeded": False,
        "requests": [{"method": "OPTIONS", "url": "https://api.invalid/"}],
        "verdicts": [
            {
                "kind": "preflight",
                "verdict": "denied",
                "reason": "origin-denied",
                "near_miss": "scheme of 'https://shop.example'",
            }
        ],
        "headers": [],
    } == {name: each for name, each in data.items() if name != "steps"}
    assert [False] == [step["passed"] for step in data["steps"]]


def test_it_leaves_the_logger_alone(shop):
    """What is told of settings is told once, when they are read."""
    records = []
    handler = logging.Handler()
    handler.emit = records.append
    shop.write(dualware_toml='cors.allow_origin_regex = "https://shop.example"')
    logger = logging.getLogger("dualware")
    logger.addHandler(handler)
    try:
        explain(shop, "--origin", "https://shop.example")
    finally:
        logger.removeHandler(handler)

    assert 1 == len(records)
    assert not logger.disabled


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "say whose page asks: --origin https://shop.example"),
        (["--origin", "https://a.example", "--url", "/api"], "'/api' is no URL; write --url"),
        (
            ["--origin", "https://a.example", "--settings", "none.toml"],
            "none.toml does not configure cors, so no page of another origin can",
        ),
    ],
)
def test_what_makes_no_sense(shop, arguments, sentence):
    """It is told, with 2."""
    assert (2, "") == shop("explain", "cors", *arguments)
    assert f"dualware: {sentence}" in shop.err


def test_settings_that_are_wrong_or_missing(shop):
    """As for every command."""
    shop.write(dualware_toml="cors = true")
    status, out = shop("explain", "cors", "--origin", "https://shop.example")

    assert (1, True) == (status, "DW103  cors.allow_origins" in out)
    (shop.folder / "dualware.toml").unlink()
    assert (2, "") == shop("explain", "cors", "--origin", "https://shop.example")
    assert "dualware: no settings: " in shop.err
