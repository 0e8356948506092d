"""The history: written in the order of the conversation, whatever becomes known first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from parley.v1 import session_pb2 as session
from services.broker.actions import Actions
from services.broker.history import MOST_CHARACTERS, History, Said


def line(number: int) -> session.HistoryItem:
    """An item that can be told from others."""
    return session.HistoryItem(turn=number)


def test_what_is_known_waits_for_what_came_before() -> None:
    """A quick answer is written after the slow transcript of its question; a place may stay empty."""
    actions = Actions()
    history = History(actions)
    question, answer, nothing, last = (history.reserve() for _ in range(4))
    history.fill(answer, line(2))
    history.fill(nothing)
    assert actions.taken() == []
    history.fill(question, line(1))
    assert actions.taken() == [line(1), line(2)]
    history.fill(question, line(9))
    history.fill(last, line(3))
    assert actions.taken() == [line(3)]
    assert len(history) == 0


def test_at_the_end_all_that_is_known_is_written() -> None:
    """A transcript that never came holds nothing back for ever."""
    actions = Actions()
    history = History(actions)
    history.reserve()
    history.fill(history.reserve(), line(2))
    history.close()
    assert actions.taken() == [line(2)]


@given(st.permutations(range(6)))
def test_any_order_of_knowing_gives_the_order_of_reserving(order: list[int]) -> None:
    """However the words arrive, the history is the same."""
    actions = Actions()
    history = History(actions)
    places = [history.reserve() for _ in range(6)]
    for index in order:
        history.fill(places[index], line(index))
    assert actions.taken() == [line(index) for index in range(6)]


def test_what_no_new_model_is_told_is_let_go() -> None:
    """A conversation of days holds no more than a rebuild tells, and knows that something is left out."""
    history = History(Actions())
    for number in range(2_000):
        history.fill(history.reserve(Said("user", f"{number} " + "word " * 40)))
    kept = history.remembered()
    assert history.omits
    assert MOST_CHARACTERS <= sum(memory.weight for memory in kept) <= 3 * MOST_CHARACTERS
    assert isinstance(kept[-1], Said)
    assert kept[-1].words.startswith("1999 ")
