"""Health: what a process says of itself in each state, in virtual time."""

from __future__ import annotations

import pytest

from services.common.health_state import (
    LIVENESS,
    OVERALL,
    READINESS,
    RECENT_S,
    STARTUP,
    STUCK_LOOKS,
    HealthState,
    Needs,
)

NOW_S = 1000.0


def begun(needs: Needs = Needs.NOTHING) -> HealthState:
    """A process whose doors are open."""
    state = HealthState(needs)
    state.open()
    return state


def test_before_the_doors_are_open_it_lives_and_is_not_ready() -> None:
    """A probe must not kill who is still loading its models."""
    state = HealthState(Needs.NOTHING)
    assert [state.is_serving(name, NOW_S) for name in (STARTUP, READINESS, OVERALL, LIVENESS)] == [False] * 3 + [True]


def test_who_goes_away_is_not_ready_but_has_begun_and_lives() -> None:
    """Nothing new comes; nobody kills it while it sends its sessions elsewhere."""
    state = begun()
    assert state.is_serving(READINESS, NOW_S)
    state.drain()
    assert [state.is_serving(name, NOW_S) for name in (STARTUP, READINESS, OVERALL, LIVENESS)] == [
        True,
        False,
        False,
        True,
    ]


def test_a_door_for_new_sessions_is_ready_while_redis_answers() -> None:
    """It takes ten seconds of silence: a failover is shorter."""
    state = begun(Needs.ALWAYS)
    assert not state.is_serving(READINESS, NOW_S)
    state.redis_answered(NOW_S)
    assert state.is_serving(READINESS, NOW_S + RECENT_S)
    assert not state.is_serving(READINESS, NOW_S + RECENT_S + 0.1)
    state.redis_answered(NOW_S + 60)
    assert state.is_serving(READINESS, NOW_S + 61)


def test_a_stage_is_ready_once_it_has_reached_redis_and_stays_so() -> None:
    """A wrong password stops a roll-out; an outage takes nobody away whom a takeover looks for."""
    state = begun(Needs.ONCE)
    assert not state.is_serving(READINESS, NOW_S)
    state.redis_answered(NOW_S)
    assert state.is_serving(READINESS, NOW_S + 10_000)


@pytest.mark.parametrize("needs", Needs)
def test_life_never_depends_on_redis(needs: Needs) -> None:
    """Or an outage of Redis would kill every conversation."""
    assert begun(needs).is_serving(LIVENESS, NOW_S)


def test_a_loop_that_is_stuck_for_seconds_is_dead_and_one_that_slept_once_is_not() -> None:
    """One late look, of however many seconds, is a machine that was asleep; three in a row are no life."""
    state = begun()
    state.looked(3600.0)
    assert state.is_serving(LIVENESS, NOW_S)
    for _ in range(STUCK_LOOKS - 1):
        state.looked(1.5)
    assert not state.is_serving(LIVENESS, NOW_S)
    state.looked(0.3)
    assert state.is_serving(LIVENESS, NOW_S)
