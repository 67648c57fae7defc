"""Every example, as it stands: what it answers, and the line that it logs for each answer.

An example is imported in a process of its own, since it configures logging, and Django. Must never
know a framework: what is promised is the same for all.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "examples"
NO_APPLICATIONS = {"__init__", "demo", "demo_log", "settings"}

APPLICATIONS = [
    (path.stem, name)
    for path in sorted(FOLDER.glob("*.py"))
    if path.stem not in NO_APPLICATIONS
    for name in re.findall(r"^((?:asgi_)?app) = ", path.read_text("utf-8"), re.MULTILINE)
]

ASK = """
import importlib, json, logging, sys, warnings

module, name = sys.argv[1:]
app = getattr(importlib.import_module(f"examples.{module}"), name)
# From here on: what others import may be deprecated.
warnings.simplefilter("error")
warnings.filterwarnings("ignore", "StreamingHttpResponse must consume")

from dualware.detect import protocol_of
from dualware.testing import ASGIClient, WSGIClient

# What frameworks say of errors stays out of the way.
for word in ("examples", "litestar", "quart", "falcon", "django"):
    logging.getLogger(word).setLevel(logging.CRITICAL + 1)
ask = (
    WSGIClient(app, lint=False).request
    if protocol_of(app) == "wsgi"
    else lambda **request: ASGIClient(app, lint=False).request_sync(backend="asyncio", **request)
)
answers = []
for path in ("/", "/stream", "/nowhere", "/broken"):
    result = ask(path=path, headers={"X-Request-ID": f"id-of{path.replace('/', '-')}"})
    answers.append([result.status, result.headers, result.body.decode(), repr(result.error)])
print(json.dumps({"answers": answers}))
"""


@pytest.fixture(scope="module", params=APPLICATIONS, ids="{0[0]}:{0[1]}".format)
def asked(request):
    """What an example answers to four requests, and the lines that it logs."""
    done = subprocess.run(
        [sys.executable, "-c", ASK, *request.param],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert 0 == done.returncode, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    answers = next(event["answers"] for event in events if "answers" in event)
    lines = [event for event in events if event.get("event") == "http.server.request"]
    return answers, lines


def values(answer, name):
    """Every value of a header field of an answer."""
    return [value for known, value in answer[1] if known == name]


def test_status(asked):
    """Two pages, one that is not there, one that fails."""
    answers, _ = asked

    assert [200, 200, 404, 500] == [answer[0] for answer in answers]


def test_headers(asked):
    """Each answer has the id once, and the time once, that of a failure too.

    What request_id answers in the place of an application that makes no 500 has no time: flows
    inside it never see that answer.
    """
    answers, _ = asked
    ids = ["id-of-", "id-of-stream", "id-of-nowhere", "id-of-broken"]

    assert [[each] for each in ids] == [values(answer, "x-request-id") for answer in answers]
    times = [
        values(answer, "server-timing") for answer in answers if "Request id:" not in answer[2]
    ]
    assert len(times) >= 3
    assert all(re.fullmatch(r"app;dur=\d+\.\d+", time) for (time,) in times)


def test_stream(asked):
    """All of it."""
    answers, _ = asked

    assert "part 1\npart 2\npart 3\n" == answers[1][2]


def test_one_line_for_each_request(asked):
    """With id, status and path."""
    answers, lines = asked

    assert ["/", "/stream", "/nowhere", "/broken"] == [line["url.path"] for line in lines]
    assert [answer[0] for answer in answers] == [
        line["http.response.status_code"] for line in lines
    ]
    assert [values(answer, "x-request-id")[0] for answer in answers] == [
        line["http.request.id"] for line in lines
    ]
    assert ["info", "info", "info", "error"] == [line["level"] for line in lines]


FRAMEWORKS = {
    "bottle", "django", "falcon", "fastapi", "flask", "litestar", "plain", "pyramid", "quart",
    "starlette",
}  # fmt: skip


def test_there_is_an_example_of_each():
    """One for each framework that the README names, and one for none."""
    assert FRAMEWORKS == {module.removesuffix("_app") for module, _ in APPLICATIONS}
