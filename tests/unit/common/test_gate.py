"""The gate agrees with itself whatever order the ways of the interrupts come in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.common.gate import Gate


def test_an_open_gate_passes_what_is_above_the_floor() -> None:
    """At the start everything passes; after a cancel only later replies do."""
    gate = Gate()
    assert gate.passes(1)
    gate.open(seq=1, floor=3)
    assert [gate.passes(reply) for reply in (2, 3, 4)] == [False, False, True]
    assert gate.is_dead(3)
    assert not gate.is_dead(4)


def test_a_shut_gate_passes_nothing() -> None:
    """Between the fast ways and the floor nobody knows which replies live."""
    gate = Gate()
    assert gate.shut(1)
    assert gate.is_shut
    assert not gate.passes(99)
    assert not gate.is_dead(99)
    gate.open(1, 0)
    assert gate.passes(1)


def test_whichever_way_comes_second_is_no_news() -> None:
    """One cancel is acted on once: the topic, Listen and in band are told apart by nothing but their number."""
    gate = Gate()
    assert gate.shut(5)
    assert not gate.shut(5)
    assert not gate.open(5, 2)
    assert not gate.shut(5)
    assert not gate.is_shut, "a late fast way does not shut the gate again"
    assert not gate.shut(4)
    assert gate.open(6, 2)
    assert gate.seq == 6


def test_an_older_floor_does_not_open_for_a_newer_cancel() -> None:
    """The floor rises by the older interrupt's word, and the gate stays shut until the newer one's."""
    gate = Gate()
    gate.shut(2)
    gate.open(1, 4)
    assert gate.is_shut
    assert gate.floor == 4
    gate.open(2, 5)
    assert not gate.is_shut


def test_a_fence_keeps_late_cancels_out() -> None:
    """What a vad that was replaced still says by a fast way shuts nothing; in band, and above the fence, all counts."""
    gate = Gate()
    gate.fence(20)
    gate.fence(4)
    assert not gate.shut(20)
    assert not gate.is_shut
    assert gate.open(3, 7)
    assert gate.floor == 7
    assert gate.shut(21)
    assert gate.is_shut


def test_a_fence_lifts_no_cancel_that_is_awaited() -> None:
    """A cancel seen before the takeover holds the gate until it comes in band after all, or a newer one does."""
    gate = Gate()
    gate.shut(5)
    gate.fence(20)
    assert gate.unsettled_seq == 5
    gate.open(4, 1)
    assert gate.is_shut
    gate.open(5, 2)
    assert (gate.is_shut, gate.unsettled_seq, gate.settled_seq) == (False, 0, 5)


def test_a_cancel_that_nobody_knows_of_any_more_is_lifted() -> None:
    """Only one behind the fence is, and its number stays seen; the vad that replaced the other shuts as ever."""
    gate = Gate()
    gate.shut(5)
    assert not gate.lift(), "no fence: its floor will come"
    gate.fence(20)
    assert gate.lift()
    assert not gate.is_shut
    assert gate.seq == 5
    assert not gate.lift()
    gate.shut(21)
    assert not gate.lift()
    assert gate.is_shut


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 6)), max_size=30))
def test_order_and_repetition_do_not_matter(words: list[tuple[bool, int]]) -> None:
    """After any words in any order: the floor is the highest told, and the gate is shut while the newest lacks its."""
    gate = Gate()
    news = 0
    for is_in_band, seq in words:
        before = gate.floor, gate.seq
        is_news = gate.open(seq, seq * 10) if is_in_band else gate.shut(seq)
        assert is_news is (seq > before[1])
        assert gate.floor >= before[0]
        news += is_news
    told = [seq for is_in_band, seq in words if is_in_band]
    shut = [seq for is_in_band, seq in words if not is_in_band]
    assert gate.floor == max(told, default=0) * 10
    assert gate.is_shut is (max(shut, default=0) > max(told, default=0))
    assert news <= len({seq for _, seq in words})
