"""The demo, run as a stranger runs it: what it prints, its exit status, and what it leaves behind.

Must never know what the middleware do: the demo compares, the tests see that it does.
"""

import io
import json
import os
import re
import signal
import socket
import subprocess
import sys

import httpx
import pytest

from examples import demo, demo_log, demo_servers

PATIENCE = 60
"""Seconds that a demo may take; it takes two."""

COMMAND = [sys.executable, "-m", "examples.demo"]
ENVIRONMENT = {**os.environ, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}

SAME = demo.Answer(200, (("x-request-id", "a" * 32), ("x-kept", "1")), "a" * 32)


def with_id(value, body="", **more):
    """An answer with the id ``value``."""
    return demo.Answer(200, (("x-request-id", value),), body, **more)


@pytest.fixture(scope="module")
def output():
    """What the demo prints, with its exit status."""
    done = subprocess.run(
        COMMAND,
        cwd=demo_servers.ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )

    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout


@pytest.mark.parametrize("row", demo.ROWS, ids=lambda row: row.title)
def test_every_row_is_shown(output, row):
    """Each row is there, and both sides agree."""
    (line,) = [
        line for line in output.splitlines() if re.match(rf" *\d+\. {re.escape(row.title)}", line)
    ]

    assert line.endswith("same" if row.says is None else "one side only")


def test_output_is_plain_and_narrow(output):
    """A terminal of 96 columns will do, and NO_COLOR is respected."""
    assert "\033" not in output
    assert 96 > max(map(len, output.splitlines()))


def test_ids_are_as_told(output):
    """What is valid comes back on both sides; in place of anything hostile stands a new id."""
    told = re.findall(
        r"^    X-Request-ID  (\S+(?: \(new\))?) +(\S+(?: \(new\))?)$", output, re.MULTILINE
    )
    new = re.compile(r"[0-9a-f]{32} \(new\)|-")
    taken = [pair for pair in told if not all(map(new.fullmatch, pair))]

    assert len(demo.ROWS) == len(told)
    assert [("from-the-proxy-7f3a",) * 2, ("please-debug-me",) * 2] == taken


def test_span_is_shown(output):
    """The span of the application came through on both sides."""
    assert re.search('Server-Timing (app;dur=\\*, db;desc="42 rows";dur=\\*) +\\1\n', output)


def test_codings_are_shown(output):
    """Both sides code the same bodies to the same bytes, and fewer of them."""
    told = re.findall(
        r"^    coding +(\w+), (\d+) of (\d+) bytes +\1, \2 of \3 bytes$", output, re.MULTILINE
    )

    assert ["gzip", "zstd", "gzip"] == [coding for coding, _, _ in told]
    assert all(int(wire) < int(size) / 10 for _, wire, size in told)


