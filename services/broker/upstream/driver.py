"""Driver: between the core's language, the events of the GA Realtime protocol, and what one kind of server speaks.

A driver does no I/O and belongs to one connection. It is also where what servers get wrong is put right, so that the
core needs to know of no server's habits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeAlias

from services.broker.upstream.capabilities import Capabilities

Message: TypeAlias = dict[str, Any]
"""A JSON object: an event of the core's, or one on the wire."""

CREATED: Final = "session.created"
"""By this event a driver says that the server is there."""
UPDATED: Final = "session.updated"
"""And by this that it took the settings."""
OPENING_ID: Final = "parley_session"
"""The event_id of what sets a session up: an error that names it refuses the settings."""


@dataclass(frozen=True)
class Call:
    """How to dial."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    subprotocols: tuple[str, ...] = ()


class Driver(Protocol):
    """One connection's. What a server sends may be anything at all: no method raises for it."""

    @property
    def capabilities(self) -> Capabilities:
        """What the core may rely on."""
        ...

    @property
    def call(self) -> Call:
        """How to dial."""
        ...

    def opening(self, session: Mapping[str, Any]) -> list[Message]:
        """Return what to send once the server is there, for a session of this (GA) shape."""
        ...

    def outgoing(self, event: Mapping[str, Any]) -> list[Message]:
        """Return what to send for an event of the core's."""
        ...

    def incoming(self, message: Mapping[str, Any]) -> list[Message]:
        """Return the events that a message of the server's is for the core; none for one that means nothing to it."""
        ...
