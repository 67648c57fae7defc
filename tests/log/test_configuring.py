"""`configure_logging`, in processes of their own: what it sets is the whole process's.

Knows what comes out on stdout and stderr, byte by byte. Must never configure the process that the
tests run in.
"""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import dualware

ROOT = Path(__file__).parents[2]
LIMIT = 60
"""Seconds after which a process is given up."""


def run(code, **options):
    """Run a program; returns what it wrote on stdout and on stderr. It must end well."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTHONIO")},
        **options.pop("environment", {}),
    }
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=options.pop("stdout", subprocess.PIPE),
        stderr=subprocess.PIPE,
        timeout=LIMIT,
        check=False,
    )

    assert 0 == done.returncode, done.stderr.decode()
    return (done.stdout or b"").decode(), done.stderr.decode()


def lines(code, **options):
    """The lines of a program that writes JSON, one object each, and nothing on stderr."""
    out, err = run(code, **options)

    assert "" == err
    assert out.endswith("\n")
    assert "" not in out.splitlines()
    return [json.loads(line) for line in out.split("\n")[:-1]]


def without_time(events):
    """The events without the time, which no test can know."""
    return [{k: v for k, v in each.items() if k not in {"timestamp", "time"}} for each in events]


# One shape


def test_structlog_and_logging_in_one_shape():
    """One line each, in order, with what each library adds."""
    # observability L5, observability L8
    events = lines(
        r"""
        import logging, sys
        import structlog
        import dualware

        dualware.configure_logging()
        log = structlog.get_logger()
        log.info("structured\n", rows=42)
        logging.getLogger("app").warning("%d rows\n\u2028", 42, extra={"table": "users\n"})
        log.bind(a=1).error("bound %s", "twice")
        logging.getLogger("app.sub").info("no extra", stack_info=False)
        try:
            1 / 0
        except ZeroDivisionError:
            log.exception("structlog's")
            logging.getLogger("app").exception("logging's")
        logging.getLogger("app").error("stack", stack_info=True)
        log.info("done")
        """
    )
    shown = without_time(events)
    traces = [each.pop("exception.stacktrace") for each in shown if "exception.stacktrace" in each]

    assert [
        {"event": "structured\n", "level": "info", "rows": 42},
        {"event": "42 rows\n\u2028", "level": "warning", "table": "users\n", "logger": "app"},
        {"event": "bound twice", "level": "error", "a": 1},
        {"event": "no extra", "level": "info", "logger": "app.sub"},
        {"event": "structlog's", "level": "error"},
        {"event": "logging's", "level": "error", "logger": "app"},
        {"event": "stack", "level": "error", "logger": "app"},
        {"event": "done", "level": "info"},
    ] == shown
    assert all(each["timestamp"].endswith("Z") for each in events)
    assert ["ZeroDivisionError: division by zero"] * 2 == [
        text.splitlines()[-1] for text in traces[:2]
    ]
    assert traces[2].startswith("Stack (most recent call last):")


def test_the_standard_library_writes_the_same():
    """Where orjson is not installed."""
    # observability L8
    program = """
        import logging, sys
        import structlog
        {}
        import dualware

        dualware.configure_logging()
        structlog.get_logger().info("é", values=[1, None, {{"a": 1.5}}, {{1}}], odd=float("nan"))
        logging.getLogger("app").info("ж", extra={{"n": 2**70}})
        """
    with_orjson = lines(program.format(""))
    without = lines(program.format("sys.modules['orjson'] = None"))

    assert without_time(with_orjson) == without_time(without)
    assert [["é", "ж"]] == [[each["event"] for each in without]]


@pytest.mark.parametrize(
    ("preset", "head", "ids"),
    [
        ("otel", ("event", "level", "timestamp"), "http.request.id"),
        ("ecs", ("message", "log.level", "@timestamp"), "http.request.id"),
        ("gcp", ("message", "severity", "time"), "request_id"),
        ("flat", ("event", "level", "timestamp"), "request_id"),
    ],
)
def test_every_line_of_an_exchange_has_its_id(preset, head, ids):
    """Under both protocols: lines of structlog, of `logging`, of threads, and the access log."""
    # observability X9, observability X10, observability L17
    events = lines(
        f"""
        import logging, threading
        import structlog
        import dualware
        from dualware.testing import Dual, Script

        dualware.configure_logging(preset={preset!r})
        log = structlog.get_logger()

        def work():
            log.info("thread")
            logging.getLogger("app").info("thread")

        def request():
            log.info("inside", user=7)
            logging.getLogger("app").info("inside")
            thread = threading.Thread(target=dualware.carry(work))
            thread.start()
            thread.join()

        for protocol in ("wsgi", "asgi"):
            log.info("outside")
            Dual(protocol).request(
                Script(on_request=request),
                {{"request_id": True, "logging": {{"preset": {preset!r}}}}},
                headers={{"X-Request-ID": protocol}},
            ).reraise()
        logging.getLogger("app").info("outside")
        """
    )
    event = head[0]
    inside = [None, *["wsgi"] * 5, None, *["asgi"] * 5, None]

    assert inside == [each.get(ids) for each in events]
    assert all(list(each)[:3] == list(head) for each in events)
    access = "GET /" if preset == "gcp" else "http.server.request"
    said = ["inside", "inside", "thread", "thread"]
    assert ["outside", *said, access] * 2 + ["outside"] == [
        each[event].removesuffix(" 200") for each in events
    ]
    assert {("INFO" if preset == "gcp" else "info")} == {each[head[1]] for each in events}


# Levels


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        ("debug", ["debug", "info", "warning", "error", "critical"]),
        ("info", ["info", "warning", "error", "critical"]),
        ("WARNING", ["warning", "error", "critical"]),
        ("error", ["error", "critical"]),
        ("critical", ["critical"]),
    ],
)
def test_the_level(level, shown):
    """Of structlog and of `logging` alike, in any case."""
    # observability L12
    events = lines(
        f"""
        import logging
        import structlog
        import dualware

        dualware.configure_logging(level={level!r})
        for name in ("debug", "info", "warning", "error", "critical"):
            getattr(structlog.get_logger(), name)("structlog")
            getattr(logging.getLogger("app"), name)("logging")
        """
    )

    assert [(each, by) for each in shown for by in ("structlog", "logging")] == [
        (each["level"], each["event"]) for each in events
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"level": "warn"}, "'warn' is no level; use one of debug, info, warning, error, critical"),
        ({"level": "silent"}, "'silent' is no level"),
        ({"level": ""}, "'' is no level"),
        ({"preset": "elastic"}, "'elastic' is no preset; use one of otel, ecs, gcp, flat"),
        ({"level": "x", "preset": "y"}, "'x' is no level"),
    ],
)
def test_mistakes(options, said):
    """They are told before anything is configured, so this process stays as it was."""
    # observability X13
    import logging

    import structlog

    before = structlog.get_config(), logging.getLogger().handlers[:]
    with pytest.raises(ValueError, match=said):
        dualware.configure_logging(**options)

    assert before == (structlog.get_config(), logging.getLogger().handlers)


# Streams


CONSOLE = """
    import logging
    import structlog
    import dualware
    from dualware.testing import Dual, Script

    dualware.configure_logging({})

    def request():
        structlog.get_logger().info("structured", rows=42)
        logging.getLogger("app").warning("the same: %d", 42, extra={{"table": "users"}})

    Dual("wsgi").request(
        Script(on_request=request), {{"request_id": True}}, headers={{"X-Request-ID": "abc"}}
    )
    """


@pytest.mark.parametrize("given", ["json=True", "json=None", "None", ""])
def test_json_where_there_is_no_terminal(given):
    """Asked for, by default, and where it is left to us."""
    assert ["structured", "the same: 42"] == [
        each["event"] for each in lines(CONSOLE.format(given))
    ]


def test_lines_for_people():
    """On demand; without colours where there is no terminal."""
    # observability L8, observability X10
    out, err = run(CONSOLE.format("json=False"))
    first, second = out.splitlines()

    assert "" == err
    assert "\x1b" not in out
    for line, parts in [
        (first, ["info", "structured", "request_id=abc", "rows=42"]),
        (second, ["warning", "the same: 42", "request_id=abc", "table=users", "app"]),
    ]:
        assert all(part in line for part in parts), line


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo terminals")
@pytest.mark.parametrize(("given", "people"), [("json=None", True), ("json=True", False)])
def test_on_a_terminal(given, people):
    """What is left to us is for people there, with colours."""
    import pty

    ours, theirs = pty.openpty()
    try:
        run(CONSOLE.format(given), stdout=theirs)
    finally:
        os.close(theirs)
    out = b""
    try:
        while chunk := os.read(ours, 65536):
            out += chunk
    except OSError:
        # Linux says so when nobody has the other end open any more.
        pass
    finally:
        os.close(ours)

    assert 2 == len(out.splitlines())
    assert people == (b"\x1b[" in out)
    assert people != out.startswith(b"{")


@pytest.mark.parametrize("given", ["json=True", "json=False", "json=None"])
def test_a_stream_without_bytes_below(given):
    """A test's StringIO takes text; nothing goes to stdout."""
    out, err = run(
        f"""
        import io, logging, sys
        import structlog
        import dualware

        stream = io.StringIO()
        dualware.configure_logging({given}, stream=stream)
        structlog.get_logger().info("one")
        logging.getLogger("app").info("two")
        print("nothing more")
        first, second = stream.getvalue().splitlines()
        assert "one" in first and "two" in second
        """
    )

    assert ("nothing more\n", "") == (out, err)


