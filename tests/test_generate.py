"""The generated files: fresh, complete, and the same for both protocols.

Knows the settings models and the files made of them. Must never write into the package: what
writes does so in a copy.
"""

import inspect
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, Optional

import pytest
from pydantic import Field

import dualware.asgi
import dualware.wsgi
from dualware import _generate
from dualware.core.logging.presets import PRESETS
from dualware.middleware.model import Settings
from dualware.settings import ORDER, model_of
from dualware.settings.loading import module_of
from tests.builds import interpreted
from tests.least import least

FILES = {
    "dualware/asgi/__init__.py",
    "dualware/wsgi/__init__.py",
    "docs/log_fields.md",
    "docs/other_words.md",
    "docs/problems.md",
    "docs/settings.md",
}
ROOMS = [dualware.asgi, dualware.wsgi]

pytestmark = interpreted("the wrappers are made from docstrings, which are not compiled")


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of what is generated, in the place where the program looks for it."""
    root = tmp_path / "dualware"
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(_generate.ROOT.parent / name, tmp_path / name)
    monkeypatch.setattr(_generate, "ROOT", root)
    return root


def wrapper_of(room, word):
    """The wrapper class of a middleware."""
    return getattr(room, f"{ORDER[word]}Middleware")


def test_fresh(capsys):
    """What is checked in is what the models say now."""
    assert 0 == _generate.main(["--check"])
    assert "" == capsys.readouterr().out


def test_every_file():
    """The wrappers of both protocols, and the page."""
    root = _generate.ROOT.parent

    assert FILES == {path.relative_to(root).as_posix() for path in _generate.files()}


@pytest.mark.parametrize("name", sorted(FILES))
@pytest.mark.parametrize("harm", ["changed", "missing"])
def test_stale(package, capsys, name, harm):
    """A stale file is named and left alone by --check, and written without it."""
    path = package.parent / name
    text = path.read_text(encoding="utf-8")
    if harm == "changed":
        path.write_text(text + "\n# changed by hand\n", encoding="utf-8")
    else:
        path.unlink()
    harmed = path.read_text(encoding="utf-8") if path.exists() else None

    assert 1 == _generate.main(["--check"])
    assert harmed == (path.read_text(encoding="utf-8") if path.exists() else None)
    assert 0 == _generate.main([])
    assert text == path.read_text(encoding="utf-8")
    assert 0 == _generate.main(["--check"])
    assert f"stale: {name}\nwritten: {name}\n" == capsys.readouterr().out.replace("\\", "/")


def test_installed(package):
    """A package that was installed has no docs beside it, and none are made."""
    shutil.rmtree(package.parent / "docs")

    assert 0 == _generate.main(["--check"])
    assert not (package.parent / "docs").exists()


def test_as_a_program():
    """``python -m dualware._generate`` exits with the status."""
    command = [sys.executable, "-m", "dualware._generate", "--check"]

    assert 0 == subprocess.run(command, check=False).returncode


# What the wrappers take


@pytest.mark.parametrize("word", ORDER)
@pytest.mark.parametrize("room", ROOMS)
def test_parameters(room, word):
    """After the application every setting, by keyword only, with the model's own default."""
    first, *options = inspect.signature(wrapper_of(room, word)).parameters.values()

    assert ("app", first.POSITIONAL_OR_KEYWORD, first.empty) == (
        first.name,
        first.kind,
        first.default,
    )
    assert {first.KEYWORD_ONLY} == {each.kind for each in options}
    assert {
        name: field.get_default(call_default_factory=True)
        for name, field in model_of(word).model_fields.items()
    } == {each.name: each.default for each in options}


@pytest.mark.parametrize("word", ORDER)
def test_both_protocols_take_the_same(word):
    """Types as well, the application's own aside."""
    forth, back = (inspect.signature(wrapper_of(room, word)) for room in ROOMS)

    assert list(forth.parameters.values())[1:] == list(back.parameters.values())[1:]


@pytest.mark.parametrize("word", ORDER)
@pytest.mark.parametrize("room", ROOMS)
def test_what_is_given_arrives(room, word):
    """Every parameter reaches the setting of its name: none is crossed with another."""
    wrapper = wrapper_of(room, word)
    (built,) = wrapper(print, **least(word)).stack

    assert model_of(word)(**least(word)) == built.settings
    source = inspect.getsource(wrapper.__init__)
    names = list(model_of(word).model_fields)
    assert [(name, name) for name in names] == re.findall(
        r'^ +"(\w+)": (\w+),$', source, re.MULTILINE
    )


