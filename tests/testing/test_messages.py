"""The order of ASGI messages, walked through its tables."""

import pytest

from dualware.testing.messages import (
    FIELDS,
    HTTP_ORDER,
    LIFESPAN_ORDER,
    WEBSOCKET_ORDER,
    Conversation,
    form_faults,
    message_headers,
)

EXTENSIONS = ("http.response.trailers", "http.response.pathsend", "http.response.zerocopysend")
EXTENSIONS += ("http.response.debug", "websocket.http.response", "x.custom")
FLAGS = ("more_body", "more_trailers", "trailers")


def message(name):
    """The message a table's column stands for."""
    flags = dict.fromkeys(FLAGS, True) if name.endswith("+") else {}
    return {"type": name.rstrip("+"), **flags}


CELLS = [
    (table, at, name, then)
    for table in (HTTP_ORDER, WEBSOCKET_ORDER, LIFESPAN_ORDER)
    for at, row in table.items()
    for name, then in row.items()
]


@pytest.mark.parametrize(("table", "at", "name", "then"), CELLS)
def test_legal_step(table, at, name, then):
    """Each cell of the tables is a step."""
    conversation = Conversation(table, EXTENSIONS)
    conversation.at = at

    assert [] == list(conversation.step(message(name)))
    assert then == conversation.at


STRAY = [
    (table, at, name)
    for table in (HTTP_ORDER, WEBSOCKET_ORDER, LIFESPAN_ORDER)
    for at, row in table.items()
    for name in sorted({name for each in table.values() for name in each} - set(row))
]


@pytest.mark.parametrize(("table", "at", "name"), STRAY)
def test_illegal_step(table, at, name):
    """What is in no cell of the row is a fault, and leads nowhere."""
    conversation = Conversation(table, EXTENSIONS)
    conversation.at = at

    assert [("message-order", f"{name.rstrip('+')!r} {at}")] == list(
        conversation.step(message(name))
    )
    assert at == conversation.at


@pytest.mark.parametrize("kind", ["http.response.debug", "x.custom", "x.custom.part"])
def test_extension_message_at_any_time(kind):
    """What the tables do not speak of may come until the end."""
    conversation = Conversation(HTTP_ORDER, EXTENSIONS)

    assert [] == list(conversation.step({"type": kind}))
    assert "before the start" == conversation.at


def test_extension_name_is_no_prefix():
    """An extension offers its own messages, and none that only begin alike."""
    conversation = Conversation(HTTP_ORDER, EXTENSIONS)

    assert [("message-not-offered", "'x.customer'")] == list(
        conversation.step({"type": "x.customer"})
    )


def test_trailers_need_an_offer():
    """A start may announce trailers only to a server that takes them."""
    conversation = Conversation(HTTP_ORDER, ())
    start = {"type": "http.response.start", "status": 200, "trailers": True}

    assert [("message-not-offered", "trailers are announced")] == list(conversation.step(start))


@pytest.mark.parametrize("kind", sorted(FIELDS))
def test_unknown_fields_are_no_fault(kind):
    """The specification lets messages carry more than it names."""
    needed = {"status": 200, "path": "/", "file": None}
    payload = {"text": "x"} if kind in ("websocket.send", "websocket.receive") else {}

    assert [] == list(form_faults({"type": kind, **needed, **payload, "x": object()}))


def test_headers_are_read_once():
    """A generator is consumed by one reader only."""
    pairs = [(b"a", b"b")]
    start = {"type": "http.response.start", "headers": iter(pairs)}

    assert pairs == message_headers(start)


def test_headers_of_messages_without_any():
    """Other messages have no headers, whatever they carry."""
    assert [] == message_headers({"type": "http.response.body", "headers": [(b"a", b"b")]})
