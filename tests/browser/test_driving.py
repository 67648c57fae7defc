"""Where there is no browser, it is said aloud."""

import shutil

import pytest

from tests.browser import driving


@pytest.mark.parametrize(("ci", "raised"), [("true", pytest.fail), (None, pytest.skip)])
def test_no_browser(monkeypatch, ci, raised):
    """Skipped by hand, failed where everything must be tested."""
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.delenv("CI", raising=False)
    if ci is not None:
        monkeypatch.setenv("CI", ci)
    with pytest.raises(raised.Exception, match="NO BROWSER IS TESTED"):
        driving.need()
