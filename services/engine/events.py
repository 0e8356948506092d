"""The small change of the protocol: identifiers, errors that a client is told, and what a session asks for."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

Event = dict[str, Any]


def new_id(prefix: str) -> str:
    """Mint an identifier such as "resp_3f…", unguessable and unique."""
    return f"{prefix}_{secrets.token_hex(10)}"


class ClientError(Exception):
    """A client event that cannot be done: told to the client as an `error` event, the session goes on."""

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.param = param


def error_event(error: ClientError, client_event_id: str | None) -> Event:
    """The `error` event for a client event; carries that event's id if it had one."""
    details = {
        "type": "invalid_request_error",
        "code": error.code,
        "message": str(error),
        "param": error.param,
        "event_id": client_event_id,
    }
    return {"type": "error", "error": details}


# What the protocol core asks of the shell around it.


@dataclass(frozen=True, slots=True)
class Send:
    """Send this server event."""

    event: Event


@dataclass(frozen=True, slots=True)
class Hear:
    """Recognise this as well: PCM16LE mono at 24 kHz of the turn that is being spoken."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class Understand:
    """The turn is complete: find out what was said in it and report it as that item's transcript."""

    item_id: str


@dataclass(frozen=True, slots=True)
class Forget:
    """The audio heard since the last turn is void."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Think and speak for this response."""

    response_id: str


@dataclass(frozen=True, slots=True)
class Hush:
    """Stop thinking and speaking for this response at once; it is over."""

    response_id: str


Action = Send | Hear | Understand | Forget | Answer | Hush
