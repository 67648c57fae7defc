"""The pytest plugin: one test, both protocols.

This file knows pytest, and nothing of HTTP. It imports the rest of the library
inside its fixtures only, so that an installed plugin costs nothing and hides no
line from coverage.

`dual` runs a test under WSGI and under ASGI::

    from dualware.testing import Script

    def test_request_id_is_sent(dual):
        result = dual.request(Script(), {"request_id": True})

        assert result.header("x-request-id") is not None
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .dual import Dual, Protocol
    from .fetch import Browser, SharedCache


@pytest.fixture(params=["wsgi", "asgi"])
def protocol(request: pytest.FixtureRequest) -> Protocol:
    """The protocol the test runs under: "wsgi", then "asgi"."""
    name: Protocol = request.param
    return name


@pytest.fixture
def dual(protocol: Protocol) -> Dual:
    """Requests to an application within middleware, under the protocol at hand (see `Dual`)."""
    from .dual import Dual

    return Dual(protocol)


@pytest.fixture
def browser() -> Callable[..., Browser]:
    """A browser in front of your application, which tells what a page of some origin gets to read.

    ``browser(app, at="https://api.example", cookies="", cache=None)`` makes a `Browser`; the
    application may be of either protocol::

        def test_the_shop_may_change_an_item(browser):
            page = browser(app, cookies="session=1")
            fetched = page.fetch(
                "https://api.example/items/7",
                origin="https://shop.example",
                method="PUT",
                headers={"Content-Type": "application/json"},
                credentials="include",
            )

            assert fetched, fetched  # a failure shows every step of the Fetch standard
    """

    def in_front_of(
        app: object,
        at: str = "https://api.example",
        *,
        cookies: str = "",
        cache: SharedCache | None = None,
    ) -> Browser:
        from .fetch import Browser

        return Browser({at: app}, cookies=cookies, cache=cache)

    return in_front_of


@pytest.fixture(params=["whole", "byte_by_byte", "with_empty"])
def chunking(request: pytest.FixtureRequest) -> Callable[[Iterable[bytes]], tuple[bytes, ...]]:
    """A way to cut a body, from chunks to chunks (see `CHUNKINGS`).

    ::

        def test_body_is_the_same(dual, chunking):
            script = Script(chunks=chunking([b"hello ", b"world"]))

            assert dual.request(script).body == b"hello world"
    """
    from .dual import CHUNKINGS

    return CHUNKINGS[request.param]
