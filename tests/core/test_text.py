"""Text from outside on one line of a log: what is escaped, what is cut, what stays.

Knows what terminals and line-based readers do with characters. Must never know a renderer: that
all of them stay on one line is held by tests/test_logging_fuzz.py.
"""

import datetime as dt
import enum
import unicodedata
import uuid
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualware.core.logging.text import MARK, cut, from_wire, printable, safe

BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""What turns the direction of the text around it (CVE-2021-42574)."""

TEXT = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from(f"\0\t\n\r\x0b\x0c\x1b\x7f\x80\x85\x9b\x9f\u2028\u2029{BIDI}\\é…"),
        st.integers(0xD800, 0xDFFF).map(chr),
    )
)
"""Every kind of character, those that do harm often."""


def is_safe(text):
    """Whether no character of ``text`` ends a line, moves a cursor, or can't be encoded."""
    text.encode()
    return not set(BIDI) & set(text) and all(
        unicodedata.category(each) not in {"Cc", "Cs", "Zl", "Zp"} for each in text
    )


# observability L8: what can be shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("plain text, {with} \"quotes\" and 'more'", "plain text, {with} \"quotes\" and 'more'"),
        # All letters stay, and blanks that are one.
        ("café жук 日本 😀", "café жук 日本 😀"),
        ("a\u00a0b", "a\u00a0b"),
        # Django's CVE-2025-48432, flask-cors' CVE-2024-1681: a line of the client's own.
        ("GET /\n[info] all is well", r"GET /\x0a[info] all is well"),
        ("a\r\nb", r"a\x0d\x0ab"),
        ("a\tb", r"a\x09b"),
        ("a\x0bb\x0cb", r"a\x0bb\x0cb"),
        ("\0", r"\x00"),
        # nginx' CVE-2009-4487: what a terminal does as it is told.
        ("\x1b]2;owned\x07", r"\x1b]2;owned\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("a\x7f\x80\x85b", r"a\x7f\x80\x85b"),
        # Separators that some readers take for the end of a line.
        ("a\u2028b\u2029c", r"a\u2028b\u2029c"),
        ("\u202egpj.exe", r"\u202egpj.exe"),
        (BIDI, r"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"),
        ("\ud800\udfff", r"\ud800\udfff"),
        # What is escaped already is not escaped again.
        (r"a\x0ab", r"a\x0ab"),
    ],
)
def test_printable(text, expected):
    """Only what is no text is escaped."""
    # observability L8
    assert expected == printable(text)


def test_printable_tells_every_control():
    """Each control of ASCII and of Latin-1, and no other character of the two."""
    # observability L8
    controls = {*range(0x20), *range(0x7F, 0xA0)}

    assert [f"\\x{code:02x}" if code in controls else chr(code) for code in range(256)] == [
        printable(chr(code)) for code in range(256)
    ]


@given(TEXT)
def test_printable_is_safe_and_settled(text):
    """Whatever comes in; and what came out once stays as it is."""
    # observability L8
    shown = printable(text)

    assert is_safe(shown)
    assert shown == printable(shown)
    assert len(shown) <= 6 * len(text)


# observability L9: how much is shown


@pytest.mark.parametrize(
    ("text", "most", "expected"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "abc…"),
        ("", 0, ""),
        ("a", 0, "…"),
        # Counted before it is escaped, so that a cut never goes through an escape.
        ("a\nb", 3, r"a\x0ab"),
        ("a\nbc", 2, r"a\x0a…"),
        ("ééé", 2, "éé…"),
    ],
)
def test_cut(text, most, expected):
    """A marker stands where the rest was, and only there."""
    # observability L9
    assert expected == cut(text, most)


@given(TEXT, st.integers(0, 20))
def test_cut_is_bounded(text, most):
    """No text is longer than its escapes make it."""
    # observability L8, observability L9
    shown = cut(text, most)

    assert is_safe(shown)
    assert len(shown) <= 6 * most + len(MARK)
    assert printable(text[:most]) + MARK * (len(text) > most) == shown


# observability L8: header values, bytes seen as Latin-1


def wire(data):
    """Bytes as both protocols hand them to us."""
    return data.decode("latin-1")


