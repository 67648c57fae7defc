"""Annotations: which types a setting takes, and which texts name an object.

Knows types made up here. Must never look at a settings model.
"""

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal, Optional, Union

import pytest

from dualware.core.annotations import is_listed, members, names_object

CALLED = Callable[[str], bool]


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (int, [int]),
        (int | None, [int, type(None)]),
        (Optional[int], [int, type(None)]),  # noqa: UP045 - as others spell it
        (Union[int, Annotated[str | bytes, "x"]], [int, str, bytes]),  # noqa: UP007 - the same
        (Annotated[list[int] | tuple[int, ...], "x"], [list[int], tuple[int, ...]]),
        (Any, [Any]),
    ],
    ids=str,
)
def test_members(annotation, expected):
    """Unions and annotations are opened, however deep; what is inside a list is not."""
    assert expected == list(members(annotation))


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (list[int], True),
        (tuple[int, ...] | None, True),
        (Annotated[list[str], "x"], True),
        (str, False),
        (dict[str, list[int]], False),
    ],
    ids=str,
)
def test_is_listed(annotation, expected):
    """A list is one, and so is a tuple; what merely holds one is not."""
    assert expected == is_listed(annotation)


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (CALLED, True),
        (Annotated[CALLED, "x"] | None, True),
        (bool | CALLED, True),
        (Literal["a"] | list[str] | CALLED, True),
        (re.Pattern[str] | None, True),
        (str | re.Pattern[str], True),
        (str | re.Pattern[str] | CALLED, True),
        # It says itself what a text means.
        (str | CALLED, False),
        (str, False),
        (list[CALLED], False),
        (Any, False),
    ],
    ids=str,
)
def test_who_takes_names(annotation, expected):
    """Callables and patterns have names to be imported by."""
    assert expected == names_object("shop.ids:make", annotation)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("shop:make", True),
        ("shop.ids.more:_make2", True),
        ("größe:länge", True),
        ("shop.ids", False),
        ("shop:", False),
        (":make", False),
        ("shop.:make", False),
        (".shop:make", False),
        ("shop:a:b", False),
        ("shop:a.b", False),
        ("shop:2", False),
        ("https://shop", False),
        ("10.0.0.0/8", False),
        ("fe80::1", False),
        ("tenant:[a-z]+", False),
        ("shop:make\n", False),
        (" shop:make", False),
        ("", False),
    ],
)
def test_what_is_a_name(text, expected):
    """A module, a colon, one name in it: no network, URL or expression looks like that."""
    assert expected == names_object(text, CALLED)
