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
    """What came before this need not be given to the broker again."""
    is_given_all: bool = False
    """The broker is given everything, not turns alone."""

    @classmethod
    def after(cls, ready: wire.StreamReady, seq: int) -> Beginning:
        """Return where to begin by the broker's word; `seq` is the highest verdict that ingress knows of."""
        past = ready.past
        is_given_all = ready.hearing == wire.StreamReady.HEARING_CONTINUOUS
        return cls(
            decided=past.decided_offset,
            turn=past.turn,
            awaited=past.awaited_turn,
            seq=max(seq, past.seq),
            given=max(past.audio_offset, past.decided_offset) if is_given_all else past.decided_offset,
            is_given_all=is_given_all,
        )

    @property
    def hear_from(self) -> int:
        """The first sample that is wanted."""
        return max(self.decided - WARM_UP_SAMPLES, 0)

    @property
    def needless_silence(self) -> int | None:
        """Silence that comes first need not be heard up to here; None: however long it lasts."""
        return self.given if self.is_given_all else None
