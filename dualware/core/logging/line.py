"""The line: the facts of one exchange, under the names of a preset.

Knows where each fact stands, how long it may be, and what must not be shown of it. Must never
decide whether there is a line, nor who gets it, and never fail for what a client sent.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from dataclasses import fields as members
from dataclasses import replace
from functools import partial
from typing import Any, Final

from dualware.core.exchange import Exchange, Session
from dualware.core.fields import length_of
from dualware.core.logging.client import Client
from dualware.core.logging.levels import LEVEL_NAMES
from dualware.core.logging.presets import OF_LOGGERS, Names, Preset, nested
from dualware.core.logging.seen import Seen
from dualware.core.logging.shown_headers import ShownHeaders
from dualware.core.logging.text import MARK, cut, from_wire, printable, safe, shown
from dualware.core.memo import Memo, all_short, is_short
from dualware.core.message import Facts, Request
from dualware.core.record import Record
from dualware.core.request_id.trace import current_span
from dualware.core.timing.figures import METHODS, error_type

__all__ = ["MOST", "Lines"]

MOST: Final[Mapping[str, int]] = {
    "path": 2048,
    "query": 1024,
    "user_agent": 256,
    "header": 256,
    "field": 2048,
}
"""Characters of the longest text of each kind; the rest is cut off."""

_OF_REQUEST: Final = (
    "query", "scheme", "request_size", "client", "peer", "http_version", "user_agent",
)  # fmt: skip
"""The `Names` of what is told of a request beside its method and path."""
_OF_TRACE: Final = ("trace_id", "span_id", "parent_span_id", "trace_sampled")

_ORDER: Final = (
    "method", "method_original", "path", "query", "scheme", "status", "status_inferred",
    "request_size", "response_size", "duration", "ttfb", "client", "peer", "http_version",
    "user_agent", "route", "request_id", "request_id_source", "request_id_upstream", "trace_id",
    "span_id", "parent_span_id", "trace_sampled", "error_type", "error_message", "outcome",
    "event_outcome", "sample_rate", "fields_dropped",
)  # fmt: skip
"""The `Names` of what stands on the line of a request, in the order in which it is found out."""


class Lines:
    """Makes the fields of every event, with all that settings say of it compiled.

    ``query``
        What to show of a query, None for nothing.
    ``most``
        See `MOST`.
    ``request_headers``, ``response_headers``, ``secret_headers``
        See `ShownHeaders`.
    ``client``
        Tells addresses.
    ``counts``
        Whether the size of the request is what the application took in, not what was declared.
    ``chosen``
        The fields of a line, in order; None for all. What none of them needs is not looked up.
    """

    def __init__(
        self,
        preset: Preset,
        *,
        query: Callable[[str], str] | None,
        most: Mapping[str, int],
        request_headers: tuple[str, ...],
        response_headers: tuple[str, ...],
        secret_headers: frozenset[str],
        client: Client,
        counts: bool,
        chosen: tuple[str, ...] | None = None,
    ) -> None:
        self._preset = preset
        names = self._names = preset.names
        self._query = query
        self._most = dict(most)
        self._longest_path = self._most["path"]
        self._client = client
        self._counts = counts
        self.headers = ShownHeaders(
            names.request_header,
            request_headers,
            names.response_header,
            response_headers,
            secret=secret_headers,
            query=query,
            most=self._most["header"],
            lists=preset.lists_headers,
        )
        """Those that a line shows."""
        self._schemes = Memo(printable, is_short)
        self.plain = not (names.severity or preset.constant or preset.parent)
        """Whether the fields of an event are the line, as long as nobody adds any."""
        self._chosen = chosen
        self._tells_request = self._needs(*_OF_REQUEST) or not names.query
        self._tells_trace = self._needs(*_OF_TRACE)
        self.tells_ttfb = self._needs("ttfb")
        """Whether a line says when the response began."""
        # On a plain line, what is not chosen is told under no name, and that one is taken out.
        self._drops = self._sorts = False
        if chosen is not None and self.plain:
            told = {each.name: getattr(names, each.name) for each in members(names)}
            names = replace(names, **{role: "" for role in told if told[role] not in chosen})
            self._drops = True
            natural = [told[role] for role in _ORDER if told[role] in chosen]
            self._sorts = natural != [name for name in chosen if name in natural]
        self._line_names = names
        self._callers = Memo(partial(self._told_of, self._names), all_short)
        self._line_callers = Memo(partial(self._told_of, names), all_short)

    def _needs(self, *roles: str) -> bool:
        """Whether any of the fields with these `Names` stands on a line."""
        chosen = self._chosen
        return chosen is None or any(getattr(self._names, role) in chosen for role in roles)

    # Events

    def start(self, exchange: Exchange, seen: Seen) -> dict[str, Any]:
        """The fields of the event that an exchange begins with."""
        request, names = exchange.request, self._names
        facts = request.facts()
        fields = {
            **self._target(names, seen, facts),
            **self._caller(self._callers, names, request, facts),
        }
        self._ids(names, exchange.noted, fields)
        return fields

    def end(self, exchange: Exchange, seen: Seen, record: Record | None) -> dict[str, Any]:
        """The fields of the event that an exchange ends with, of which this is the record.

        On a `plain` line only the chosen ones.
        """
        if exchange.session is not None:
            return self._session(exchange, exchange.session, seen, record)
        names = self._line_names
        facts = exchange.request.facts() if self._tells_request else None
        fields = self._target(names, seen, facts)
        status = seen.status
        if status is not None:
            fields[names.status] = status
            if seen.status_inferred:
                fields[names.status_inferred] = True
        if facts is not None:
            self._request_size(names, exchange, facts[5], fields)
        preset, sent, started_at = self._preset, exchange.sent, seen.started_at
        if sent is not None:
            fields[names.response_size] = preset.size(sent)
        fields[names.duration] = preset.duration(seen.ended_at - started_at)
        if names.ttfb:
            # Of an empty body the head is the first byte.
            first_at = exchange.first_at or seen.responded_at
            if first_at:
                fields[names.ttfb] = preset.ttfb(first_at - started_at)
        if facts is not None:
            fields |= self._caller(self._line_callers, names, exchange.request, facts)
        self._ended(names, exchange, seen, record, fields)
        if self._drops and "" in fields:
            del fields[""]
        return self._picked(fields) if self._sorts else fields

    def _session(
        self, exchange: Exchange, session: Session, seen: Seen, record: Record | None
    ) -> dict[str, Any]:
        names = self._names
        request = exchange.request
        facts = request.facts()
        fields = self._target(names, seen, facts)
        if not session.accepted and seen.status is not None:
            fields[names.status] = seen.status
        fields[names.accepted] = session.accepted
        if session.subprotocol is not None:
            fields[names.subprotocol] = from_wire(session.subprotocol, self._most["header"])
        if session.close_code is not None:
            fields[names.close_code] = session.close_code
        if session.closed_by is not None:
            fields[names.closed_by] = session.closed_by
        fields[names.messages_in] = session.messages_in
        fields[names.messages_out] = session.messages_out
        fields[names.bytes_in] = session.bytes_in
        fields[names.bytes_out] = session.bytes_out
        elapsed = seen.ended_at - seen.started_at
        fields[names.session_duration] = self._preset.duration(elapsed)
        fields |= self._caller(self._callers, names, request, facts)
        self._ended(names, exchange, seen, record, fields)
        return self._picked(fields) if self._drops else fields

    def exception(
        self, exchange: Exchange, seen: Seen, error: BaseException, phase: str, *, trace: bool
    ) -> dict[str, Any]:
        """The fields of the event that tells of an exception, with its traceback or without."""
        names = self._names
        fields = self.start(exchange, seen)
        kind = error_type("error", None, error)
        fields[names.exception_type] = kind
        fields[names.exception_message] = shown(error, self._most["field"])
        if trace:
            fields[names.exception_trace] = _traceback(error)
        fields[names.phase] = phase
        return fields

    # What they are made of

    def _target(self, names: Names, seen: Seen, facts: Facts | None) -> dict[str, Any]:
        """What was asked; without ``facts``, method and path."""
        method, path, _ = seen.paths
        most = self._longest_path
        # As `cut`, less one call.
        if not (len(path) <= most and path.isascii() and path.isprintable()):
            path = cut(path, most)
        if method in METHODS:
            fields = {names.method: method, names.path: path}
        elif self._preset.folds_method:
            fields = {names.method: "_OTHER", names.method_original: cut(method, 64)}
            fields[names.path] = path
        else:
            fields = {names.method: cut(method, 64), names.path: path}
        if facts is not None:
            self._query_of(names, facts[0], fields)
            fields[names.scheme] = self._schemes[facts[1]]
        return fields

    def _query_of(self, names: Names, query: str | None, fields: dict[str, Any]) -> None:
        if query and self._query is not None:
            # First cut, then redacted: the work is bounded, and no half of a secret is left.
            most = self._most["query"]
            shown = printable(self._query(query[:most]))
            if len(query) > most:
                shown += MARK
            if self._names.query:
                fields[names.query] = shown
            else:
                fields[names.path] += f"?{shown}"

    def _request_size(
        self, names: Names, exchange: Exchange, declared: str | None, fields: dict[str, Any]
    ) -> None:
        size = exchange.received if self._counts else length_of(declared)
        if size is not None:
            fields[names.request_size] = self._preset.size(size)

    def _caller(
        self, known: Memo[Any, dict[str, Any]], names: Names, request: Request, facts: Facts
    ) -> dict[str, Any]:
        """Who asked: an object that is kept, and must not be changed."""
        told = known[facts[2:5]]
        if self._client.is_peer:
            return told
        client = self._client(request)
        return told if client is None else {names.client: client, **told}

    def _told_of(
        self, names: Names, told: tuple[str | None, str | None, str | None]
    ) -> dict[str, Any]:
        """What the version of HTTP, the socket's peer and the user agent tell of who asked."""
        version, host, agent = told
        peer = self._client.peer(host)
        fields: dict[str, Any] = {}
        if peer is not None:
            if self._client.is_peer:
                fields[names.client] = peer
            fields[names.peer] = peer
        if version is not None:
            fields[names.http_version] = self._preset.version + printable(version)
        if agent is not None:
            fields[names.user_agent] = from_wire(agent, self._most["user_agent"])
        return fields

    def _ids(self, names: Names, record: Record | None, fields: dict[str, Any]) -> None:
        if record is not None:
            identity = record.request_id
            if identity is not None:
                plain = identity is record.request_id_plain
                fields[names.request_id] = identity if plain else printable(identity)
                if record.request_id_source is not None:
                    fields[names.request_id_source] = record.request_id_source
                if record.request_id_upstream is not None:
                    fields[names.request_id_upstream] = printable(record.request_id_upstream)
        if not self._tells_trace:
            return
        # A tracer in the process knows better than the headers of the request.
        trace = current_span() or (None if record is None else record.trace)
        if trace is None:
            return
        fields[names.trace_id] = trace["trace_id"]
        if "span_id" in trace:
            fields[names.span_id] = trace["span_id"]
        if "parent_span_id" in trace:
            fields[names.parent_span_id] = trace["parent_span_id"]
        if names.trace_sampled and "trace_flags" in trace:
            fields[names.trace_sampled] = bool(int(trace["trace_flags"], 16) & 1)

    def _ended(
        self,
        names: Names,
        exchange: Exchange,
        seen: Seen,
        record: Record | None,
        fields: dict[str, Any],
    ) -> None:
        outcome, status = exchange.outcome, seen.status
        if record is not None and record.route is not None:
            fields[names.route] = cut(record.route, self._most["path"])
        self._ids(names, record, fields)
        kind = None
        if outcome != "completed" or status is None or status >= 500:
            error = exchange.error or (None if record is None else record.error)
            kind = error_type(outcome, status, error)
            if kind is not None:
                fields[names.error_type] = kind
                if names.error_message and error is not None:
                    fields[names.error_message] = shown(error, self._most["field"])
        fields[names.outcome] = outcome
        if names.event_outcome:
            # ECS, event.outcome: from the side of the server, a 404 is a success.
            ended = outcome in ("aborted", "cancelled")
            fields[names.event_outcome] = "unknown" if ended else "failure" if kind else "success"
        if seen.rate is not None:
            fields[names.sample_rate] = seen.rate
        if record is not None and record.fields_dropped:
            fields[names.fields_dropped] = record.fields_dropped

    def _picked(self, fields: dict[str, Any]) -> dict[str, Any]:
        """The chosen ones of ``fields``."""
        return {name: fields[name] for name in self._chosen or () if name in fields}

    def finished(
        self, fields: dict[str, Any], level: int, *more: Mapping[Any, Any] | None
    ) -> dict[str, Any]:
        """An event as a sink takes it. The line is given what users add, or None, ``more``."""
        names, preset = self._names, self._preset
        if names.severity:
            severity = LEVEL_NAMES[level].upper()
            fields = {names.severity: severity, names.message: self.message(fields), **fields}
        if preset.constant is not None:
            fields.update(preset.constant)
        # Those of a plain line are chosen already, see `end`.
        if more and self._chosen is not None and not self.plain:
            fields = self._picked(fields)
        for mapping in more:
            if mapping:
                most = self._most["field"]
                for key, value in mapping.items():
                    name = shown(key, 256)
                    # Some are arguments of loggers' methods: a call with both would fail.
                    fields.setdefault(f"{name}_" if name in OF_LOGGERS else name, safe(value, most))
        return nested(fields, preset.parent) if preset.parent else fields

    def message(self, fields: Mapping[str, Any]) -> str:
        """A short line for people: ``GET /items/42 200``."""
        names = self._names
        listed = (fields.get(name) for name in (names.method, names.path, names.status))
        return " ".join(str(each) for each in listed if each is not None)


def _traceback(error: BaseException) -> str:
    """The traceback, its lines told apart by line feeds, which every renderer escapes."""
    text = "".join(traceback.format_exception(error))
    return "\n".join(printable(line) for line in text.split("\n")).rstrip("\n")