def test_a_stream_of_ones_own(tmp_path):
    """A file, say; both libraries write to it, in order."""
    path = tmp_path / "log"
    out, err = run(
        f"""
        import logging
        import structlog
        import dualware

        with open({str(path)!r}, "w") as file:
            dualware.configure_logging(stream=file)
            for number in range(3):
                structlog.get_logger().info("structlog", number=number)
                logging.getLogger("app").info("logging", extra=dict(number=number))
        """
    )
    events = [json.loads(line) for line in path.read_text().splitlines()]

    assert ("", "") == (out, err)
    assert [(by, n) for n in range(3) for by in ("structlog", "logging")] == [
        (each["event"], each["number"]) for each in events
    ]


def test_a_stream_that_nobody_else_holds(tmp_path):
    """It stays open for as long as it is logged to."""
    path = tmp_path / "log"
    program = f"""
        import structlog
        import dualware

        dualware.configure_logging(stream=open({str(path)!r}, "w"))
        structlog.get_logger().info("structlog")
        """
    out, err = run(program)

    assert ("", "") == (out, err)
    assert ["structlog"] == [json.loads(line)["event"] for line in path.read_text().splitlines()]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-16"])
def test_a_stream_of_another_encoding(encoding):
    """JSON is UTF-8 (RFC 8259 §8.1), whatever the locale of the process says."""
    # observability L8
    events = lines(
        """
        import logging
        import structlog
        import dualware

        dualware.configure_logging()
        structlog.get_logger().info("é ж 😀")
        logging.getLogger("app").info("é ж 😀")
        """,
        environment={"PYTHONIOENCODING": encoding},
    )

    assert ["é ж 😀"] * 2 == [each["event"] for each in events]


