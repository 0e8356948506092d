"""What the fake server answers, and how it fails."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Fault = Literal[
    "",
    "silent",  # takes the request and says nothing
    "stalls",  # says half, and then nothing
    "truncated",  # says half, and ends as if that were all
    "disconnects",  # says half, and closes the connection in the middle of a chunk
    "hangs_up",  # closes the connection before it has said anything
    "garbage",  # says what nobody understands
    "endless",  # one event that never ends
    "error_in_stream",  # begins, and then tells of an error
    "pings",  # comments, and nothing else
]


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Script:
    """One answer. With a `status` other than 200 it is an error with that message, else it is what the rest says."""

    texts: tuple[str, ...] = ("Hello there.", " How are you?")
    calls: tuple[Call, ...] = ()
    usage: dict[str, Any] | None = None
    finish_reason: str = "stop"
    streams: bool = True
    pcm: bytes = b""
    kind: str = "audio/pcm"
    fault: Fault = ""
    hold_after: int = -1  # events after which it waits to be released
    status: int = 200
    message: str = ""
    headers: dict[str, str] = field(default_factory=dict)
