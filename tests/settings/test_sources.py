"""`load` and `wrap`: settings from mappings, stacks, files, modules and the environment.

Knows where settings may stand. Must never test what one of them does.
"""

import json
import os
import re
import sys
from pathlib import Path
from types import MappingProxyType, ModuleType

import pytest

import dualware
from dualware import load, wrap
from dualware.middleware.request_id import RequestID
from dualware.middleware.timing import Timing
from tests.settings.parts import codes, refused, told

WANTED = {"request_id": {"header": "X-Shop-ID", "inbound": ["x-a", "x-b"]}, "timing": True}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder that the process works in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def module(monkeypatch):
    """A module called ``shop``, as it could be imported."""
    made = ModuleType("shop")
    monkeypatch.setitem(sys.modules, "shop", made)
    return made


def written(name, text):
    """A file of the working folder."""
    path = Path(name)
    path.write_text(text, encoding="utf-8")
    return path


def is_wanted(stack):
    """Whether the stack is that of `WANTED`."""
    request_id, timing = stack
    settings = request_id.settings
    return (RequestID, Timing) == (type(request_id), type(timing)) and (
        ("X-Shop-ID", ["x-a", "x-b"]) == (settings.header, settings.inbound)
    )


TOML = """
timing = true
[request_id]
header = "X-Shop-ID"
inbound = ["x-a", "x-b"]
"""


# What may be given


def test_a_mapping():
    """Of any kind."""
    assert is_wanted(load(WANTED))
    assert is_wanted(load(MappingProxyType(WANTED)))


def test_a_stack():
    """One that was made already is returned as it is."""
    stack = load(WANTED)

    assert stack is load(stack)


@pytest.mark.parametrize("kind", [str, Path, os.fsencode], ids=["str", "Path", "other"])
@pytest.mark.usefixtures("folder")
def test_a_toml_file(kind):
    """By its path, as text or as an object that is a path."""
    written("settings.toml", TOML)
    if kind is os.fsencode:

        class Other:
            def __fspath__(self):
                return "settings.toml"

        assert is_wanted(load(Other()))
    else:
        assert is_wanted(load(kind("settings.toml")))


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("pyproject.toml", "tool.dualware"),
        ("pyproject.toml", "dualware"),
        ("app.toml", "tool.dualware"),
        ("app.toml", "dualware"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_a_table_of_a_toml_file(name, table):
    """Others may have settings in the same file."""
    text = TOML.replace("[request_id]", f"[{table}.request_id]")
    text = text.replace("timing = true", f'[project]\nname = "x"\n[{table}]\ntiming = true')
    written(name, text)

    assert is_wanted(load(name))


@pytest.mark.usefixtures("folder")
def test_the_first_table_counts():
    """That of tools, where both are there."""
    written("app.toml", "[tool.dualware]\ntiming = true\n[dualware]\nlogging = true")

    assert [Timing] == [type(each) for each in load("app.toml")]


@pytest.mark.usefixtures("folder")
def test_a_json_file():
    """As a whole or under a key; with a byte order mark, as some editors write it."""
    written("settings.json", json.dumps(WANTED))
    written("app.json", "\ufeff" + json.dumps({"dualware": WANTED, "others": {}}))

    assert is_wanted(load("settings.json"))
    assert is_wanted(load("app.json"))


@pytest.mark.usefixtures("folder")
def test_the_schema_of_a_file():
    """Editors look for it in the file itself; it is no setting."""
    written("settings.json", json.dumps({"$schema": "dualware.schema.json", **WANTED}))

    assert is_wanted(load("settings.json"))


@pytest.mark.parametrize("given", [WANTED, MappingProxyType(WANTED), load(WANTED)], ids=repr)
def test_a_name(module, given):
    """Of a mapping or a stack in a module."""
    module.SETTINGS = given

    assert is_wanted(load("shop:SETTINGS"))


def test_the_environment(monkeypatch):
    """Variables that begin with the prefix; others are not looked at."""
    monkeypatch.setenv("SHOP_REQUEST_ID__HEADER", "X-Shop-ID")
    monkeypatch.setenv("SHOP_REQUEST_ID__INBOUND", "x-a, x-b")
    monkeypatch.setenv("SHOP_TIMING", "true")
    monkeypatch.setenv("DUALWARE_TIMNG", "true")

    assert is_wanted(load(env="SHOP_"))


@pytest.mark.usefixtures("folder")
def test_wrap(monkeypatch):
    """It takes the same."""
    written("settings.toml", TOML)
    monkeypatch.setenv("SHOP_TIMING", "true")

    def app(environ, start_response):
        raise NotImplementedError

    assert is_wanted(wrap(app, "settings.toml").stack)
    assert is_wanted(wrap(app, Path("settings.toml"), protocol="asgi").stack)
    assert [Timing] == [type(each) for each in wrap(app, env="SHOP_").stack]


def test_import_strings(module):
    """Whatever takes a callable or a pattern takes the name of one, in every source."""
    module.route = lambda request: None
    module.trusts = lambda request: True
    module.PATHS = re.compile("/internal/.*")
    settings = {
        "request_id": {"trust": "shop:trusts"},
        "logging": {"route": "shop:route", "exclude_regex": "shop:PATHS"},
        "timing": {"route": "shop:route", "expose_spans": "shop:trusts"},
    }
    request_id, logging, timing = load(settings)

    assert (module.trusts, module.trusts) == (
        request_id.settings.trust,
        timing.settings.expose_spans,
    )
    assert (module.route, module.route) == (logging.settings.route, timing.settings.route)
    assert module.PATHS is logging.settings.exclude_regex


def test_import_strings_inside_settings(module):
    """Policies of CORS have settings of their own."""
    module.allowed = lambda origin, request: True
    (cors,) = load({"cors": {"policies": [("/api", {"allow_origins": "shop:allowed"})]}})
    ((_, policy),) = cors.settings.policies

    assert module.allowed is policy.allow_origins
    assert [("DW205", "cors.policies[0][1].allow_origins")] == codes(
        {"cors": {"policies": [("/api", {"allow_origins": "shop:nothing"})]}}
    )


def test_import_strings_of_wrappers(module):
    """The wrapper classes take them as well."""
    module.valid = lambda text: text == "ok"
    wrapped = dualware.asgi.RequestIDMiddleware(print, validator="shop:valid")
    (built,) = wrapped.stack

    assert module.valid is built.settings.validator


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("shop:nothing", "'shop:nothing' can't be imported: module 'shop' has no attribute"),
        ("no_such_shop:x", "'no_such_shop:x' can't be imported: No module named 'no_such_shop'"),
    ],
)
def test_import_strings_that_lead_nowhere(module, value, sentence):
    """They are told as such, beside everything else that is wrong."""
    (other, (code, path, said, _)) = told({"timing": {"route": value, "max_bytes": 0}})

    assert ("DW205", "timing.route") == (code, path)
    assert said.startswith(sentence)
    assert ("DW106", "timing.max_bytes") == other[:2]


