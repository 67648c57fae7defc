"""The grammar of the Server-Timing field, against what browsers make of it.

Knows a parser of the field that agrees with the web platform tests, and asks it what our text
means. Must never start an exchange.
"""

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dualware.core.fields import is_token, is_value
from dualware.core.timing.server_timing import joined, metric, milliseconds, quoted

# The oracle

OWS = re.compile(r"[ \t]*")
TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
REST = re.compile(r"[^,;]*")


class Parser:
    """A server-timing field as browsers read it (W3C Server Timing, web platform tests)."""

    def __init__(self, field):
        self.field = field
        self.at = 0

    def take(self, pattern):
        """What matches here, None if nothing does; blanks around it are passed over."""
        self.at = OWS.match(self.field, self.at).end()
        found = pattern.match(self.field, self.at)
        if found is not None:
            self.at = found.end()
            self.at = OWS.match(self.field, self.at).end()
        return found

    def metrics(self):
        """Every metric as (name, duration in ms, description)."""
        while (name := self.take(TOKEN)) is not None:
            self.take(REST)
            params = self.params()
            yield name[0], number(params.get("dur", "")), params.get("desc", "")
            if self.take(re.compile(",")) is None:
                return

    def params(self):
        """The parameters of one metric; of one that comes twice the first counts."""
        found = {}
        while self.take(re.compile(";")) is not None and (name := self.take(TOKEN)) is not None:
            value = ""
            if self.take(re.compile("=")) is not None:
                value = self.value()
                self.take(REST)
            found.setdefault(name[0].lower(), value)
        return found

    def value(self):
        """A token or a quoted string; empty where there is neither."""
        text = self.take(QUOTED)
        if text is not None:
            return re.sub(r"\\(.)", r"\1", text[1])
        token = self.take(TOKEN)
        return "" if token is None else token[0]


def number(text):
    """A duration as a browser shows it: 0 for what is none."""
    return float(text) if re.fullmatch(r"[0-9]+(?:\.[0-9]+)?", text) else 0


def parsed(field):
    """The metrics of a field value."""
    return list(Parser(field).metrics())


# The facts of web-platform-tests, server-timing/resources/parsing/0 to 84: field, and what a
# browser makes of it. The thirty of backslashes and quotes are made, and one long one is shortened.

