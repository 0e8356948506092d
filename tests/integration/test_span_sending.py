"""Sending spans: to a real collector, to one that hangs, and to none at all. Whoever records them never notices."""

from __future__ import annotations

import asyncio
import time

import pytest

from services.common.tracing.context import mint
from services.common.tracing.settings import TraceSettings
from services.common.tracing.tracing import CLOSING_S, WAITING, SessionTracing, Tracing
from tests.integration.collector import collector, hanging

pytestmark = pytest.mark.timeout(60)

TURN = mint()


def tracing_to(endpoint: str) -> Tracing:
    """Return one that sends there."""
    return Tracing(TraceSettings(service="parley-test", endpoint=endpoint, instance="here"))


def record(tracing: Tracing, count: int) -> float:
    """Record so many spans; return how long one of them took, in seconds of this thread's CPU."""
    session = SessionTracing(tracing, "s-1")
    since_s = time.thread_time()
    for number in range(count):
        session.record("client.first_sample", TURN, 1_000.0, 1_000.5, turn=1, reply=number, mic_offset=16_000)
    return (time.thread_time() - since_s) / count


async def test_what_is_recorded_arrives() -> None:
    """Every span, with its parent, its moments and what it knows; none is dropped."""
    async with collector() as made:
        tracing = tracing_to(made.endpoint)
        record(tracing, 200)
        await made.until(lambda: len(made.spans) == 200, 30)
        await asyncio.to_thread(tracing.close)
    assert tracing.dropped == 0
    assert {(span.service, span.parent_id, span.ms) for span in made.spans} == {("parley-test", TURN[36:52], 500.0)}
    assert {span.attributes["parley.reply"] for span in made.spans} == set(range(200))


async def test_a_collector_that_hangs_costs_nobody_anything() -> None:
    """What it does not take waits, as far as there is room; the rest is dropped, counted, and delays no end."""
    async with hanging() as endpoint, collector() as made:
        listens, hangs = tracing_to(made.endpoint), tracing_to(endpoint)
        for each in (listens, hangs):  # both have their threads now
            record(each, 100)
        # The best of several: the collector of garbage strikes now and then.
        usual_s, hung_s = (min(record(each, 500) for _ in range(3)) for each in (listens, hangs))
        record(hangs, 2 * WAITING)
        assert hung_s <= 5 * usual_s
        assert hangs.dropped >= WAITING - 100
        since_s = time.monotonic()
        await asyncio.to_thread(hangs.close)
        assert time.monotonic() - since_s < CLOSING_S + 10
        await asyncio.to_thread(listens.close)


async def test_without_a_collector_spans_are_dropped_and_counted() -> None:
    """Nothing is raised, and what records them goes on."""
    async with collector() as made:
        gone = made.endpoint
    tracing = tracing_to(gone)
    record(tracing, 3 * WAITING)
    assert tracing.dropped > 0
    await asyncio.to_thread(tracing.close)
