"""Retention: from which sample on the microphone's audio may still be wanted, here and at ingress."""

from __future__ import annotations

from typing import Final

from services.vad.memory import MicMemory
from services.vad.voice import SAMPLES_PER_MS

_MEMORY_SAMPLES: Final = 2_000 * SAMPLES_PER_MS
"""What is remembered while nobody speaks: pre-roll, and an interruption that is still being judged."""
_EVERY_SAMPLES: Final = 1_000 * SAMPLES_PER_MS


class Retention:
    """Turns without an answer keep their audio; what is older than all of them goes."""

    def __init__(self) -> None:
        self._turns: dict[int, int] = {}
        self._kept_since = 0

    def keep(self, turn: int, since: int) -> None:
        """Keep a turn's audio from a sample on."""
        self._turns[turn] = since

    def drop(self, turn: int) -> None:
        """A turn's audio is not wanted any more."""
        self._turns.pop(turn, None)

    def forget(self, memory: MicMemory) -> int | None:
        """Let `memory` forget what nobody can want any more; return what is kept, when it has become much less."""
        oldest = min(self._turns.values(), default=memory.end)
        wanted = min(oldest, memory.end - _MEMORY_SAMPLES)
        if wanted - self._kept_since < _EVERY_SAMPLES:
            return None
        self._kept_since = wanted
        memory.forget_before(wanted)
        return wanted