# Again


def test_called_twice():
    """The second call replaces the first: each line is written once, in the later shape."""
    events = lines(
        """
        import logging
        import structlog
        import dualware

        logging.basicConfig(format="former %(message)s")
        dualware.configure_logging(preset="flat", level="error")
        dualware.configure_logging(preset="ecs", level="debug")
        structlog.get_logger().debug("structlog")
        logging.getLogger("app").debug("logging")
        """
    )

    assert [("structlog", "debug"), ("logging", "debug")] == [
        (each["message"], each["log.level"]) for each in events
    ]


def test_the_access_log_after_a_second_call():
    """The line of an exchange follows too, as long as none was written before."""
    # observability L17
    events = lines(
        """
        import io
        import dualware
        from dualware.testing import Dual, Script

        dualware.configure_logging(stream=io.StringIO())
        stack = dualware.load({"logging": True})
        dualware.configure_logging(level="warning")
        Dual("asgi").request(Script(), stack)
        Dual("asgi").request(Script(status=503), stack)
        """
    )

    assert [503] == [each["http.response.status_code"] for each in events]


# Servers


@pytest.mark.parametrize("servers", [True, False])
def test_the_loggers_of_servers(servers):
    """They log in the same shape, and nothing about single requests; or are left alone."""
    # observability L20
    out, err = run(
        f"""
        import logging, sys
        import dualware

        for name in ("uvicorn", "uvicorn.access"):
            logger = logging.getLogger(name)
            logger.setLevel("INFO")
            logger.propagate = False
            logger.addHandler(logging.StreamHandler(sys.stdout))
        dualware.configure_logging(servers={servers})
        logging.getLogger("uvicorn").info("started")
        logging.getLogger("uvicorn.access").info("GET /")
        # uvicorn asks this before it makes a line, and its own switch sees to it.
        assert logging.getLogger("uvicorn.access").hasHandlers() is {not servers}
        """
    )

    assert "" == err
    if servers:
        assert ["started"] == [json.loads(line)["event"] for line in out.splitlines()]
    else:
        assert "started\nGET /\n" == out