@pytest.mark.parametrize("room", ROOMS)
def test_everything_is_shown(room):
    """Every middleware has its wrapper, and every wrapper its line of help."""
    for word in ORDER:
        wrapper = wrapper_of(room, word)
        assert wrapper.__name__ in room.__all__
        assert module_of(word) in wrapper.__doc__


# What the page says


def test_the_page():
    """A table for each middleware in canonical order, a row for each setting, with its default."""
    page = (_generate.ROOT.parent / "docs" / "settings.md").read_text(encoding="utf-8")
    heads = re.findall(r"^## (\w+)$", page, re.MULTILINE)
    rows = re.findall(r"^\| `(\w+)` \| `(.+)` \| `(.+)` \| (.+) \|$", page, re.MULTILINE)
    fields = [each for word in ORDER for each in model_of(word).model_fields.items()]

    assert [*ORDER, "order"] == heads
    assert [name for name, _ in fields] == [name for name, *_ in rows]
    assert [_generate._default(field) for _, field in fields] == [row[2] for row in rows]
    assert all(field.description for _, field in fields)


def test_the_page_of_log_fields():
    """Every name of every preset stands in its column."""
    page = (_generate.ROOT.parent / "docs" / "log_fields.md").read_text(encoding="utf-8")
    rows = [line.split("|")[2:-1] for line in page.splitlines() if line.startswith("| ")][1:]
    columns = [{cell.strip(" `") for cell in column} - {""} for column in zip(*rows, strict=True)]

    for preset, column in zip(PRESETS.values(), columns, strict=True):
        constant = set(preset.constant or ())
        assert preset.known - constant == {name for name in column if not name.endswith("…")}


# How source is spelt


@pytest.mark.parametrize(
    ("annotation", "source"),
    [
        (str, "str"),
        (type(None), "None"),
        (Any, "Any"),
        (Ellipsis, "..."),
        (int | None, "int | None"),
        (Optional[str], "str | None"),  # noqa: UP045 an older spelling
        (Annotated[str, "anything"] | str, "str"),
        (Literal["a", False, 3], 'Literal["a", False, 3]'),
        (Callable[..., int], "Callable[..., int]"),
        (Callable[[], str], "Callable[[], str]"),
        (Callable[[int, Any], str | None], "Callable[[int, Any], str | None]"),
        (re.Pattern[str], "re.Pattern[str]"),
        (list[str] | tuple[str, ...], "list[str] | tuple[str, ...]"),
        (dict[str, list[int]], "dict[str, list[int]]"),
        (Path, "Path"),
    ],
    ids=repr,
)
def test_types(annotation, source):
    """As they are written by hand, without what only pydantic reads."""
    assert source == _generate._spelt(annotation)


class Long(Settings):
    """Settings whose types and defaults need more than a line, or other quotes."""

    short: str = 'a "quoted" word'
    """Has both kinds of quotes to choose from."""
    middle: str | None = "m" * 80
    """Its type fits into one line, and its default into another."""
    long: (
        Literal["a choice that is long", "and another one", "the last"]
        | list[str]
        | Callable[[int | str], bool]
    ) = Field(default="the last")
    """Needs a line for each member."""


def test_long_types():
    """Lines are broken as the formatter would break them."""
    spelt = [_generate._parameter(name, field) for name, field in Long.model_fields.items()]

    assert [
        "        short: str = 'a \"quoted\" word',",
        "        middle: (",
        "            str | None",
        f'        ) = "{"m" * 80}",',
        "        long: (",
        '            Literal["a choice that is long", "and another one", "the last"]',
        "            | list[str]",
        "            | Callable[[int | str], bool]",
        '        ) = "the last",',
    ] == "\n".join(spelt).split("\n")


@pytest.mark.parametrize(
    ("protocol", "text", "needed"),
    [
        ("asgi", "Callable[..., int]", ["from collections.abc import Callable"]),
        ("asgi", "Callable[[Any], int]", ["Callable", "from typing import Any"]),
        ("asgi", "Callable[[Request], Literal[1]]", ["Callable", "Literal", "", "import Request"]),
        ("wsgi", "re.Pattern[str]", ["import re", "", "import WSGIApplication"]),
    ],
)
def test_imports(protocol, text, needed):
    """What the types need, and no more: the linters see the files as well."""
    lines = list(_generate._imports(protocol, text))
    given = "\n".join(lines[lines.index("if TYPE_CHECKING:") + 1 :]).split("\n")

    assert len(needed) == len(given)
    assert all(line.endswith(end) for line, end in zip(given, needed, strict=True))
