"""The talk key in a terminal, which tells of presses and repeats, and never that a key was let go.

While a key is held the terminal repeats it, after a first wait of some 250 to 700 ms and then 20 to 40 times a second.
When the repeats stop, it was let go. A toggle needs no repeats: one press begins, the next one ends.
"""

from __future__ import annotations

FIRST_REPEAT_S = 0.8
"""So long after the first press a repeat may take to come; a tap counts as held for as long."""
NEXT_REPEAT_S = 0.2
"""So long without another one the key was let go: a few of the slowest repeats."""


class TalkKey:
    """Feed it presses and time; `down` is whether the person talks."""

    def __init__(self, first_repeat_s: float = FIRST_REPEAT_S, next_repeat_s: float = NEXT_REPEAT_S) -> None:
        self.is_latched = False
        """Held by the toggle."""
        self._first_repeat_s, self._next_repeat_s = first_repeat_s, next_repeat_s
        self._until_s: float | None = None

    @property
    def down(self) -> bool:
        """Whether the key counts as down."""
        return self.is_latched or self._until_s is not None

    def held(self, now_s: float) -> None:
        """Take a press or a repeat of the key that is held."""
        self._until_s = now_s + (self._first_repeat_s if self._until_s is None else self._next_repeat_s)

    def toggled(self) -> None:
        """Take a press of the toggle; it also ends what is held."""
        self.is_latched = not self.down
        self._until_s = None

    def tick(self, now_s: float) -> None:
        """Let time pass."""
        if self._until_s is not None and now_s >= self._until_s:
            self._until_s = None
