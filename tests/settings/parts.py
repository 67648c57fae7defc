"""What tests of settings share: who hears what is wrong with them.

Knows `SettingsError`. Must never know a setting.
"""

import pytest

from dualware import SettingsError, load


def refused(*source, **how):
    """The error with which ``source`` is refused."""
    with pytest.raises(SettingsError) as caught:
        load(*source, **how)
    return caught.value


def told(*source, **how):
    """What is said of ``source``: (code, path, sentence, hint) of each problem."""
    problems = refused(*source, **how).problems
    return [(each.code, each.path, each.sentence, each.hint) for each in problems]


def codes(*source, **how):
    """(code, path) of each problem."""
    return [(code, path) for code, path, _, _ in told(*source, **how)]