BOTH = ("metric", 123.4, "description")
NAME_ONLY = ("metric", 0, "")
VECTORS = [
    ("", []),
    ("metric", [NAME_ONLY]),
    ("metric;dur=123.4", [("metric", 123.4, "")]),
    ('metric;dur="123.4"', [("metric", 123.4, "")]),
    ("metric;desc=description", [("metric", 0, "description")]),
    ('metric;desc="description"', [("metric", 0, "description")]),
    ("metric;dur=123.4;desc=description", [BOTH]),
    ("metric;desc=description;dur=123.4", [BOTH]),
    ("aB3!#$%&'*+-.^_`|~", [("aB3!#$%&'*+-.^_`|~", 0, "")]),
    ('metric;desc="descr;,=iption";dur=123.4', [("metric", 123.4, "descr;,=iption")]),
    # Blanks
    ("metric ; ", [NAME_ONLY]),
    ("metric , ", [NAME_ONLY]),
    ("metric ; dur = 123.4 ; desc = description", [BOTH]),
    ("metric ; desc = description ; dur = 123.4", [BOTH]),
    ('metric;desc = "description"', [("metric", 0, "description")]),
    # Several metrics
    (
        "metric1;dur=1.2;desc=one,metric2;dur=3.4;desc=two,metric3;dur=5.6;desc=three",
        [("metric1", 1.2, "one"), ("metric2", 3.4, "two"), ("metric3", 5.6, "three")],
    ),
    (
        "metric1,metric2 ,metric3, metric4 , metric5",
        [(f"metric{number}", 0, "") for number in range(1, 6)],
    ),
    # Quoted strings
    ('metric;desc="description"', [("metric", 0, "description")]),
    ('metric;desc="\t description \t"', [("metric", 0, "\t description \t")]),
    ('metric;desc="descr\\"iption"', [("metric", 0, 'descr"iption')]),
    *(
        (f"metric;desc={text}", [("metric", 0, {'"\\\\"': "\\", '"\\""': '"'}.get(text, ""))])
        for length in range(1, 5)
        for text in map("".join, itertools.product('\\"', repeat=length))
    ),
    # The same name twice; the case of names and values
    (
        "metric;dur=12.3;desc=description1,metric;dur=45.6;desc=description2",
        [("metric", 12.3, "description1"), ("metric", 45.6, "description2")],
    ),
    ("metric;DuR=123.4;DeSc=description", [BOTH]),
    ("MeTrIc;desc=DeScRiPtIoN", [("MeTrIc", 0, "DeScRiPtIoN")]),
    # No number, unknown parameters, parameters that come twice or have no value
    ("metric;dur=foo", [NAME_ONLY]),
    ('metric;dur="foo"', [NAME_ONLY]),
    (
        "metric1;foo=bar;desc=description;foo=bar;dur=123.4;foo=bar,metric2",
        [("metric1", 123.4, "description"), ("metric2", 0, "")],
    ),
    ("metric;dur=123.4;dur=567.8", [("metric", 123.4, "")]),
    ("metric;dur=foo;dur=567.8", [NAME_ONLY]),
    ("metric;desc=description1;desc=description2", [("metric", 0, "description1")]),
    ("metric;dur;dur=123.4;desc=description", [("metric", 0, "description")]),
    ("metric;dur=;dur=123.4;desc=description", [("metric", 0, "description")]),
    ("metric;desc;desc=description;dur=123.4", [("metric", 123.4, "")]),
    ("metric;desc=;desc=description;dur=123.4", [("metric", 123.4, "")]),
    # What follows a value, a name or the name of a parameter
    ("metric;desc=d1 d2;dur=123.4", [("metric", 123.4, "d1")]),
    ("metric1;desc=d1 d2,metric2", [("metric1", 0, "d1"), ("metric2", 0, "")]),
    ('metric;desc="d1" d2;dur=123.4', [("metric", 123.4, "d1")]),
    ('metric1;desc="d1" d2,metric2', [("metric1", 0, "d1"), ("metric2", 0, "")]),
    ('metric==   ""foo;dur=123.4', [("metric", 123.4, "")]),
    ('metric1==   ""foo,metric2', [("metric1", 0, ""), ("metric2", 0, "")]),
    ("metric;dur foo=12", [NAME_ONLY]),
    ("metric;foo dur=12", [NAME_ONLY]),
    # No metric at all
    *((field, []) for field in (" ", "=", "[", "]", ";", ",", "=;", ";=", "=,", ",=", ";,")),
    (",;", []),
    ("=;,", []),
    (
        "metric;\tdesc=\ttabs-should-get-trimmed\t;dur=\t42\t",
        [("metric", 42, "tabs-should-get-trimmed")],
    ),
]


@pytest.mark.parametrize(("field", "metrics"), VECTORS)
def test_the_oracle_reads_what_browsers_read(field, metrics):
    """The parser that judges our text agrees with all 85 vectors of the web platform tests."""
    # observability T6
    assert metrics == parsed(field)


def test_the_vectors_are_all_there():
    """None of them was lost on the way."""
    assert 85 == len(VECTORS)


# Round trip

NAMES = st.text(st.sampled_from("!#$%&'*+-.^_`|~09azAZ"), min_size=1, max_size=20)
DURATIONS = st.none() | st.integers(0, 10**13)
LATIN = st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_categories=("Cc",))
METRICS = st.lists(st.tuples(NAMES, DURATIONS, st.none() | st.text(LATIN, max_size=20)), max_size=8)


