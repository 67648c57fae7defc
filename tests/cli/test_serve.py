"""``dualware serve``: real servers on a free port, and every way in which it can't start.

Knows uvicorn and waitress. Whatever it starts is bounded in time, and stopped by its id.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time

import httpx
import pytest

PATIENCE = 20.0
"""Seconds that anything may take; nothing does unless it is broken."""

APPS = """
TEXT = "one"

def wsgi(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [TEXT.encode()]

async def asgi(scope, receive, send):
    if scope["type"] != "http":
        raise ValueError(scope["type"])
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": TEXT.encode()})

def either(*given):
    return wsgi(*given)

NOTHING = 3
"""


PROGRAM = """
import signal, sys
from dualware.cli import main
# Whoever runs the tests in the background may have Ctrl-C ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(main())
"""


@pytest.fixture
def shop(command):
    """A folder with applications and settings."""
    command.write(shop_py=APPS, dualware_toml='request_id.header = "X-Shop-ID"\ntiming = true\n')
    return command


@contextlib.contextmanager
def serving(folder, *arguments):
    """The server that the command starts, and its port; stopped in the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "serve", *arguments, "--port", str(port)],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        yield process, port
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def answer(port, until=None):
    """What the server answers, tried until it does, or until it says something in particular."""
    deadline = time.monotonic() + PATIENCE
    with httpx.Client(trust_env=False, timeout=PATIENCE) as client:
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.TransportError):
                response = client.get(f"http://127.0.0.1:{port}/")
                if until in (None, response.text):
                    return response
            time.sleep(0.05)
    pytest.fail(f"no answer at {port}")


@pytest.mark.parametrize("protocol", ["asgi", "wsgi"])
def test_a_server(shop, protocol):
    """Each protocol has its own, and the settings of the folder are around the application."""
    with serving(shop.folder, f"shop:{protocol}") as (process, port):
        response = answer(port)
        said = process.stdout.readline().decode()

    assert (200, "one") == (response.status_code, response.text)
    assert {"x-shop-id", "server-timing"} <= set(response.headers)
    assert (
        f"dualware: shop:{protocol} ({protocol.upper()}) at http://127.0.0.1:{port}, with "
        "request_id, timing of dualware.toml\n"
    ) == said


def test_settings_and_protocol_that_are_given(shop):
    """In place of those that would be looked for, and told."""
    shop.write(other_json='{"request_id": {"header": "X-Other"}}')
    arguments = ("shop:either", "--settings", "other.json", "--protocol", "wsgi")
    with serving(shop.folder, *arguments) as (_, port):
        response = answer(port)

    assert ("one", True) == (response.text, "x-other" in response.headers)


def test_no_settings(shop):
    """The application is served as it is, and that is told."""
    (shop.folder / "dualware.toml").unlink()
    with serving(shop.folder, "shop:wsgi") as (process, port):
        response = answer(port)
        said = process.stdout.readline().decode()

    assert "x-request-id" not in response.headers
    assert "as it is (no settings: no [tool.dualware] in pyproject.toml" in said


@pytest.mark.parametrize("protocol", ["asgi", "wsgi"])
def test_reload(shop, protocol):
    """A file that changes starts it anew; settings that are wrong for a while are survived."""
    with serving(shop.folder, f"shop:{protocol}", "--reload") as (process, port):
        assert "one" == answer(port).text
        # Of another length: within a second of the first, Python would take its bytecode for good.
        shop.write(shop_py=APPS.replace("one", "three"))

        assert "three" == answer(port, "three").text
        shop.write(dualware_toml="timng = true")
        lines = iter(lambda: process.stdout.readline().decode(), "")
        assert any("DW102  timng" in line for line in lines)
        shop.write(dualware_toml="timing = true")

        assert {"server-timing"} == {"server-timing", "x-shop-id"} & set(answer(port).headers)
    with pytest.raises(httpx.TransportError), httpx.Client(trust_env=False) as client:
        client.get(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize("protocol", ["asgi", "wsgi"])
@pytest.mark.parametrize("reload", [[], ["--reload"]])
def test_ctrl_c(shop, protocol, reload):
    """The usual way to stop it is no failure, and leaves no traceback."""
    with serving(shop.folder, f"shop:{protocol}", *reload) as (process, port):
        answer(port)
        process.send_signal(signal.SIGINT)

        assert 0 == process.wait(PATIENCE)
        assert b"Traceback" not in process.stdout.read()


@pytest.mark.parametrize("protocol", ["asgi", "wsgi"])
def test_a_port_that_is_taken(shop, protocol):
    """It is told, with 1."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-m", "dualware", "serve", f"shop:{protocol}", "--port", port],
            cwd=shop.folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    assert 1 == done.returncode
    assert "ddress already in use" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("port", ["0", "99999", "http"])
def test_no_port(shop, capsys, port):
    """Before anything is imported."""
    with pytest.raises(SystemExit) as caught:
        shop("serve", "shop:wsgi", "--port", port)

    assert 2 == caught.value.code
    assert "argument --port: " in capsys.readouterr().err


def test_no_address(shop):
    """One that there can't be is told as one that is taken is."""
    status, out = shop("serve", "shop:wsgi", "--host", "300.1.1.1")

    assert (1, True) == (status, "dualware: can't listen at 300.1.1.1:8000: " in out)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["shop"], "'shop' does not name an application; write package.module:NAME"),
        (["shop:nothing"], "'shop:nothing' can't be imported: module 'shop' has no attribute"),
        (["no_shop:app"], "'no_shop:app' can't be imported: No module named 'no_shop'"),
        (["shop:NOTHING"], "an application must be callable, not 3"),
        (["shop:either"], "; say it with --protocol asgi or --protocol wsgi"),
    ],
)
def test_applications_that_are_none(shop, arguments, sentence):
    """Each says what stands in the way."""
    assert (2, "") == shop("serve", *arguments)
    assert sentence in shop.err
    assert "protocol=" not in shop.err


@pytest.mark.parametrize(
    ("protocol", "server", "sentence"),
    [
        ("asgi", "uvicorn", "ASGI applications are served by uvicorn: pip install"),
        ("wsgi", "waitress", "WSGI applications are served by waitress: pip install"),
    ],
)
def test_servers_that_are_not_installed(shop, monkeypatch, protocol, server, sentence):
    """The extra that has them is named."""
    monkeypatch.setitem(sys.modules, server, None)
    status, _ = shop("serve", f"shop:{protocol}")

    assert 2 == status
    assert f"dualware: {sentence} 'dualware[serve]'\n" == shop.err


def test_settings_that_are_wrong(shop):
    """Nothing is started."""
    shop.write(dualware_toml="timng = true")
    status, out = shop("serve", "shop:wsgi")

    assert (1, True) == (status, "DW102  timng" in out)


def test_a_stack_of_nothing(shop):
    """Settings that leave everything out are settings."""
    shop.write(dualware_toml="")
    with serving(shop.folder, "shop:asgi") as (process, port):
        assert "one" == answer(port).text
        assert ", with nothing of dualware.toml\n" in process.stdout.readline().decode()
