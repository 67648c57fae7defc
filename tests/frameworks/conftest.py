"""What the tests of frameworks start from. Must never know a framework."""

import gc
import logging
import warnings

import pytest


@pytest.fixture(autouse=True)
def _silence():
    """Frameworks log errors of the application."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="module", autouse=True)
def _leftovers():
    """Under ASGI Django leaves the file with the request body open where sending fails."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def lines():
    """What was logged."""
    return []


@pytest.fixture
def everything(lines):
    """Everything on, and the log lines kept; what is told of errors besides is left out."""

    def keep(event):
        if event["event"] in ("http.server.request", "websocket.session"):
            lines.append(event)

    return {"request_id": True, "logging": {"sink": keep}, "timing": True}