@pytest.mark.parametrize(
    ("data", "most", "expected"),
    [
        (b"curl/8.5", 80, "curl/8.5"),
        (b"curl/8.5", 4, "curl…"),
        ("café".encode(), 80, "café"),
        ("日本語".encode(), 80, "日本語"),
        # Latin-1, as RFC 9110 §5.5 once had it.
        (b"caf\xe9", 80, r"caf\xe9"),
        (b"\xff\xfe", 80, r"\xff\xfe"),
        # An overlong NUL, a surrogate, the end of a sequence that never began.
        (b"\xc0\x80", 80, r"\xc0\x80"),
        (b"\xed\xa0\x80", 80, r"\xed\xa0\x80"),
        (b"\x80", 80, r"\x80"),
        # NEL and U+2028 hide in bytes that are no ASCII control.
        ("\x85".encode(), 80, r"\x85"),
        ("\u2028".encode(), 80, r"\u2028"),
        ("\u202e".encode(), 80, r"\u202e"),
        # Characters are counted, not bytes.
        ("é".encode() * 5, 8, "ééééé"),
        ("é".encode() * 8, 8, "éééééééé"),
        ("é".encode() * 9, 8, "éééééééé…"),
        ("😀".encode() * 4, 4, "😀😀😀😀"),
        ("😀".encode() * 5, 4, "😀😀😀😀…"),
        # A cut in the midst of a character.
        (b"a" + "😀".encode() * 4, 4, "a😀😀😀…"),
        (b"\xe9" * 9, 4, r"\xe9…"),
    ],
)
def test_from_wire(data, most, expected):
    """UTF-8 where the bytes are that, escapes where they are not."""
    # observability L8, observability L9
    assert expected == from_wire(wire(data), most)


def test_from_wire_of_what_no_server_hands_over():
    """Text that is not Latin-1 does not fail either."""
    # observability L8
    assert "?é?" == from_wire("жé\ud800".replace("é", wire("é".encode())), 80)


@given(st.binary() | TEXT.map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_from_wire_is_safe(data):
    """Whatever bytes a client sends; UTF-8 comes out as what it says."""
    # observability L8
    text = from_wire(wire(data), len(data))

    assert is_safe(text)
    try:
        expected = printable(data.decode())
    except UnicodeDecodeError:
        return
    assert expected == text


@given(st.binary(), st.integers(0, 12))
def test_from_wire_is_bounded(data, most):
    """However long a client makes it, and marked if anything is missing."""
    # observability L9
    text = from_wire(wire(data), most)

    assert is_safe(text)
    assert len(text) <= 6 * most + len(MARK)
    if len(data) <= most and data.isascii():
        assert not text.endswith(MARK)


@given(st.text(st.characters(exclude_categories=("Cs", "Cc"))), st.integers(1, 12))
def test_from_wire_marks_what_is_missing(text, most):
    """UTF-8 is marked just if it has more characters."""
    # observability L9
    shown = from_wire(wire(text.encode()), most)

    assert (len(text) > most) == (shown != printable(text))


# observability L8, observability L16: values of the application


class Raising:
    """An object that can't be shown."""

    def __str__(self):
        raise RuntimeError


class Told:
    """An object that says this of itself."""

    def __init__(self, text):
        self.text = text

    def __str__(self):
        return self.text


class Colour(enum.Enum):
    """A choice."""

    RED = "r\ned"


class Word(str, enum.Enum):
    """A choice that is text."""

    OK = "fine"


class Loud(str):
    """Text that shows itself in another way."""

    __slots__ = ()

    def __repr__(self):
        return "a\nb"

    __str__ = __repr__


class Number(int):
    """A number that shows itself in another way."""

    def __repr__(self):
        return "a\nb"

    __str__ = __repr__


class Measure(float):
    """The same, with a point."""

    def __repr__(self):
        return "a\nb"

    __str__ = __repr__


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        # Stay as they are.
        (None, None),
        (True, True),
        (7, 7),
        (-(2**63), -(2**63)),
        (2**64 - 1, 2**64 - 1),
        (1.5, 1.5),
        ("text", "text"),
        # More than most encoders take for a number (orjson); the last is too long to be shown.
        (2**64, "18446744073709551616"),
        (-(2**63) - 1, "-9223372036854775809"),
        (10**100, "1" + "0" * 39 + "…"),
        # Text.
        ("a\nb", r"a\x0ab"),
        ("x" * 41, "x" * 40 + "…"),
        (b"a\n\xc3\xa9\xff", r"a\x0aé\xff"),
        (bytearray(b"ab"), "ab"),
        (dt.date(2026, 1, 2), "2026-01-02"),
        (
            dt.datetime(2026, 1, 2, 3, 4, tzinfo=dt.timezone.utc),
            "2026-01-02T03:04:00+00:00",
        ),
        (uuid.UUID(int=0), "00000000-0000-0000-0000-000000000000"),
        (Told("a\x1bb"), r"a\x1bb"),
        (Told("y" * 50), "y" * 40 + "…"),
        (Raising(), "<Raising that can't be shown>"),
        (Colour.RED, "Colour.RED"),
        (ValueError("no\n"), r"no\x0a"),
        # Kinds of text and numbers are what they hold.
        (Word.OK, "fine"),
        (Loud("ok"), "ok"),
        (Number(7), 7),
        (Measure(1.5), 1.5),
        # Members.
        ({"a\n": "b\n"}, {r"a\x0a": r"b\x0a"}),
        ({1: 2, None: 3, b"x": 4}, {"1": 2, "None": 3, "x": 4}),
        ({Raising(): 1}, {"<Raising that can't be shown>": 1}),
        (MappingProxyType({"a": ("b", {"c"})}), {"a": ["b", ["c"]]}),
        (frozenset({7}), [7]),
        ([Raising(), "ok"], ["<Raising that can't be shown>", "ok"]),
        ({}, {}),
        ([], []),
        # Four levels.
        ([[[["a"]]]], [[[["a"]]]]),
        ([[[[["a\n"]]]]], [[[["['a\\n']"]]]]),
        ({1: {2: {3: {4: {5: 6}}}}}, {"1": {"2": {"3": {"4": "{5: 6}"}}}}),
        # 64 members.
        ([*range(65)], [*range(64)]),
        ({each: each for each in range(65)}, {str(each): each for each in range(64)}),
    ],
    ids=repr,
)
def test_safe(value, expected):
    """Numbers, booleans and None stay, all else is text of at most 40 characters here."""
    # observability L8, observability L9, observability L16
    made = safe(value, 40)

    assert expected == made
    # True == 1, and a kind of text equals what it holds.
    assert type(expected) is type(made)
    assert repr(expected) == repr(made)


