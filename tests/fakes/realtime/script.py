"""What a test may ask of the fake model: replies, and the words it hears."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tests.fakes.position_code import track_pcm

if TYPE_CHECKING:
    from tests.fakes.realtime.connection import Connection
    from tests.fakes.realtime.conversation import Item


@dataclass(frozen=True, slots=True)
class Message:
    """Something said: one item of a reply."""

    text: str = "one two three four"
    seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class Call:
    """A function call: one item of a reply. `arguments` is JSON text, streamed in `pieces` deltas."""

    name: str
    arguments: str = "{}"
    call_id: str = ""
    """Minted by the fake when empty."""
    pieces: int = 1


@dataclass(frozen=True, slots=True)
class Reply:
    """One response of the model.

    The audio is `seconds` of the response's own track, divided evenly over `items` messages; so is `text`; `calls`
    follow. `output` says it item by item instead: a commentary, a call, an answer.
    """

    seconds: float = 2.0
    sound: bytes | None = None
    """24 kHz PCM16LE spoken instead of the track, over and over: for formats that a position code does not survive."""
    text: str = "one two three four five six seven eight"
    items: int = 1
    calls: Sequence[Call] = ()
    output: Sequence[Message | Call] | None = None
    """The items in their order; () for a response without any. None: `seconds`, `text`, `items` and `calls` count."""
    created_ms: float = 0
    """From `response.create` to `response.created`; an interruption may fall in between."""
    think_ms: float = 50
    """From `response.create` to the first item (never before `response.created`)."""
    speed: float = 6.0
    """Seconds of audio sent per second."""
    delta_ms: int = 100
    captions: Literal["ahead", "aligned"] = "ahead"
    """Transcript deltas run three times faster than the audio, or each goes just before the audio of its word."""
    stragglers: int = 0
    """Audio deltas still sent after a cancel, before `response.done`, if so much audio is left."""
    done_ms: float = 0
    """From the last item, or the cancel, to `response.done`. Meanwhile it is active, and can't be cancelled."""
    hold: asyncio.Event | None = None
    """Audio stops at `hold_at_ms` of the reply until this event is set (a cancel gets through)."""
    hold_at_ms: float = 0
    fail: str | None = None
    """An error code: at `end_at_ms` of audio, or at its end, the response ends with status `failed`."""
    fail_type: str = "server_error"
    """The kind of error that the code is one of."""
    incomplete: Literal["max_output_tokens", "content_filter"] | None = None
    """At `end_at_ms` of audio, or at its end, the response ends with status `incomplete`."""
    end_at_ms: float = 0
    has_usage: bool = True
    """`response.done` says what it used; servers leave that out where they like."""

    def __post_init__(self) -> None:
        """Raises ValueError for a script that cannot be played."""
        if self.items < 0 or (self.seconds > 0 and self.items == 0 and self.output is None):
            raise ValueError("a reply with audio needs at least one item; for calls alone say seconds=0, items=0")
        if self.speed <= 0 or self.delta_ms <= 0 or self.seconds < 0:
            raise ValueError("speed and delta_ms must be positive, seconds not negative")

    def pcm(self, track: int, samples: int, start: int) -> bytes:
        """Return what is spoken from sample `start` of the reply on."""
        if self.sound is None:
            return track_pcm(track, samples, start)
        first = start % (len(self.sound) // 2) * 2
        again = -(-(first + samples * 2) // len(self.sound))
        return (self.sound * again)[first : first + samples * 2]


@dataclass(frozen=True, slots=True)
class ReplyRequest:
    """What is known when the model is asked: the argument of a callable script."""

    connection: Connection
    track: int
    """Number of this response over the whole server, from 1 on: also the track that it will speak."""
    event: Mapping[str, Any]
    """The client's `response.create`; empty when the server asks itself."""
    user_text: str
    """Transcript or text of the last user item; empty if there is none."""
    user_audio: bytes
    """Audio of the last user item, 24 kHz PCM16LE; empty if it was typed."""
    last: Item | None = None
    """The newest item of the conversation, whosever it is."""

    @property
    def result(self) -> str | None:
        """The result that the newest item is, when that is a `function_call_output`: the reply is to go on from it."""
        if self.last is None or self.last.wire["type"] != "function_call_output":
            return None
        return str(self.last.wire["output"])

    @property
    def instructions(self) -> str:
        """What this response is told, where that is other than what the session is told."""
        return str((self.event.get("response") or {}).get("instructions") or "")


Replies = Sequence[Reply] | Callable[[ReplyRequest], Reply]
Transcripts = Sequence[str | None] | Callable[[bytes, int], str | None]


def choose_reply(replies: Replies, request: ReplyRequest) -> Reply:
    """Take the reply for this response; a sequence repeats its last when it is exhausted."""
    if callable(replies):
        return replies(request)
    return replies[min(request.track, len(replies)) - 1]


def choose_transcript(transcripts: Transcripts, audio: bytes, nth: int) -> str | None:
    """Take the words for the nth committed turn (from 0 on, over the whole server); None is a failure."""
    if callable(transcripts):
        return transcripts(audio, nth)
    return transcripts[min(nth, len(transcripts) - 1)]