# What users add, and what they do wrong


def test_processors_of_ones_own():
    """They are called for lines of both libraries, before a line is rendered."""
    events = lines(
        """
        import logging
        import structlog
        import dualware

        def add(logger, method, event):
            event["service"] = "shop"
            return event

        def drop(logger, method, event):
            if event["event"] == "secret":
                raise structlog.DropEvent
            return event

        dualware.configure_logging(processors=(each for each in [add, drop]))
        structlog.get_logger().info("structlog")
        structlog.get_logger().info("secret")
        logging.getLogger("app").info("logging")
        """
    )

    assert [("structlog", "shop"), ("logging", "shop")] == [
        (each["event"], each["service"]) for each in events
    ]


def test_context_variables():
    """What is bound with structlog is on lines of both libraries."""
    # observability X10
    events = lines(
        """
        import logging
        import structlog
        import dualware

        dualware.configure_logging()
        structlog.contextvars.bind_contextvars(user=7)
        structlog.get_logger().info("structlog")
        logging.getLogger("app").info("logging")
        """
    )

    assert [7, 7] == [each["user"] for each in events]


def test_fields_of_records():
    """`extra=` is on the line, whatever it holds; levels of the user's own have their names."""
    # observability L8
    events = lines(
        r"""
        import logging
        import dualware

        class Unspeakable:
            def __str__(self):
                raise RuntimeError

        dualware.configure_logging()
        logging.addLevelName(25, "NOTICE")
        log = logging.getLogger("app")
        log.log(25, "notice", extra={"a.b": {"c": (1, {2})}, "bad": Unspeakable(), "e\n": "\x85"})
        log.log(26, "unnamed")
        """
    )

    assert [
        {
            "event": "notice",
            "level": "notice",
            "a.b": {"c": [1, [2]]},
            "bad": "<Unspeakable that can't be shown>",
            "e\n": "\x85",
            "logger": "app",
        },
        {"event": "unnamed", "level": "level 26", "logger": "app"},
    ] == without_time(events)


def test_a_wrong_format_kills_nothing():
    """`logging` tells of it on stderr, as ever, and the next line comes."""
    out, err = run(
        """
        import logging
        import dualware

        dualware.configure_logging()
        logging.getLogger("app").info("%d rows", "many")
        logging.getLogger("app").info("goes on")
        """
    )

    assert ["goes on"] == [json.loads(line)["event"] for line in out.splitlines()]
    assert "--- Logging error ---" in err
    assert "%d rows" in err


def test_nothing_is_configured_by_an_import():
    """Who has a configuration keeps it."""
    out, err = run(
        """
        import logging
        import structlog

        before = structlog.get_config(), logging.getLogger().handlers[:]
        import dualware, dualware.log, dualware.asgi, dualware.wsgi
        dualware.configure_logging
        assert before == (structlog.get_config(), logging.getLogger().handlers)
        assert not structlog.is_configured()
        """
    )

    assert ("", "") == (out, err)
