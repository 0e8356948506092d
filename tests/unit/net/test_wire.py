"""A wire: what it drops, how late and how fast the rest arrives, and that nothing overtakes."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.net.rule import Rule
from tests.net.wire import FREE, Fate, Wire


def wire(rule: Rule) -> Wire[int]:
    """Return a wire whose chance is the same each time."""
    return Wire(rule, random.Random(7))


def arrivals(line: Wire[int], until_s: float) -> list[tuple[float, int]]:
    """Let time pass from one arrival to the next; return (when, what)."""
    came: list[tuple[float, int]] = []
    while (now_s := line.due_s) <= until_s:
        came += [(now_s, packet) for packet in line.released(now_s)]
    return came


def test_a_free_wire_holds_nothing() -> None:
    """Without a rule a packet is at the other end at once."""
    line = wire(FREE)
    assert line.put(1, 1500, 0.0) is Fate.THROUGH
    assert line.is_free
    assert line.due_s == float("inf")


def test_a_cut_wire_drops_everything() -> None:
    """Nothing comes out, now or later."""
    line = wire(Rule(cut=True))
    assert {line.put(n, 100, float(n)) for n in range(10)} == {Fate.DROPPED}
    assert arrivals(line, 100.0) == []


def test_a_delay_is_what_it_says() -> None:
    """Two packets, one delay."""
    line = wire(Rule(delay_ms=80))
    assert line.put(1, 100, 0.0) is Fate.HELD
    line.put(2, 100, 0.05)
    assert [(round(when, 6), n) for when, n in arrivals(line, 1.0)] == [(0.08, 1), (0.13, 2)]


def test_a_rate_spaces_packets_out() -> None:
    """Ten packets at once through 10 kB/s: one each 100 ms."""
    line = wire(Rule(bytes_per_s=10_000))
    for n in range(10):
        line.put(n, 1000, 0.0)
    assert [when for when, _ in arrivals(line, 9.0)] == pytest.approx([0.1 * (n + 1) for n in range(10)])


def test_what_has_no_room_to_wait_is_dropped() -> None:
    """The queue's bytes are bounded, and it takes more once it has emptied."""
    line = wire(Rule(bytes_per_s=1000, queue_bytes=3000))
    assert [line.put(n, 1000, 0.0) for n in range(5)] == [Fate.HELD] * 3 + [Fate.DROPPED] * 2
    assert line.put(5, 1000, 1.0) is Fate.HELD


def test_loss_is_by_chance_and_by_share() -> None:
    """Of many packets about the share is lost."""
    line = wire(Rule(loss=0.3))
    lost = sum(line.put(n, 100, 0.0) is Fate.DROPPED for n in range(10_000))
    assert 2_700 < lost < 3_300


@given(st.lists(st.tuples(st.floats(0, 0.2), st.integers(40, 1500)), max_size=50), st.floats(0, 200), st.floats(0, 100))
def test_nothing_overtakes_however_it_jitters(packets: list[tuple[float, int]], delay: float, jitter: float) -> None:
    """What goes in comes out, in that order, and no earlier than the delay says."""
    line = wire(Rule(delay_ms=delay, jitter_ms=jitter, bytes_per_s=1e6, queue_bytes=10**9))
    now_s = 0.0
    put: list[float] = []
    came: list[tuple[float, int]] = []
    for n, (gap_s, size) in enumerate(packets):
        now_s += gap_s
        came += arrivals(line, now_s)
        put.append(now_s)
        assert line.put(n, size, now_s) is Fate.HELD
    came += arrivals(line, 1e6)
    assert [n for _, n in came] == list(range(len(packets)))
    assert all(when >= put[n] + delay / 1000 - 1e-9 for when, n in came)


def test_another_rule_lets_go_of_what_was_on_the_wire() -> None:
    """It comes back in order, and nothing of the former queue is left to wait for."""
    line = wire(Rule(bytes_per_s=10, queue_bytes=10**6))
    for n in range(3):
        line.put(n, 1000, 0.0)
    assert line.change(FREE) == [0, 1, 2]
    assert line.put(3, 1000, 0.0) is Fate.THROUGH
