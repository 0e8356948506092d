"""Rhythm: how this person pauses. Some never stop within a turn, some think aloud; the ear learns which, in minutes.

What is learned is how often a pause was a mere pause: of h that were resumed and e that ended a turn, the odds of the
next to end one are (a + e) / (a + h), a Beta-Bernoulli estimate with a pauses of either kind known beforehand. What is
long ago counts less. At the start, with nothing heard, it says nothing. How long the pauses were is not used: scaling
the wait with their mean made turns end no sooner for the same number of people cut off.
"""

from __future__ import annotations

import math
from typing import Final

KNOWN: Final = 1.0
"""Pauses of either kind that are taken as heard at the beginning; fewer would learn in jumps."""
FADING: Final = 0.95
"""What a pause counts for after the next one: half after fourteen."""


class Rhythm:
    """The pauses of one person in one conversation."""

    def __init__(self) -> None:
        self._resumed = 0.0
        self._ended = 0.0

    def went_on(self) -> None:
        """The person went on after a pause: the turn was not over."""
        self._fade()
        self._resumed += 1.0

    def ended(self) -> None:
        """A pause ended the turn."""
        self._fade()
        self._ended += 1.0

    def taken_back(self) -> None:
        """The end before was none: the person went on."""
        self._ended = max(self._ended - 1.0, 0.0)
        self.went_on()

    @property
    def ends(self) -> float:
        """How much likelier than usual the next pause is an end, as log odds."""
        return math.log((KNOWN + self._ended) / (KNOWN + self._resumed))

    def _fade(self) -> None:
        self._resumed *= FADING
        self._ended *= FADING
