"""Retention: from which sample on the microphone's audio may still be wanted, here and at ingress.

Ingress keeps the person's sound until its turn stands in history, and with it, in their places, what was typed and what
an operator wants said. So all of these hold it back; what is remembered here is only what turns are cut from.
"""

from __future__ import annotations

from typing import Final

from services.vad.memory import MicMemory
from services.vad.voice import SAMPLES_PER_MS

_MEMORY_SAMPLES: Final = 2_000 * SAMPLES_PER_MS
"""What is remembered while nobody speaks: pre-roll, and an interruption that is still being judged."""
_MOST_SAMPLES: Final = 90_000 * SAMPLES_PER_MS
"""What is remembered at most, if a turn is never answered: more than the longest turn. 2.9 MB."""
_EVERY_SAMPLES: Final = 1_000 * SAMPLES_PER_MS


class Retention:
    """Turns without an answer keep their audio; what is older than all of them goes."""

    def __init__(self) -> None:
        self._parts: list[tuple[int, int]] = []
        """Of what was spoken: turn, and where it or its continuation began; oldest first."""
        self._words: dict[int | str, int] = {}
        """Where the microphone was when something was typed or announced."""
        self._kept_since = 0

    def begin(self, offset: int) -> None:
        """The microphone is heard from `offset` on: whatever came before it is nobody's to keep here."""
        self._kept_since = max(self._kept_since, offset)

    def keep(self, turn: int, since: int) -> None:
        """Keep a turn's audio, or that of its continuation, from a sample on."""
        self._parts.append((turn, since))

    def hold(self, name: int | str, since: int) -> None:
        """Keep ingress from letting go of what came at `since`: a typed turn by its number, or an announcement."""
        self._words.setdefault(name, since)

    def let_go(self, name: int | str) -> None:
        """What was held need not be any more."""
        self._words.pop(name, None)

    def dismiss(self, turn: int) -> None:
        """What was last kept of a turn was no speech."""
        newest = max((place for place, part in enumerate(self._parts) if part[0] == turn), default=None)
        if newest is not None:
            del self._parts[newest]

    def answered(self, turn: int) -> None:
        """A turn's text stands in history, or that of its first part; so does everything that came before it."""
        self._words = {name: at for name, at in self._words.items() if isinstance(name, str) or name > turn}
        self._parts = [part for part in self._parts if part[0] >= turn]
        if self._parts and self._parts[0][0] == turn:
            del self._parts[0]

    def forget(self, memory: MicMemory) -> int | None:
        """Let `memory` forget what nobody can want any more; return what is kept, when it has become much less."""
        recent = memory.end - _MEMORY_SAMPLES
        spoken = min((since for _, since in self._parts), default=recent)
        memory.forget_before(max(min(spoken, recent), memory.end - _MOST_SAMPLES))
        wanted = min(spoken, recent, *self._words.values())
        if wanted - self._kept_since < _EVERY_SAMPLES:
            return None
        self._kept_since = wanted
        return wanted