def test_a_regex_is_no_name():
    """What has anything but names around the colon is an expression."""
    (built,) = load({"request_id": {"validator": "tenant:[0-9]+"}})

    assert "tenant:[0-9]+" == built.settings.validator


# What can't be read


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("name", "text", "path", "sentence"),
    [
        ("none.toml", None, "none.toml", "can't be read: No such file or directory"),
        ("a.toml", "timing = ", "a.toml", "not TOML: Invalid value (at "),
        (
            "a.toml",
            "timing = true\ntiming = true",
            "a.toml",
            # tomli's own words, by its version.
            ("not TOML: Cannot overwrite a value", "not TOML: Can not overwrite a value"),
        ),
        ("a.json", '{"timing": tru}', "a.json", "not JSON: Expecting value: line 1 column 12"),
        ("a.json", "", "a.json", "not JSON: Expecting value: line 1 column 1"),
        (
            "a.json",
            '{"timing": {"header": "a", "metric": "b", "header": "c"}}',
            "a.json",
            "not JSON: 'header' stands in one object more than once",
        ),
        (
            "pyproject.toml",
            "[tool.other]",
            "pyproject.toml",
            "there is no table [tool.dualware]",
        ),
    ],
)
def test_files_that_are_none(name, text, path, sentence):
    """Each says what stands in the way, and the line if the parser knows it."""
    if text is not None:
        written(name, text)
    error = refused(name)
    (problem,) = error.problems

    assert name == error.source
    assert ("DW107", path) == (problem.code, problem.path)
    assert problem.sentence.startswith(sentence)


@pytest.mark.usefixtures("folder")
def test_files_that_nobody_can_read():
    """Neither a folder, nor what is not UTF-8, nor what is nested without end."""
    Path("folder.toml").mkdir()
    Path("latin.toml").write_bytes(b'timing.metric = "caf\xe9"')
    written("deep.json", "[" * 200_000)
    sentences = [refused(name).problems[0].sentence for name in sorted(Path().iterdir())]

    assert ["not JSON", "can't be read", "not TOML"] == [each.split(":")[0] for each in sentences]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("name", ["settings.yaml", "settings", "settings.TOML"])
