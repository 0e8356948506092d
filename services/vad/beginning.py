"""Beginning: where a decision core begins: with the session, or in the midst of it, after another vad.

What the broker knows of the past says what is decided. A little of the sound before that is heard again, so that the
ear knows how loud the room and the person are; it decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from parley.v1 import stream_pb2 as wire
from services.vad.voice import SAMPLES_PER_MS

WARM_UP_SAMPLES: Final = 2_000 * SAMPLES_PER_MS
"""How much of what is decided is heard again."""


@dataclass(frozen=True)
class Beginning:
    """What is known of a session that has begun before. Offsets are samples of the microphone's clock."""

    decided: int = 0
    """Sound before this begins no turn and brings no verdict."""
    turn: int = 0
    """The newest turn whose end was told."""
    awaited: int = 0
    """The turn whose answer is awaited and not audible yet; 0: none is."""
    seq: int = 0
    """The highest verdict."""
    given: int = 0
    """What came before this the broker has been given, or has no use for, where it is given everything."""

    @classmethod
    def after(cls, past: wire.Past, seq: int) -> Beginning:
        """Return where to begin by the broker's word; `seq` is the highest verdict that ingress knows of."""
        return cls(
            decided=past.decided_offset,
            turn=past.turn,
            awaited=past.awaited_turn,
            seq=max(seq, past.seq),
            given=max(past.audio_offset, past.decided_offset),
        )

    @property
    def hear_from(self) -> int:
        """The first sample that is wanted."""
        return max(self.decided - WARM_UP_SAMPLES, 0)
