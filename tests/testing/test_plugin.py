"""The plugin as pytest finds it."""

import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]


def test_protocol(protocol):
    """A test runs under each protocol."""
    assert protocol in ("wsgi", "asgi")


def test_dual(dual, protocol):
    """The two fixtures agree."""
    assert protocol == dual.protocol


def test_a_users_test(pytester):
    """A user writes one test, and two run; a failure says what is wrong."""
    pytester.makepyfile(
        """
        from dualware.testing import Script

        def test_one(dual, chunking):
            script = Script(chunks=chunking([b"hello"]))

            assert dual.request(script).body == b"hello"

        def test_other(dual):
            dual.request(Script(headers=[("Content-Length", "1")]))
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")

    result.assert_outcomes(passed=6, failed=2)
    result.stdout.fnmatch_lines(
        ["*ProtocolError: content-length: Content-Length 1, but 5 body bytes*"]
    )


@pytest.mark.parametrize("module", ["dualware.testing", "dualware.testing.plugin"])
def test_installed_plugin_costs_nothing(module):
    """Only what a test uses is imported."""
    code = f"import sys, {module}; print(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    rooms = [name for name in done.stdout.split() if name.startswith("dualware.testing.")]

    assert [name for name in rooms if name != module] == []