def test_files_of_another_kind(name):
    """A path that is one, but of no format that is known here."""
    sentence = "not a TOML or JSON file"

    assert [("DW107", name, sentence, "name it .toml or .json")] == told(Path(name))
    assert "DW105" == refused(name).problems[0].code


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("no_such_shop:SETTINGS", "can't be imported: No module named 'no_such_shop'"),
        ("shop:NOTHING", "can't be imported: module 'shop' has no attribute 'NOTHING'"),
        ("shop:LISTED", "is neither a mapping nor a Stack, but of type list"),
    ],
)
def test_names_that_lead_nowhere(module, name, sentence):
    """Each says what stands in the way."""
    module.LISTED = []
    error = refused(name)

    assert name == error.source
    assert [("DW107", name, sentence, "")] == [
        (each.code, each.path, each.sentence, each.hint) for each in error.problems
    ]


@pytest.mark.parametrize(
    ("prefix", "hint"),
    [
        ("SHOPP_", "set SHOPP_REQUEST_ID=true, or no prefix"),
        ("", "write something like 'DUALWARE_'"),
        ("shop_", "write something like 'DUALWARE_'"),
        ("SHOP-", "write something like 'DUALWARE_'"),
    ],
)
def test_prefixes_of_nothing(monkeypatch, prefix, hint):
    """A prefix that no variable has is misspelt; one of all variables is none."""
    monkeypatch.setenv("SHOP_TIMING", "true")
    ((code, _, _, said),) = told(env=prefix)

    assert ("DW107", hint) == (code, said)


def test_two_sources():
    """Which of them counts nobody could tell."""
    with pytest.raises(TypeError, match="from a source or from env, not from both"):
        load({}, env="SHOP_")


# Where a problem is


@pytest.mark.usefixtures("folder")
def test_the_source_and_the_line_are_told():
    """Of a file, and of a table in it."""
    text = """# The shop.
[project]
name = "shop"

[tool.dualware]
timng = true
timing = { max_bytes = 0 }

[tool.dualware.request_id]
heder = "X-Shop-ID"
"""
    written("pyproject.toml", text)
    error = refused("pyproject.toml")

    assert "pyproject.toml [tool.dualware]" == error.source
    assert [("timng", 6), ("request_id.heder", 10), ("timing.max_bytes", 7)] == [
        (each.path, each.line) for each in error.problems
    ]
    assert "; did you mean 'header'? (line 10)\n" in str(error)


def test_lines_of_windows(folder):
    """They end in another way."""
    path = folder / "settings.toml"
    path.write_bytes(b"[timing]\r\nmetric = 'x'\r\nheder = 'y'\r\n")
    (problem,) = refused(path).problems

    assert ("timing.heder", 3) == (problem.path, problem.line)


def test_the_variable_is_told(monkeypatch):
    """Of the environment; inside of a value with the place there."""
    monkeypatch.setenv("SHOP_TIMING__MAX_BYTES", "0")
    monkeypatch.setenv("SHOP_TIMING__TIMING_ALLOW_ORIGIN", "https://a.example,b")
    monkeypatch.setenv("SHOP_TIMNG__METRIC", "x")
    monkeypatch.setenv("SHOP_REQUEST_ID", '{"heder": "X"}')
    error = refused(env="SHOP_")

    assert "environment variables SHOP_*" == error.source
    assert [
        ("DW102", "SHOP_TIMNG"),
        ("DW101", "SHOP_REQUEST_ID.heder"),
        ("DW106", "SHOP_TIMING__MAX_BYTES"),
        ("DW202", "SHOP_TIMING__TIMING_ALLOW_ORIGIN[1]"),
    ] == [(each.code, each.path) for each in error.problems]
    assert all(each.line is None for each in error.problems)


def test_the_name_is_told(module):
    """Of a mapping in a module."""
    module.SETTINGS = {"timng": True}

    assert "shop:SETTINGS" == refused("shop:SETTINGS").source
    assert [("DW102", "timng")] == codes("shop:SETTINGS")


def test_a_file_of_something_else(folder):
    """JSON may hold a list as well."""
    path = folder / "settings.json"
    path.write_text("[]", encoding="utf-8")

    assert [("DW105", "settings", "expected a mapping, got []", "")] == told(path)


def test_an_empty_file(folder):
    """It configures nothing, and that is no mistake."""
    path = folder / "settings.toml"
    path.write_text("", encoding="utf-8")

    assert [] == list(load(path))
