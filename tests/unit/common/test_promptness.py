"""Promptness: when a loop counts as late, and when no longer; in virtual time."""

from __future__ import annotations

import math

from services.common.promptness import LATE_S, Promptness

PERIOD_S = 0.05


class Clock:
    """Time as the test has it."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now_s


class Loop:
    """An event loop that is as late as the test wants it to be."""

    def __init__(self, late_s: float = LATE_S) -> None:
        self.clock = Clock()
        self.lags: list[float] = []
        self.promptness = Promptness(late_s, self.clock)
        self.promptness.note = self.lags.append

    def run(self, seconds: float, lag_s: float = 0.0) -> bool:
        """Let it run so late for so long; return whether it counts as late then."""
        until_s = self.clock.now_s + seconds
        while self.clock.now_s < until_s:
            self.clock.now_s += PERIOD_S + lag_s
            self.promptness.look()
        return self.promptness.is_late


def test_a_prompt_loop_is_never_late() -> None:
    """Some lag is normal: others use the same cores."""
    loop = Loop()
    assert not loop.run(10.0, 0.002)
    assert not loop.run(60.0, LATE_S / 2)


def test_a_moment_does_not_count_and_a_second_does() -> None:
    """A hiccup refuses nobody; a loop that is late by as much time and again does."""
    loop = Loop()
    loop.run(1.0)
    assert not loop.run(0.01, 1.25 * LATE_S)
    loop.run(2.0)
    assert loop.run(3.0, 1.25 * LATE_S)


def test_late_stays_late_until_it_is_clearly_better() -> None:
    """Between the half of the bound and the bound, what was late is late, and what was prompt is prompt."""
    loop = Loop()
    assert not loop.run(5.0, 0.75 * LATE_S)
    assert loop.run(5.0, 2 * LATE_S)
    assert loop.run(20.0, 0.75 * LATE_S)
    assert not loop.run(5.0, 0.2 * LATE_S)
    assert not loop.run(20.0, 0.75 * LATE_S)


def test_a_loop_that_has_stood_still_is_late_before_it_looks_again() -> None:
    """Whoever asks first after a frozen second is told so, and two quiet seconds later it is over."""
    loop = Loop()
    loop.run(1.0)
    loop.clock.now_s += 1.0
    assert loop.promptness.is_late
    loop.promptness.look()
    assert loop.run(0.5)
    assert not loop.run(2.0)


def test_an_hour_of_sleep_is_no_worse_than_a_second() -> None:
    """A laptop that was shut has not been busy."""
    loop = Loop()
    loop.run(1.0)
    loop.clock.now_s += 3600
    assert loop.promptness.is_late
    assert not loop.run(3.0)
    assert max(loop.lags) == 1.0


def test_without_a_bound_nothing_is_late() -> None:
    """0 in the settings: it only measures."""
    loop = Loop(math.inf)
    assert not loop.run(10.0, 1.0)
    assert loop.promptness.lag_s > 0.9