def test_safe_of_a_number_too_long_to_be_shown():
    """Python refuses to write it down (CVE-2020-10735)."""
    # observability L8
    assert "<int that can't be shown>" == safe(10**5000, 40)


def test_safe_of_what_contains_itself():
    """It is cut off, not followed for ever."""
    # observability L8
    value = {}
    value["self"] = value

    assert {"self": {"self": {"self": {"self": "{'self': {...}}"}}}} == safe(value, 40)


def test_safe_leaves_the_value_alone():
    """Applications go on with what they gave."""
    value = {"a": ["b\n"]}
    safe(value, 40)

    assert {"a": ["b\n"]} == value


class Changing(dict):
    """A mapping that another thread adds to."""

    def items(self):
        raise RuntimeError("dictionary changed size during iteration")


def test_safe_of_members_that_can_t_be_told():
    """They are shown as the text of the whole; what stands beside them is not lost."""
    # observability L8
    assert {"ok": 1, "bad": "{'a': 1}"} == safe({"ok": 1, "bad": Changing(a=1)}, 40)
    assert "{'a': 1}" == safe(Changing(a=1), 40)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | TEXT
    | st.binary()
    | st.dates()
    | st.decimals()
    | TEXT.map(Told)
    | st.just(Raising()),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(TEXT | st.integers() | st.none(), inner, max_size=3)
        | st.tuples(inner)
    ),
    max_leaves=20,
)


def texts(value):
    """Every text in what `safe` made."""
    if isinstance(value, dict):
        return [*value, *(text for each in value.values() for text in texts(each))]
    if isinstance(value, list):
        return [text for each in value for text in texts(each)]
    return [value] if isinstance(value, str) else []


@given(VALUES, st.integers(0, 20))
def test_safe_is_total(value, most):
    """Never an error, never an unsafe character, never a long text."""
    # observability L8, observability L9
    for text in texts(safe(value, most)):
        assert is_safe(text)
        assert len(text) <= max(6 * most + len(MARK), len("<Raising that can't be shown>"))
