"""An application in one description, to be called under either protocol.

This file knows which application plays a description in which protocol. It must
never speak one, nor know a server or middleware.

A `Script` says what an application does: which head, which chunks, where it
fails (see `Description`). `Script.wsgi` and `Script.asgi` do exactly that, and
`Script.probe` tells what was done to them.

>>> script = Script(status=404, chunks=[b"not ", b"here"])
>>> script.status_line
'404 Not Found'
"""

from __future__ import annotations

from dataclasses import dataclass

from dualware.testing.asgi.scripted import ScriptASGI
from dualware.testing.description import (
    BodyKind,
    Description,
    Head,
    HeadReplaced,
    Moment,
    Probe,
)
from dualware.testing.wsgi.scripted import ScriptWSGI

__all__ = ["BodyKind", "Head", "HeadReplaced", "Moment", "Probe", "Script"]


@dataclass(frozen=True)
class Script(Description):
    """What an application does (see `Description`), and the two applications that do it."""

    @property
    def wsgi(self) -> ScriptWSGI:
        """The WSGI application."""
        return ScriptWSGI(self)

    @property
    def asgi(self) -> ScriptASGI:
        """The ASGI application."""
        return ScriptASGI(self)
