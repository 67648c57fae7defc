"""Query strings: which values are secrets, however their names are spelt, and what stays as sent.

Must never know where a query comes from: tests/test_logging.py holds that to both protocols.
"""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualware.core.logging.query import REDACTED, SECRET_PARAMS, Redaction

OPENTELEMETRY = (
    "AWSAccessKeyId",
    "Signature",
    "sig",
    "X-Amz-Credential",
    "X-Amz-Security-Token",
    "X-Amz-Signature",
    "X-Goog-Signature",
)
BESIDES = (
    "token",
    "access_token",
    "refresh_token",
    "id_token",
    "code",
    "password",
    "passwd",
    "secret",
    "api_key",
    "apikey",
    "key",
    "auth",
    "jwt",
    "session",
)

redacted = Redaction()


def test_the_secret_names():
    """OpenTelemetry's seven, and what people write besides; nothing else."""
    # observability L7
    assert sorted((*OPENTELEMETRY, *BESIDES)) == sorted(SECRET_PARAMS)
    assert len({name.lower() for name in SECRET_PARAMS}) == len(SECRET_PARAMS)


def escaped(name):
    """``name`` with every character percent-encoded."""
    return "".join(f"%{byte:02x}" for byte in name.encode())


SPELLINGS = {
    "as it is": str,
    "upper": str.upper,
    "lower": str.lower,
    "swapped": str.swapcase,
    "escaped": escaped,
    "escaped in upper case": lambda name: escaped(name).upper(),
    "its first character escaped": lambda name: escaped(name[0]) + name[1:],
    "a blank before it": lambda name: f"+{name}",
    "a blank behind it": lambda name: f"{name}%20",
    "nested": lambda name: f"user[{name}]",
    "nested twice": lambda name: f"a[b][{name}]",
    "nested and escaped": lambda name: quote(f"user[{name}]"),
}


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize("name", SECRET_PARAMS)
def test_spellings(name, spelling):
    """Every one of them means the same to some parser; the name stays as it was spelt."""
    # observability L7
    spelt = spelling(name)

    assert f"page=2&{spelt}=REDACTED&q=a" == redacted(f"page=2&{spelt}=3f9a%2B&q=a")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        # Several, in order, and the same one again.
        ("sig=1&a=2&sig=3", "sig=REDACTED&a=2&sig=REDACTED"),
        ("token=1&code=2", "token=REDACTED&code=REDACTED"),
        # A value goes up to the next parameter.
        ("token=a=b&c=d", "token=REDACTED&c=d"),
        ("token==", "token=REDACTED"),
        ("token=a%26b", "token=REDACTED"),
        ("token=?", "token=REDACTED"),
        ("token=\n", "token=REDACTED"),
        # ";" parts parameters to some parsers, to others it is a part of the value.
        ("a=1;token=2;b=3", "a=1;token=REDACTED;b=3"),
        ("a=1;token=2&b=3", "a=1;token=REDACTED&b=3"),
        ("token=1;2", "token=REDACTED;2"),
        # Empty parameters stay where they are.
        ("&&token=1&&", "&&token=REDACTED&&"),
        (";&token=1;", ";&token=REDACTED;"),
        # "]" that is missing.
        ("user[password=1", "user[password=REDACTED"),
        ("user%5Bpassword%5D=1", "user%5Bpassword%5D=REDACTED"),
        ("user[password]]=1", "user[password]]=REDACTED"),
        # Names that begin or end like one are others.
        ("monkey=1&keyboard=2&my_token=3&tokens=4", "monkey=1&keyboard=2&my_token=3&tokens=4"),
        ("password[hint]=1", "password[hint]=1"),
        # The same text as a value.
        ("q=token&next=sig", "q=token&next=sig"),
        # Nothing to hide.
        ("", ""),
        ("token", "token"),
        ("token=", "token="),
        ("=token", "=token"),
        ("&", "&"),
        ("a=%zz&b=%&c=+%20", "a=%zz&b=%&c=+%20"),
        # Escapes that are none, in a name; UTF-8 that is none.
        ("%zz=1&%=2&%ff=3&token=4", "%zz=1&%=2&%ff=3&token=REDACTED"),
    ],
)
def test_queries(query, expected):
    """Names decide; what is no secret stays as it was sent."""
    # observability L7
    assert expected == redacted(query)


@pytest.mark.parametrize("query", ["", "a=1&b=2", "a;b", "token=&sig"])
def test_a_query_without_secrets_is_the_same_object(query):
    """It costs nothing more than to look."""
    # observability L7
    assert query is redacted(query)


def test_names_of_ones_own():
    """They stand in the place of the usual ones, in any case."""
    # observability L7
    own = Redaction(["Ticket", "PIN"])

    assert "ticket=REDACTED&pin=REDACTED&token=3" == own("ticket=1&pin=2&token=3")
    assert "token=1" == Redaction([])("token=1")


TEXT = st.text(st.sampled_from("ab=&;+%[]25\n\x00é") | st.characters(), max_size=12)
PARTS = st.lists(
    st.tuples(
        st.sampled_from(SECRET_PARAMS) | TEXT,
        st.sampled_from(["=", "", "=="]),
        TEXT,
        st.sampled_from("&;"),
    ),
    max_size=6,
)
QUERIES = TEXT | PARTS.map(lambda parts: "".join("".join(part) for part in parts))


@given(QUERIES)
def test_redaction_is_total_and_settled(query):
    """Never an error; and what was redacted once stays so."""
    # observability L7
    once = redacted(query)

    assert once == redacted(once)


def parameters(query):
    """Name, "=", value of each parameter, and what stands between them."""
    separators = [each for each in query if each in "&;"]
    return [part.partition("=") for part in query.replace(";", "&").split("&")], separators


@given(QUERIES)
def test_only_values_change(query):
    """Names, order, separators and every other value are as they were sent."""
    # observability L7
    before, separators = parameters(query)
    after, after_separators = parameters(redacted(query))

    assert separators == after_separators
    assert len(before) == len(after)
    for (name, equals, value), (same, also, shown) in zip(before, after, strict=True):
        assert (name, equals) == (same, also)
        assert shown in (value, REDACTED)


@given(st.sampled_from(SECRET_PARAMS), st.text(st.characters(codec="ascii"), min_size=1), QUERIES)
def test_no_secret_is_left(name, secret, query):
    """Wherever it stands, escaped or not."""
    # observability L7
    marked = f"<{quote(secret, safe='')}>"

    assert marked not in redacted(f"{query}&{name}={marked}&{query}")
