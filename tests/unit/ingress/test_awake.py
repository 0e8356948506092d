"""The clock of those who are awake: what a process slept through did not pass."""

from __future__ import annotations

import math

from services.ingress.awake import LONGEST_STEP_S, AwakeClock


def test_sleep_does_not_count() -> None:
    """Time passes as it does, but for a freeze, of which half a second is noticed."""
    now_s = 1_000.0
    clock = AwakeClock(lambda: now_s)
    for _ in range(20):
        now_s += 0.1
        clock()
    assert round(clock(), 6) == 2.0
    now_s += 3_600
    assert round(clock(), 6) == 2.0 + LONGEST_STEP_S
    now_s += 0.1
    assert round(clock(), 6) == 2.1 + LONGEST_STEP_S


def test_who_slept_knows_it_for_a_while() -> None:
    """A pause in which nobody looked is no sleep yet."""
    now_s = 0.0
    clock = AwakeClock(lambda: now_s)
    now_s += 0.9
    assert clock.awake_for_s() == math.inf
    now_s += 5.0
    assert clock.awake_for_s() == 0
    now_s += 0.25
    assert clock.awake_for_s() == 0.25
