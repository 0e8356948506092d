"""The topic's handing on: one bad message or one faulty session ends nobody else's interrupts."""

from __future__ import annotations

import logging

import pytest
from redis.asyncio import Redis

from parley.v1 import session_pb2 as wire
from services.common.errors import LimitFault
from services.common.store import Store
from services.common.topic import Publisher, Subscriber

NOWHERE = "redis://127.0.0.1:1/0"


def subscriber() -> Subscriber:
    """Return one that never connects."""
    return Subscriber(NOWHERE, Store(Redis.from_url(NOWHERE)))


def test_an_interrupt_goes_to_its_own_session() -> None:
    """Others don't see it, and neither does a session that has gone."""
    topic = subscriber()
    got: dict[str, list[int]] = {"a": [], "b": []}
    topic.follow("a", lambda interrupt: got["a"].append(interrupt.seq))
    unfollow = topic.follow("b", lambda interrupt: got["b"].append(interrupt.seq))
    for session in ("a", "b", "c"):
        topic._hand_on(wire.Interrupt(session=session, seq=1).SerializeToString())
    unfollow()
    topic._hand_on(wire.Interrupt(session="b", seq=2).SerializeToString())
    assert got == {"a": [1], "b": [1]}


def test_the_end_of_an_older_stream_does_not_unfollow_the_newer() -> None:
    """After a re-dial the old stream's goodbye must not cut the new one off from the topic."""
    topic, got = subscriber(), list[int]()
    unfollow_old = topic.follow("a", lambda interrupt: None)
    topic.follow("a", lambda interrupt: got.append(interrupt.seq))
    unfollow_old()
    topic._hand_on(wire.Interrupt(session="a", seq=3).SerializeToString())
    assert got == [3]


def test_garbage_and_a_faulty_session_end_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """The topic is one task for all sessions of a process: it logs and goes on."""
    topic, got = subscriber(), list[int]()

    def full(interrupt: wire.Interrupt) -> None:
        raise LimitFault("the peer does not read")

    topic.follow("a", full)
    topic.follow("b", lambda interrupt: got.append(interrupt.seq))
    with caplog.at_level(logging.WARNING):
        topic._hand_on(b"\xff\xff")
        topic._hand_on(wire.Interrupt(session="a", seq=1).SerializeToString())
        topic._hand_on(wire.Interrupt(session="b", seq=1).SerializeToString())
    assert got == [1]
    assert len(caplog.records) == 2


def test_a_publisher_never_waits() -> None:
    """With Redis away the queue fills, the newest is dropped and counted, and vad goes on."""
    publisher = Publisher(Redis.from_url(NOWHERE))
    for seq in range(1_005):
        publisher.publish(wire.Interrupt(session="a", seq=seq))
    assert publisher.counters["interrupts_not_published"] == 5
