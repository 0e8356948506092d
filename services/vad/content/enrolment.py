"""Enrolment: a word of one's own, learnt from a few recordings of it.

The head's hidden layer puts sounds alike close together, at each moment of them. What a person says while enrolling is
kept as these points, moment by moment; a sound that passes close by them all along is the word. How close is close is
measured against the recordings themselves: they must recognise each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from services.common.errors import SettingsFault
from services.vad.content.head import Content, Floats, Moment

FEWEST: Final = 3
"""Recordings it takes."""
NEAR_MS: Final = 48
"""A point counts at moments this near to its own."""
STEEPNESS: Final = 25.0
"""How fast likeness falls from 1 to 0 around the bar, per unit of cosine."""


@dataclass(frozen=True)
class EnrolledWord:
    """A word and its points."""

    name: str
    points: Floats
    """[N, 96], each of length 1."""
    moments_ms: Floats
    """[N]: how long after the onset each was heard."""
    bar: float
    """Cosine from which a sound is the word."""
    shortest_ms: float
    """Before this much of it, it is not judged."""

    def likeness(self, content: Content, moment: Moment) -> float:
        """Return how likely the sound is this word, 0…1."""
        if moment.elapsed_ms < self.shortest_ms:
            return 0.0
        near = np.abs(self.moments_ms - moment.elapsed_ms) <= NEAR_MS
        if not near.any():
            return 0.0
        length = float(np.linalg.norm(content.hidden))
        closest = float((self.points[near] @ content.hidden).max()) / max(length, 1e-6)
        return float(1.0 / (1.0 + np.exp(-STEEPNESS * (closest - self.bar))))


def load(file: Path) -> EnrolledWord:
    """Read a word. Raises SettingsFault if it cannot be read."""
    try:
        with np.load(file) as stored:
            return EnrolledWord(
                str(stored["name"]),
                stored["points"],
                stored["moments_ms"],
                float(stored["bar"]),
                float(stored["shortest_ms"]),
            )
    except (OSError, KeyError, ValueError) as error:
        raise SettingsFault(f"{file} cannot be read: {error}.") from error
