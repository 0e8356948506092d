"""Tapes: what happened when, at both ends of the ring, as it was noted while it ran. They are judged afterwards.

All times are `time.monotonic()` seconds of this machine. Positions count samples: 16 kHz of the microphone, 24 kHz
of a reply.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Utterance:
    """Something the person said. `start` and `end` are microphone samples, `end` that after the last sound."""

    start: int
    end: int
    is_barge_in: bool


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a reply as it reached the client. `serial` is the model's number of the response, from the samples."""

    at_s: float
    reply: int
    position: int
    samples: int
    serial: int

    @property
    def end(self) -> int:
        """Position after its last sample."""
        return self.position + self.samples


@dataclass(slots=True)
class DeviceTape:
    """One conversation as the person's device saw it."""

    session: str = ""
    lead_ms: int = 0
    mic_sent_s: list[float] = field(default_factory=list)
    """When each microphone frame was sent; frame i holds the samples [320 i, 320 (i + 1))."""
    mic_frames: list[bytes] = field(default_factory=list)
    utterances: list[Utterance] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)
    heard_s: dict[int, float] = field(default_factory=dict)
    """When the first sample of each reply left the speaker."""
    stages_ms: dict[int, dict[str, float]] = field(default_factory=dict)
    """What the ring said of where the time before a reply went, by the stage's name."""
    ends: dict[int, int] = field(default_factory=dict)
    """How many samples each reply had that was sent to its end."""
    flushed_s: dict[int, float] = field(default_factory=dict)
    """When the flush of an interrupt was answered, by its seq."""
    flushed_replies: set[int] = field(default_factory=set)
    unanswered: int = 0
    ignored_barge_ins: int = 0
    stale_pieces: int = 0
    """Pieces of a reply that came after the flush which killed it."""
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Append:
    """Audio that reached the model: the event as it came."""

    at_s: float
    event: bytes


@dataclass(slots=True)
class Heard:
    """What the model heard up to one commit."""

    appends: list[Append] = field(default_factory=list)
    committed_s: float = 0.0


@dataclass(slots=True)
class Response:
    """One response of the model. `deltas` are (when it was sent, position after its last sample)."""

    serial: int
    is_live: bool
    """True when it came at the pace of speech, false when it came all at once."""
    deltas: list[tuple[float, int]] = field(default_factory=list)
    is_done: bool = False
    is_cancelled: bool = False


@dataclass(slots=True)
class ModelTape:
    """One conversation as the model saw it."""

    turns: list[Heard] = field(default_factory=list)
    responses: list[Response] = field(default_factory=list)
    truncated_s: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A message of the interrupt topic as it came: a serialised session.Interrupt."""

    at_s: float
    payload: bytes


@dataclass(slots=True)
class Tapes:
    """Everything noted while `sessions` conversations ran from `begun_s` to `ended_s`."""

    devices: list[DeviceTape]
    models: list[ModelTape]
    verdicts: list[Verdict]
    begun_s: float = 0.0
    ended_s: float = 0.0
