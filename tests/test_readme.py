"""README, docs and changelog: every Python snippet runs, and does what the text beside it says.

A comment ``<!-- adds X-Team -->`` above a snippet names the response headers that its application
adds. Must never run anything but what stands in the pages.
"""

import asyncio
import logging
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import structlog

import dualware
from dualware.core.exchange import LEGAL
from dualware.detect import protocol_of

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]

SNIPPET = re.compile(
    r"(?:<!-- adds ([^\n]*) -->\n)?```python\n(.*?)^```$", re.MULTILINE | re.DOTALL
)


@pytest.fixture(autouse=True)
def _own_logging():
    """A snippet may configure logging, which is the process's own."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:], root.level = handlers, level


def snippets():
    """Every snippet of every page: the headers that it adds, its code, and where it stands."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for match in SNIPPET.finditer(text):
            line = text.count("\n", 0, match.start(2)) + 1
            added = match[1].split(", ") if match[1] else []
            yield pytest.param(added, match[2], page, line, id=f"{page.name}:{line}")


def answer_of(app):
    """What the application answers to a plain request."""
    if protocol_of(app) == "wsgi":
        with httpx.Client(transport=httpx.WSGITransport(app), base_url="http://test") as client:
            return client.get("/")

    async def ask():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get("/")

    return asyncio.run(ask())


@pytest.mark.parametrize(("added", "code", "page", "line"), list(snippets()))
def test_snippet(added, code, page, line):
    """A snippet runs, and the application that it makes answers, with the headers it is to add."""
    if "django" in code or code.startswith(SETTINGS_FILE):
        run_with_django(added, code, page)
        return
    names = {"__name__": "snippet"}
    # The newlines make tracebacks show the line of the page.
    exec(compile("\n" * (line - 1) + code, page, "exec"), names)

    if "app" in names:
        response = answer_of(names["app"])

        assert 200 == response.status_code
        assert added == [name for name in added if name in response.headers]


SETTINGS_FILE = "# settings.py\n"

DJANGO = """
import sys
import django
from django.conf import settings
from django.http import HttpResponse
from django.urls import path

module = {{}}
exec({settings!r}, module)
settings.configure(
    **{{
        "ALLOWED_HOSTS": ["*"],
        "SECRET_KEY": "of nobody",
        "ROOT_URLCONF": __name__,
        "MIDDLEWARE": [],
        **{{name: value for name, value in module.items() if name.isupper()}},
    }}
)
django.setup()
urlpatterns = [path("", lambda request: HttpResponse("Hello"))]
sys.path.insert(0, {root!r})
exec({code!r})

from tests.test_readme import answer_of

if "application" in globals():
    response = answer_of(application)
    assert response.status_code == 200, response
    assert [name for name in {added!r} if name not in response.headers] == []
"""


def run_with_django(added, code, page):
    """Django is set up once in a process, so each of its snippets gets one of its own.

    Its settings are those that the page shows.
    """
    shown = [match[2] for match in SNIPPET.finditer(page.read_text(encoding="utf-8"))]
    settings = "".join(each for each in shown if each.startswith(SETTINGS_FILE))
    program = DJANGO.format(root=str(ROOT), code=code, added=added, settings=settings)
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (0, "") == (done.returncode, done.stderr)


TOML = re.compile(r"```toml\n# (\S+?\.toml).*?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param(*found, id=f"{page.name}:{number}")
        for page in PAGES
        for number, found in enumerate(TOML.findall(page.read_text(encoding="utf-8")), 1)
    ],
)
def test_toml(tmp_path, name, text):
    """A settings file is taken as it stands there."""
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")

    assert len(dualware.load(path))


def test_there_are_snippets():
    """The patterns find what they look for: every fence that says Python, or TOML."""
    pages = [page.read_text(encoding="utf-8") for page in PAGES]

    assert sum(page.count("```python\n") for page in pages) == len(list(snippets()))
    assert sum(page.count("```toml\n") for page in pages) == sum(
        len(TOML.findall(page)) for page in pages
    )


def test_table_of_legal_orders():
    """The table in the docs is the one that the engine holds flows to."""
    lines = (ROOT / "docs" / "events.md").read_text(encoding="utf-8").splitlines()
    rows = lines[lines.index("| after | a flow may |") + 2 :][: len(LEGAL)]
    told = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    words = {
        event: sorted("return" if e is None else f"yield {e}" for e in LEGAL[event])
        for event in LEGAL
    }

    assert [[repr(event), *words[event]] for event in LEGAL] == [
        [event, *sorted(may.split(", "))] for event, may in told
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links(page):
    """A link to another page leads to a page that is there."""
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))

    assert [] == [link for link in links if not (page.parent / link).is_file()]
