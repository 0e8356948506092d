"""What happens in a conversation, for whoever watches it: a screen, a script, a demonstration.

Every event carries the moment it became known here, by three clocks: the machine's, the microphone's and the speaker's.
What happened at the speaker carries the moment of its very sample on the last two.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Moment(NamedTuple):
    """When, by this client's clocks."""

    monotonic_s: float
    """The machine's monotonic clock at which the client noticed."""
    mic_offset: int
    """Samples the microphone had captured (16 kHz) since the session began."""
    played_samples: int
    """Samples that had left the speaker (24 kHz, silence included) since the session began."""


class Activity(StrEnum):
    """What the conversation is doing, as vad sees it."""

    UNKNOWN = "unknown"
    IDLE = "idle"
    LISTENING = "listening"
    THINKING = "thinking"
    SPEAKING = "speaking"
    BARGE_IN = "barge_in"


class Who(StrEnum):
    """Whose words."""

    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class Event:
    """Anything that happened."""

    at: Moment


@dataclass(frozen=True, slots=True)
class Opened(Event):
    """The session stands."""

    session: str
    resume_token: str
    lead_ms: int
    max_frame_ms: int
    max_session_s: int


@dataclass(frozen=True, slots=True)
class Caption(Event):
    """Words. Not final: more of the same line. Final: the whole line, as it stands in history."""

    who: Who
    text: str
    final: bool
    interrupted: bool
    reply: int
    position: int
    turn: int


@dataclass(frozen=True, slots=True)
class State(Event):
    """The conversation does something else now."""

    activity: Activity
    turn: int


@dataclass(frozen=True, slots=True)
class Duck(Event):
    """The output is being lowered."""

    seq: int
    gain_db: float


@dataclass(frozen=True, slots=True)
class Release(Event):
    """The duck is undone: it was noise, or a backchannel."""

    seq: int


@dataclass(frozen=True, slots=True)
class Flush(Event):
    """The output shall fall silent; `Silenced` follows when it has."""

    seq: int
    floor: int


@dataclass(frozen=True, slots=True)
class TurnReport(Event):
    """Where a turn's time went: (span name, milliseconds) in the order of the ring."""

    turn: int
    reply: int
    stages: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class ServerError(Event):
    """Something went wrong at the server; the conversation ends after it. Retryable: a new one may succeed."""

    code: str
    message: str
    retryable: bool


@dataclass(frozen=True, slots=True)
class Draining(Event):
    """The server is going away in so many seconds."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Reconnecting(Event):
    """The connection is lost, or about to be: another one is being made. `Resumed` follows, or the end."""

    why: str


@dataclass(frozen=True, slots=True)
class Resumed(Event):
    """The conversation goes on over another connection."""

    gap_ms: int
    """How long nothing came from the server."""
    lost_ms: int
    """What the microphone gave meanwhile and could not be kept for so long."""


@dataclass(frozen=True, slots=True)
class Notice(Event):
    """Something to know, "echo_unstamped" say; the conversation goes on."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Closed(Event):
    """The conversation is over; no event of the server follows. `code`: who ended it, or why: "client", "silence"…"""

    reason: str
    code: str

    @property
    def is_polite(self) -> bool:
        """Whether it came to its end, rather than to a fault or to a server that goes away."""
        return self.code not in ("unspecified", "draining", "fault")


@dataclass(frozen=True, slots=True)
class ReplyStarted(Event):
    """The first sample of a reply was heard."""

    reply: int
    position: int


@dataclass(frozen=True, slots=True)
class ReplyPlayed(Event):
    """A reply was heard to its end; `position` is its last sample."""

    reply: int
    position: int


@dataclass(frozen=True, slots=True)
class Underrun(Event):
    """A reply stopped for want of audio, and goes on now."""

    reply: int
    position: int
    underruns: int


@dataclass(frozen=True, slots=True)
class Silenced(Event):
    """The output has fallen silent after a flush: the last sample of the reply that was heard. Reply 0: none was."""

    seq: int
    reply: int
    position: int


@dataclass(frozen=True, slots=True)
class SoundTrouble(Event):
    """Something is wrong with the sound card, in one line for the person; "" when all is well again."""

    words: str
