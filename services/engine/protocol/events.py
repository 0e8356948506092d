"""The small change of the protocol: identifiers, server events, and what the core asks of the shell around it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

Event = dict[str, Any]


def new_id(prefix: str) -> str:
    """Mint an identifier such as "resp_3f…", unguessable and unique."""
    return f"{prefix}_{secrets.token_hex(10)}"


@dataclass(frozen=True, slots=True)
class Send:
    """Send this server event."""

    event: Event


def sent(event: Event) -> Send:
    """Send an event, under an identifier of its own."""
    return Send({"event_id": new_id("event"), **event})


def send(kind: str, **fields: Any) -> Send:
    """Send an event of a kind with these fields."""
    return sent({"type": kind, **fields})


@dataclass(frozen=True, slots=True)
class Listen:
    """A turn begins, the item of which will have this identifier: recognise what `Hear` brings of it.

    Words that are sure are reported at once as `words`. `language` is ISO-639-1 or empty; `prompt` says what may
    come up.
    """

    item_id: str
    language: str
    prompt: str


@dataclass(frozen=True, slots=True)
class Hear:
    """More of a turn: PCM16LE mono at 24 kHz."""

    item_id: str
    pcm: bytes


@dataclass(frozen=True, slots=True)
class Understand:
    """The turn is complete: find out what was said in it, and report it as `transcribed`."""

    item_id: str


@dataclass(frozen=True, slots=True)
class Forget:
    """The turn is void."""

    item_id: str


@dataclass(frozen=True, slots=True)
class Judge:
    """How likely is the turn over, by its sound (PCM16LE mono at 16 kHz)? Report it as `judged`."""

    turn: int
    pause: int
    pcm: bytes


@dataclass(frozen=True, slots=True)
class AwaitSpeech:
    """Report `idle` after this time, unless told otherwise before. Replaces what was awaited earlier."""

    seconds: float


@dataclass(frozen=True, slots=True)
class StopAwaiting:
    """Nobody is waiting for the person to speak any more."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Think and speak for this response."""

    response_id: str


@dataclass(frozen=True, slots=True)
class Hush:
    """Stop thinking and speaking for this response at once; it is over."""

    response_id: str


Action = Send | Listen | Hear | Understand | Forget | Judge | AwaitSpeech | StopAwaiting | Answer | Hush
