"""Search: which number of conversations to try next, to find the largest that one core can hold. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

MOST_TRIES: Final = 6
_FULL: Final = 0.9
"""How busy the core is expected to be at the limit, for the first guess."""


@dataclass
class CapacitySearch:
    """Ask `next()` for what to try, tell `note()` how it went, until it returns None; then `best` is the answer."""

    cpu_s_per_conversation_s: float
    tries: dict[int, bool] = field(default_factory=dict)
    left: int = MOST_TRIES

    @property
    def best(self) -> int:
        """The largest number that went well below every one that did not; 0 when none did."""
        return max((n for n, well in self.tries.items() if well and n < self._too_many), default=0)

    @property
    def is_settled(self) -> bool:
        """True when the number above the best that was tried did not go well, and lies close to it."""
        return self._too_many - self.best <= max(1, self.best // 16)

    def next(self) -> int | None:
        """Return the number to try next, or None."""
        if not self.left or self.is_settled:
            return None
        if self._too_many < _NONE:
            guess = (self.best + self._too_many) // 2
            if not self.best and self.guess < self._too_many * 3 // 4:
                guess = self.guess
            return guess
        return max(self.guess, self.best + max(1, self.best // 5))

    def note(self, conversations: int, well: bool) -> None:
        """Take a result."""
        self.tries[conversations] = well
        self.left -= 1

    @property
    def guess(self) -> int:
        """What the CPU used by fewer conversations promises."""
        return max(1, int(_FULL / max(self.cpu_s_per_conversation_s, 1e-4)))

    @property
    def _too_many(self) -> int:
        return min((n for n, well in self.tries.items() if not well), default=_NONE)


_NONE: Final = 10**6
