"""Turn: one turn of the person's, from its pre-roll to its end, and the messages that begin and end it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from parley.v1 import broker_service_pb2 as broker
from services.common.tracing.context import mint
from services.vad.endpointing import Pause
from services.vad.voice import SAMPLES_PER_MS

PRE_ROLL_MS: Final = 300
"""Audio from before the onset that goes with a turn: voice activity rises late on soft beginnings."""

BARE_WORD_MS: Final = 900
"""A turn with more speech than this is more than the word it began with."""


@dataclass
class Turn:
    """A turn that is open, or that ended and waits for its answer."""

    number: int
    start: int
    """Offset of its first sample, pre-roll included."""
    onset: int
    interruption: bool
    pause: Pause
    traceparent: str = field(default_factory=mint)
    part_start: int = 0
    """Offset at which it began, or began again when it was resumed."""
    speech_samples: int = 0
    """Speech of the parts before the present one, when the turn was resumed."""
    end: int = 0
    """Where its last speech ended, once an end was told."""
    is_tentative: bool = False
    """An end was told that is neither confirmed nor taken back."""
    tentative_ends: int = 0
    """How many such ends there were."""
    answers_stop: bool = False
    """Whether a bare stop word is answered like any turn."""
    stop_word: str = ""
    """The interrupting word it began with, where that asks for silence."""

    def __post_init__(self) -> None:
        self.part_start = self.start

    def resume(self, part_start: int, onset: int, pause: Pause) -> None:
        """Go on after it seemed to have ended. What the person says now is judged as an interruption, too."""
        self.pause = pause
        self.part_start = part_start
        self.onset = onset
        self.interruption = True

    def started(self) -> broker.SpeechStarted:
        """Return the message that begins it."""
        return broker.SpeechStarted(turn=self.number, onset_offset=self.onset, traceparent=self.traceparent)

    def ended(
        self, now: int, last_speech: int, speech_samples: int, complete: float | None, *, tentative: bool
    ) -> broker.TurnEnded:
        """Return the message that ends it at sample `now`, for good or tentatively."""
        self.end = end = min(max(last_speech, self.onset), now)
        return broker.TurnEnded(
            turn=self.number,
            tentative=tentative,
            end_offset=end,
            confidence=0.0 if complete is None else complete,
            waited_ms=(now - end) / SAMPLES_PER_MS,
            interruption=self.interruption,
            speech_ms=speech_samples // SAMPLES_PER_MS,
            answers_stop=self.answers_stop,
            stop_word=self.stop_word if speech_samples <= BARE_WORD_MS * SAMPLES_PER_MS else "",
        )
