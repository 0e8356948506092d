"""What the engine is made of: something that listens, a mind, and a voice; and how they speak to the rest.

Each part is chosen by a setting. All of them stream: words come while the person speaks, thoughts as they are had,
audio as it is made. All may be used by many sessions at once. Whatever goes wrong in one is a PartError.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from services.engine.speech import Utterance


class PartError(Exception):
    """A part could not do its work. `message` says why and what to do; `code` is for programs.

    Codes: `unreachable`, `too_slow`, `unauthorized`, `model_not_found`, `rate_limit_exceeded`, `refused` (the request
    itself was wrong), `server_error`, `bad_answer` (what came was no answer, or too large), `incomplete` (the answer
    broke off), `not_installed`, `failed` (a part on this machine broke).
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


# The mind


@dataclass(frozen=True, slots=True)
class TextDelta:
    """What is said next; the texts of all deltas join to the reply."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A function of the client is to be called. `arguments` is JSON, as the mind wrote it."""

    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ThoughtUsage:
    """The tokens that a thought took: those read, how many of them from a cache, and those written."""

    text_in: int
    text_cached: int
    text_out: int


@dataclass(frozen=True, slots=True)
class Curtailed:
    """The thought ended before it was complete, for the reason given, as in `response.done` "incomplete"."""

    reason: Literal["max_output_tokens", "content_filter"]


Thought = TextDelta | ToolCall | ThoughtUsage | Curtailed

Speaker = Literal["system", "user", "assistant", "call", "tool"]


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of a conversation.

    `system`, `user` and `assistant` have `text`. A `call` is a function call of the assistant: `call_id`, `name` and
    `arguments` (JSON). A `tool` is what came of it: `call_id`, and the output as `text`.
    """

    speaker: Speaker
    text: str = ""
    call_id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class Context:
    """All that a mind is told.

    `instructions` are the response's own, or else the session's. `tools` are function tools as the Realtime API
    declares them (`{"type": "function", "name", "description", "parameters"}`); `tool_choice` is "auto", "none",
    "required" or `{"type": "function", "name": …}`. `max_output_tokens` None is no limit. `now` is local time.
    """

    lines: Sequence[Line]
    now: datetime
    instructions: str = ""
    tools: Sequence[dict[str, Any]] = ()
    tool_choice: str | dict[str, Any] = "auto"
    max_output_tokens: int | None = None


class Mind(Protocol):
    """Finds what to say."""

    def think(self, context: Context) -> AsyncGenerator[Thought, None]:
        """Give the reply as it is found. Closing the iterator stops the thought at once. Raises PartError."""


# The voice


class Voice(Protocol):
    """Speaks."""

    def speak(self, text: str, voice: str, speed: float) -> AsyncGenerator[Utterance, None]:
        """Give the audio of one sentence as it is made; the words of all pieces join to `text`.

        `voice` is a name of the Realtime API ("marin") or one of the part's own, `speed` a factor on its normal
        pace. Closing the iterator stops the synthesis. Raises PartError.
        """


# Listening

OnWords = Callable[[str], None]
"""Called with words that are no longer going to change, while the person still speaks; the texts join to a caption.

The final text may differ from it: more is known at the end.
"""


class Hearing(Protocol):
    """The recognition of one turn. `feed` its audio, then wait for `text`; or `forget` it."""

    def feed(self, pcm: bytes) -> None:
        """Add PCM16LE mono at 24 kHz. Never waits."""

    async def text(self) -> str:
        """The words of the turn, which is now complete; empty if there were none. Raises PartError."""

    def forget(self) -> None:
        """Drop the turn: it is no longer wanted, whatever was heard of it."""


class Listening(Protocol):
    """Recognises speech."""

    def listen(self, language: str = "", prompt: str = "", on_words: OnWords | None = None) -> Hearing:
        """Begin a turn. `language` is ISO-639-1 ("en"; empty is unknown), `prompt` says what may come up."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts an engine was given. `is_voice` tells the names of voices that `voice` may be asked for."""

    listening: Listening
    mind: Mind
    voice: Voice
    is_voice: Callable[[str], bool]
