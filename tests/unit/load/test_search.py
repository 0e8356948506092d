"""The search for the limit: it finds it, in few tries, wherever it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.load.search import MOST_TRIES, CapacitySearch


def run(search: CapacitySearch, limit: int) -> int:
    """Search where `limit` conversations can be held; return how many tries it took."""
    tries = 0
    while (count := search.next()) is not None:
        search.note(count, count <= limit)
        tries += 1
    return tries


@given(st.integers(1, 200), st.floats(0.7, 1.3))
def test_it_finds_a_limit_that_the_cpu_foretells(limit: int, error: float) -> None:
    """With a guess up to 30 % off the answer is right to a sixteenth (or one), and never above the limit."""
    search = CapacitySearch(0.9 / limit / error)
    assert run(search, limit) <= MOST_TRIES
    assert search.best <= limit
    if search.is_settled:
        assert limit - search.best <= max(1, search.best // 16)


@pytest.mark.parametrize(("limit", "cost"), [(14, 0.06), (31, 0.03), (48, 0.018)])
def test_it_settles_within_its_tries(limit: int, cost: float) -> None:
    """At the costs that are to be expected the answer is settled."""
    search = CapacitySearch(cost, {1: True, 5: True, 10: True, 20: limit >= 20})
    run(search, limit)
    assert search.is_settled
    assert limit - search.best <= max(1, search.best // 16)


def test_where_nothing_can_be_held_the_answer_is_nothing() -> None:
    """Even one conversation is too many."""
    search = CapacitySearch(0.5)
    run(search, 0)
    assert (search.best, search.is_settled) == (0, True)


def test_a_number_above_one_that_failed_does_not_count() -> None:
    """Luck above a failure is no capacity."""
    assert CapacitySearch(0.03, {10: True, 20: False, 25: True}).best == 10
