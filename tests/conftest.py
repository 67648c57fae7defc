"""What every test starts from. Must never know what a test is about."""

import os

import hypothesis
import pytest

from dualware.core.current import CURRENT

# Nothing is timed: the machine may be busy. By hand every run looks for new examples; where a
# change is judged, they are the same for all.
hypothesis.settings.register_profile("by-hand", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "by-hand")


@pytest.fixture(autouse=True)
def _no_exchange():
    """Nothing is current: a body that goes by untouched keeps its record until the next one.

    All tests share one thread, and with it one context, as the requests of a server's thread do.
    """
    CURRENT.set(None)