def test_log_lines_are_shown(output):
    """Those of both sides, one under the other, and only what must differ is marked."""
    _, _, logs = output.partition("The log lines of these requests")
    numbers = [int(number) for number in re.findall(r"^ *(\d+)\. event=", logs, re.MULTILINE)]
    both = [number for number, row in enumerate(demo.ROWS, 1) if row.says is None]
    one = [number for number, row in enumerate(demo.ROWS, 1) if row.says is not None]
    marked = set(re.findall(r"\*([\w.]+)=", logs))

    assert sorted([*both, *both, *one]) == numbers
    assert {"http.request.id", "http.server.request.duration", "timestamp", "ttfb"} == marked


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"]
)
def test_keep_leaves_both_running_until_told(number, status):
    """The printed commands work, and nothing is left when the demo is stopped."""
    with subprocess.Popen(
        [*COMMAND, "--keep"],
        cwd=demo_servers.ROOT,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        lines = []
        try:
            while "Ctrl-C" not in (lines or [""])[-1]:
                lines.append(process.stdout.readline())

                assert lines[-1], "the demo ended by itself"
            urls = re.findall(r"curl -i (http://\S+)", "".join(lines))
            with httpx.Client(trust_env=False, timeout=PATIENCE) as client:
                answered = [client.get(url).status_code for url in urls]
        finally:
            process.send_signal(number)
            process.wait(PATIENCE)

    assert [200, 200] == answered
    assert status == process.returncode
    for url in urls:
        with socket.socket() as probe:
            assert 0 != probe.connect_ex(("127.0.0.1", httpx.URL(url).port))


# What counts as a difference


@pytest.mark.parametrize(
    "other",
    [
        demo.Answer(201, SAME.headers, SAME.body),
        demo.Answer(200, SAME.headers, "another body"),
        demo.Answer(200, (*SAME.headers, ("x-more", "1")), SAME.body),
        demo.Answer(200, SAME.headers[:1], SAME.body),
        demo.Answer(200, (SAME.headers[0], ("x-kept", "2")), SAME.body),
        demo.Answer(200, SAME.headers[1:], SAME.body),
        demo.Answer(200, (*SAME.headers, SAME.headers[1]), SAME.body),
        demo.Answer(200, SAME.headers, SAME.body, sent=("a" * 32,)),
        demo.Answer(200, SAME.headers, SAME.body, wire=1),
    ],
    ids=[
        "status",
        "body",
        "more",
        "fewer",
        "value",
        "no id",
        "twice",
        "id kept on one side",
        "wire",
    ],
)
def test_a_difference_is_told(other, capsys):
    """Whatever a client relies on makes a row different, and both answers are shown whole."""
    assert demo.show(1, demo.ROWS[0], [SAME, other]) is False
    printed = capsys.readouterr().out
    assert "DIFFERENT" in printed
    assert 2 == printed.count("    ! (")


@pytest.mark.parametrize(
    "other",
    [
        SAME,
        demo.Answer(200, (("x-request-id", "b" * 32), ("x-kept", "1")), "b" * 32),
        demo.Answer(200, SAME.headers[::-1], SAME.body),
    ],
    ids=["nothing", "new ids", "order of headers"],
)
def test_no_difference(other, capsys):
    """What differs each time, and what no client relies on, does not make a row different."""
    assert demo.show(1, demo.ROWS[0], [SAME, other]) is True
    assert "DIFFERENT" not in capsys.readouterr().out


LINE = {"event": "http.server.request", "url.path": "/a b", "ttfb": 0.1, "http.request.id": "x"}


@pytest.mark.parametrize(
    ("other", "verdict"),
    [
        (LINE, True),
        ({**LINE, "ttfb": 0.2}, True),
        ({**LINE, "http.request.id": "y"}, True),
        ({**LINE, "http.request.id": "z"}, False),
        ({**LINE, "url.path": "/b"}, False),
        ({**LINE, "more": 1}, False),
        ({}, False),
    ],
)
def test_lines_differ_only_where_they_must(other, verdict, capsys):
    """In times, and in ids that were made anew."""
    assert verdict is demo_log.show_row(1, [LINE, other], frozenset({"x", "y"}), demo.paint)
    printed = capsys.readouterr().out
    assert verdict is ("DIFFERENT" not in printed)
    assert 'url.path="/a b"' in printed


def test_a_line_that_never_comes_is_missed():
    """It is waited for no longer than patience lasts, and other lines are none."""
    log = io.BytesIO(b'serving\n{"event":"other"}\n' + json.dumps(LINE).encode() + b"\n")

    assert [LINE] == demo_log.read(log, 2, 0.01)
    assert [LINE] == demo_log.read(log, 1, 60)


def test_ids_that_were_sent_are_compared():
    """An id that came in is no new one, so another in its place is a difference."""
    kept = with_id("mine", sent=("mine",))
    lost = with_id("b" * 32, sent=("mine",))

    assert kept.relied_on() != lost.relied_on()


@pytest.mark.parametrize(("same", "status"), [(True, 0), (False, 1)])
def test_exit_status(monkeypatch, same, status):
    """0 only if all rows agree."""
    monkeypatch.setattr(demo, "running", lambda side: demo.contextlib.nullcontext(0))
    monkeypatch.setattr(demo, "compare", lambda servers: same)
    monkeypatch.setattr(signal, "signal", lambda *_: None)

    assert status == demo.main([])


@pytest.mark.parametrize(
    ("no_color", "terminal", "painted"),
    [("", True, "\033[1;32msame\033[0m"), ("1", True, "same"), ("", False, "same")],
)
def test_colour(monkeypatch, no_color, terminal, painted):
    """Colour is for terminals whose owner wants it."""
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal, raising=False)

    assert painted == demo.paint("same", 32)


def test_server_that_does_not_start():
    """What the server said is told, and nothing waits for it."""
    side = demo_servers.Side("A side", ("examples.no_such_module",))

    with (
        pytest.raises(SystemExit, match="A side does not start") as raised,
        demo_servers.running(side),
    ):
        pass
    assert "No module named examples.no_such_module" in str(raised.value)