@settings(max_examples=100, deadline=None)
@given(METRICS)
def test_what_is_written_is_what_is_read(metrics):
    """A browser reads names, durations and descriptions as they went in."""
    # observability T6
    field = joined(metric(*each) for each in metrics)

    assert [
        (name, round((duration or 0) / 1_000_000, 3), description or "")
        for name, duration, description in metrics
    ] == parsed(field)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=40), DURATIONS, st.none() | st.text(max_size=40))
def test_any_text_makes_a_legal_field(name, duration, description):
    """Whatever a program calls its metrics, it is one metric, and nothing that splits a head."""
    # observability T6
    field = joined([metric(name, duration, description)])

    assert is_value(field)
    assert "\t" not in field
    assert bool(name) == len(parsed(field))
    assert not name or is_token(field.partition(";")[0])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("db", "db"),
        ("cache hit", "cache_hit"),
        ("a;b,c=d", "a_b_c_d"),
        ('"quoted"', "_quoted_"),
        ("größe", "gr__e"),
        ("SELECT\r\nX: y", "SELECT__X__y"),
        ("\udc80", "_"),
        ("", ""),
    ],
)
def test_names_become_tokens(name, text):
    """An underscore stands for what may not be in a token; an empty name is dropped."""
    # observability T6
    assert text == metric(name)


@pytest.mark.parametrize(
    ("description", "text"),
    [
        ("hit", '"hit"'),
        ("", '""'),
        ('say "hi"', '"say \\"hi\\""'),
        ("C:\\temp", '"C:\\\\temp"'),
        ("a\r\n\tb\x00\x1b\x7f\x85c", '"abc"'),
        ("caf\xe9", '"caf\xe9"'),
        ("5 \u20ac \u2028 \udcff", '"5 ? ? ?"'),
        (" kept ", '" kept "'),
    ],
)
def test_descriptions_are_quoted(description, text):
    """Backslash and quote are escaped, controls removed; `?` stands for what is not Latin-1."""
    # observability T6
    assert text == quoted(description)


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (0, "0.000"),
        (499, "0.000"),
        (1_000, "0.001"),
        (1_234_567, "1.235"),
        (60_000_000_000, "60000.000"),
        (10**28, "1" + "0" * 22 + ".000"),
        (-5, "0.000"),
    ],
)
def test_durations_are_fixed_point(duration, text):
    """Three decimals, no exponent however long it took, and never below zero."""
    # observability T6
    assert text == milliseconds(duration)


def test_the_order_is_name_description_duration():
    """What has no description or no duration leaves it out."""
    # observability T6
    assert 'db;desc="read";dur=1.500' == metric("db", 1_500_000, "read")
    assert "db;dur=1.500" == metric("db", 1_500_000)
    assert "db;dur=0.000" == metric("db", 0, "")
    assert 'miss;desc="cold"' == metric("miss", description="cold")
    assert "a, b" == joined(["a", "", "b", ""])


# Caps


def test_entries_are_capped():
    """The tail is dropped; empty metrics do not count."""
    # observability T7
    field = joined(["", *(f"m{number}" for number in range(40))])

    assert [f"m{number}" for number in range(32)] == field.split(", ")
    assert "a, b" == joined(["a", "b", "c"], entries=2)


def test_bytes_are_capped_without_splitting():
    """A metric that does not fit is left out whole, and so are those after it."""
    # observability T7
    assert "aaaa, bbbb" == joined(["aaaa", "bbbb", "cccc", "d"], size=10)
    assert "aaaa" == joined(["aaaa", "bbbb"], size=9)
    assert "" == joined(["aaaa"], size=3)


@settings(max_examples=100, deadline=None)
@given(METRICS, st.integers(1, 6), st.integers(0, 120))
def test_caps_hold_for_any_metrics(metrics, entries, size):
    """What is left is the beginning of what there was, in whole metrics."""
    # observability T7
    texts = [metric(*each) for each in metrics]
    field = joined(texts, entries=entries, size=size)
    left = parsed(field)

    assert len(field.encode("latin-1")) <= size
    assert len(left) <= entries
    assert left == parsed(", ".join(texts))[: len(left)]
    assert field == ", ".join(texts[: len(left)])
