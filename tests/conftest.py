"""What every test starts from. Must never know what a test is about."""

import pytest

from dualware.core.record import CURRENT


@pytest.fixture(autouse=True)
def _no_exchange():
    """Nothing is current: a body that goes by untouched keeps its record until the next one.

    All tests share one thread, and with it one context, as the requests of a server's thread do.
    """
    CURRENT.set(None)
