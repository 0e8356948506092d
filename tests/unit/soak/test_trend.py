"""The trend: what counts as growth, and what does not."""

from __future__ import annotations

import math
import random

import pytest

from tests.soak.trend import Sample, Tolerance, slope_per_s, trend_of

MB = Tolerance(share=0.03, plus=4.0)


def samples(figure: object, minutes: float = 20.0, noise: float = 0.0) -> list[Sample]:
    """Return what is seen every 10 s of a figure that is a function of minutes."""
    chance = random.Random(7)
    assert callable(figure)
    return [(at_s, figure(at_s / 60) + chance.gauss(0, noise)) for at_s in range(0, int(minutes * 60), 10)]


def grows(figure: object, noise: float = 0.0) -> bool:
    """Say whether it does, with the tolerance of memory."""
    found = trend_of(samples(figure, noise=noise), MB)
    assert found is not None
    return found.grows


def test_a_leak_is_growth() -> None:
    """A megabyte a minute, however the samples jump."""
    assert grows(lambda minute: 80 + minute)
    assert grows(lambda minute: 80 + minute, noise=6.0)


def test_what_is_level_is_not() -> None:
    """Noise, waves, and a little that is within the tolerance."""
    assert not grows(lambda minute: 80)
    assert not grows(lambda minute: 80, noise=10.0)
    assert not grows(lambda minute: 80 + 10 * math.sin(minute))
    assert not grows(lambda minute: 80 + minute / 4)
    assert not grows(lambda minute: 100 - minute)


def test_warming_up_is_not() -> None:
    """What grows in the first fifth and then no more."""
    assert not grows(lambda minute: 60 + 10 * min(minute, 3))


def test_one_late_outlier_is_not() -> None:
    """A peak at the end lifts neither median."""
    found = trend_of([*samples(lambda minute: 80)[:-1], (1200.0, 500.0)], MB)
    assert found is not None
    assert not found.grows
    assert found.after == 80


def test_the_slope_is_robust_and_the_figures_are_right() -> None:
    """A third of all samples may be nonsense."""
    line = [(float(at_s), 2.0 * at_s) for at_s in range(30)]
    assert slope_per_s([(at_s, 1e6 if at_s % 3 == 0 else value) for at_s, value in line]) == pytest.approx(2.0)
    found = trend_of(samples(lambda minute: 80 + minute), MB)
    assert found is not None
    assert found.slope_per_hour == pytest.approx(60)
    assert found.expected == pytest.approx(12, abs=0.2)
    assert found.before == pytest.approx(86, abs=0.2)
    assert found.after == pytest.approx(98, abs=0.2)
    assert found.tolerance == pytest.approx(4 + 0.03 * 86, abs=0.1)


def test_of_few_samples_nothing_is_said() -> None:
    """Nor of those that have all come at once."""
    assert trend_of(samples(lambda minute: 80, minutes=1), MB) is None
    assert trend_of([(0.0, 1.0)] * 20, MB) is None
    assert slope_per_s([(0.0, 1.0), (0.0, 2.0)]) == 0.0
