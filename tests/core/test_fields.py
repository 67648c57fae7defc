"""The grammar of fields, against RFC 9110 character by character.

Knows the two productions. Must never know a header.
"""

import pytest

from dualware.core.fields import HOP_BY_HOP, is_token, is_value

# RFC 9110 §5.6.2, spelled out once more, in another way than the code does.
TCHAR = set("!#$%&'*+-.^_`|~") | {
    chr(code) for first, last in ("09", "AZ", "az") for code in range(ord(first), ord(last) + 1)
}
# RFC 9110 §5.5: VCHAR and obs-text.
VISIBLE = {chr(code) for code in [*range(0x21, 0x7F), *range(0x80, 0x100)]}


@pytest.mark.parametrize("code", [*range(0x180), 0x20AC, 0x1F600])
def test_every_character(code):
    """Alone, and within others."""
    char = chr(code)

    assert (char in TCHAR) is is_token(char)
    assert (char in TCHAR) is is_token(f"a{char}b")
    assert (char in VISIBLE) is is_value(char)
    assert (char in VISIBLE | {" ", "\t"}) is is_value(f"a{char}b")
    # Leading and trailing white space is no part of a value.
    assert (char in VISIBLE) is is_value(f"a{char}")
    assert (char in VISIBLE) is is_value(f"{char}a")
    # The same where the cheap scan for plain ASCII does not help.
    assert (char in VISIBLE | {" ", "\t"}) is is_value(f"é{char}é")


def test_nothing():
    """An empty value may stand; an empty name may not."""
    assert not is_token("")
    assert is_value("")


@pytest.mark.parametrize("text", ["a\n", "a\r\n", "\na"])
def test_a_line_end_never_matches(text):
    r"""``$`` would let a last \n pass."""
    assert not is_token(text)
    assert not is_value(text)


def test_hop_by_hop():
    """RFC 9110 §7.6.1 and PEP 3333's list; lower case, so that they are found."""
    assert {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    } == HOP_BY_HOP
