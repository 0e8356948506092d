"""Trend: whether a figure grows.

The medians of the second and the last fifth of its samples are compared, and the slope of all between them is estimated
so that neither outliers nor waves make one (Theil and Sen). Growth is what both say.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

FIFTHS: Final = 5
FEWEST: Final = 10
"""Samples. Of fewer nothing is said."""

Sample = tuple[float, float]
"""Seconds, and the figure."""


@dataclass(frozen=True)
class Tolerance:
    """How much a figure may differ: a share of what it was, and so much besides."""

    share: float
    plus: float

    def of(self, figure: float) -> float:
        """Return how much that is."""
        return abs(figure) * self.share + self.plus


@dataclass(frozen=True)
class Trend:
    """What has become of a figure."""

    before: float
    """The median of the second fifth: the first is warming up."""
    after: float
    """The median of the last fifth."""
    slope_per_hour: float
    expected: float
    """By how much the slope alone would have raised it between the two."""
    tolerance: float

    @property
    def grows(self) -> bool:
        """Both say so."""
        return self.after - self.before > self.tolerance and self.expected > self.tolerance


def trend_of(samples: Sequence[Sample], tolerance: Tolerance) -> Trend | None:
    """Return the trend of samples in the order of their times; None for too few."""
    if len(samples) < FEWEST:
        return None
    begin_s, end_s = samples[0][0], samples[-1][0]
    fifth_s = (end_s - begin_s) / FIFTHS
    before = [value for at_s, value in samples if begin_s + fifth_s <= at_s < begin_s + 2 * fifth_s]
    after = [value for at_s, value in samples if at_s >= end_s - fifth_s]
    if not before or not after:
        return None
    slope = slope_per_s([sample for sample in samples if sample[0] >= begin_s + fifth_s])
    return Trend(
        before=statistics.median(before),
        after=statistics.median(after),
        slope_per_hour=slope * 3600,
        expected=slope * (FIFTHS - 2) * fifth_s,
        tolerance=tolerance.of(statistics.median(before)),
    )


def slope_per_s(samples: Sequence[Sample]) -> float:
    """Return the median of the slopes between every two samples."""
    slopes = [
        (later - earlier) / (later_s - earlier_s)
        for (earlier_s, earlier), (later_s, later) in combinations(samples, 2)
        if later_s > earlier_s
    ]
    return statistics.median(slopes) if slopes else 0.0
