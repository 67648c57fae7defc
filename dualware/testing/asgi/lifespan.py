"""The server's side of one lifespan.

This file knows startup and shutdown. It must never know a request or a session,
nor how the application is run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dualware.testing.asgi.server import Client, Server
from dualware.testing.messages import LIFESPAN_ORDER
from dualware.testing.result import LifespanResult


class LifespanServer(Server[LifespanResult]):
    """The server's side of one lifespan."""

    order = LIFESPAN_ORDER

    def __init__(self, client: Client, scope: dict[str, Any]) -> None:
        super().__init__(client, scope, LifespanResult(state=scope["state"]))
        self.stages = ["startup"]

    async def next_message(self) -> dict[str, Any]:
        """ASGI lifespan, Startup and Shutdown."""
        stage = self.stages.pop() if self.stages else "shutdown"
        return {"type": f"lifespan.{stage}"}

    def take(self, message: Mapping[str, Any], headers: list[tuple[str, str]]) -> None:  # noqa: ARG002 - it has none
        _, stage, outcome = message["type"].split(".")
        setattr(self.result, stage, outcome)
