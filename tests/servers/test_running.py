"""What the server tests stand on: a server that is missing is never passed over in silence.

Must never start a server.
"""

import pytest

from tests.servers.running import need


def test_missing_server_fails_where_all_must_be_tested(monkeypatch):
    """CI=true: a server that is not installed is a failure."""
    monkeypatch.setenv("CI", "true")

    with pytest.raises(pytest.fail.Exception, match="no_such_server IS NOT INSTALLED"):
        need("no_such_server")


@pytest.mark.parametrize("module", ["no_such_server", "no_such_server.worker"])
def test_missing_server_is_skipped_elsewhere(monkeypatch, module):
    """Elsewhere it is skipped, and the reason says so loudly."""
    monkeypatch.delenv("CI", raising=False)

    with pytest.raises(pytest.skip.Exception, match="NOT TESTED"):
        need(module)


def test_server_that_is_there(monkeypatch):
    """One that is installed is no reason to say anything."""
    monkeypatch.setenv("CI", "true")

    assert need("wsgiref") is None
