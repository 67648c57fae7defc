"""The grammars of CORS, given anything: origins, header names, paths, expressions.

Knows properties that hold for every text. Must never say what one text is: the tests of the rules
do.
"""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dualware.core.cors.hints import near_miss, smells
from dualware.core.cors.origins import MOST, Origins, is_secure, parse, read
from dualware.core.cors.paths import Paths, canonical, path_rule
from dualware.core.cors.preflight import NAMES_MOST, requested_names
from dualware.core.fields import is_token
from dualware.core.message import Request

ORIGINS = st.one_of(
    st.text(max_size=400),
    st.text("htps:/.*@#?[]-_10azAZ\xe9 \t", max_size=60),
    st.from_regex(r"https?://(\*\.)?[a-z0-9.-]{1,20}(:[0-9*]{1,6})?/?", fullmatch=True),
)


@given(ORIGINS)
def test_a_pattern_is_read_or_refused(text):
    """Nothing else is raised; and an exact one matches itself, and nothing that is no origin."""
    # cors R7, cors R8, cors R42
    try:
        parts = read(text)
    except ValueError:
        return
    known = Origins([text])
    assert is_secure(parts) in (True, False)
    if "*" not in text:
        assert parts == parse(text)
        assert text in known
    for other in (f"{text}/", f"{text}.evil.example", f" {text}", text.upper(), f"x{text}"):
        assert other == text or other not in known


@given(ORIGINS, ORIGINS)
def test_matching_is_total(pattern, origin):
    """Whatever comes in is in or not, and what is in is an origin."""
    # cors R1, cors R8, cors R9
    known = Origins(["https://*.example:*"], re.compile(re.escape(pattern)))
    if origin in known:
        assert parse(origin) is not None
        assert len(origin) <= MOST


@given(ORIGINS, st.lists(ORIGINS, max_size=3))
def test_hints_never_fail(origin, patterns):
    """They are for logs."""
    # cors R45, cors R47
    assert near_miss(origin, patterns) is None or near_miss(origin, patterns)
    assert all(smells(origin))


NAMES = st.one_of(
    st.text(max_size=300),
    st.lists(st.sampled_from(["x-one", "X-ONE", "", " ", "x-two ", "b d", "\t", "é"])).map(
        ",".join
    ),
)


@given(NAMES, st.one_of(st.none(), st.just({"x-one", "x-two"})))
def test_names_are_read_or_refused(value, allowed):
    """Those that come out may be there: tokens in lower case, each once, not too many."""
    # cors R30
    names = requested_names(value, allowed)
    if isinstance(names, str):
        assert names in ("header-denied", "headers-too-long")
        return
    assert len(set(names)) == len(names) <= NAMES_MOST
    assert all(is_token(name) and name == name.lower() for name in names)
    assert allowed is None or set(names) <= allowed
    asked = {part.strip(" \t").lower() for part in value.split(",")} - {""}
    assert asked == set(names)


class Asked(Request):
    """A request for a path."""

    def __init__(self, path):
        self.path_asked = path

    @property
    def route_path(self):
        return self.path_asked

    @property
    def raw_path(self):
        return self.path_asked


PATHS = st.one_of(
    st.text(max_size=60),
    st.lists(st.sampled_from(["", ".", "..", "a", "api", ";x", "a;b", "%2e", "%2F", "\\"])).map(
        lambda parts: "/" + "/".join(parts)
    ),
)


@given(PATHS)
@example(".")
@example("../a")
@example("/.\n")
def test_a_path_has_one_form_or_none(path):
    """It begins with a slash, goes nowhere but down, and is its own form."""
    # cors R48
    found = canonical(Asked(path))
    if found is None:
        return
    if path.startswith("/"):
        assert found.startswith("/")
    segments = found.split("/")
    assert not {"..", "."} & set(segments)
    assert "" not in segments[1:-1]
    assert found == canonical(Asked(found))


@given(PATHS, st.lists(st.sampled_from(["/", "/a", "/api", "/**/a", "/*", "/[ab]?", "/**"])))
def test_the_first_rule_counts(path, rules):
    """Adding rules behind it changes nothing."""
    # cors R48
    first = Paths(rules).first(path)
    if first is not None:
        assert first == Paths([*rules, "/"]).first(path)
        assert all(Paths([rule]).first(path) is None for rule in rules[:first])


@pytest.mark.parametrize(
    "text", ["", "api", "/a//b", "/a/../b", "/a/.", "/a;b", "/a%2e", "/a\\b", "/a#b", "/a%"]
)
def test_rules_that_no_path_matches(text):
    """They are refused, with what would."""
    # cors R48
    with pytest.raises(ValueError, match=r"write|plain"):
        path_rule(text)


def test_a_glob_takes_no_time():
    """However many stars: the work is the product of both lengths, at most."""
    # cors R48, cors R53
    rule = "/" + "/".join(["**", "a*a*a*a*a*b"] * 12)

    assert None is Paths([rule]).first("/" + "/".join(["a" * 60] * 30))
