"""Redis is away under a ring of real processes: whoever speaks does not notice, new callers are told at once.

When it is back, record and history stand again, and nothing of the sessions that are over does.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from clients.desktop import events
from local.redis_server import RedisServer
from parley.v1 import stream_pb2
from tests.e2e.scene import Actor, Scene
from tests.fakes.delay import SlowWire, slow_wire
from tests.fakes.realtime import Reply
from tests.integration.redis_ring import (
    ASSISTANT,
    USER,
    ask,
    asks,
    back,
    interrupts,
    leftovers,
    refusal,
    ring_before,
    said,
)

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

AT_ONCE_S = 1.2
LONG, SHORT = Reply(seconds=8, think_ms=5), Reply(seconds=1, think_ms=5)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def redis() -> AsyncIterator[RedisServer]:
    """One that keeps its data, unless its disk is lost."""
    async with RedisServer(keeps=True) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(redis: RedisServer) -> AsyncIterator[Scene]:
    """The ring before it."""
    async with ring_before(redis.url) as opened:
        yield opened


async def converse(actor: Actor) -> None:
    """Be answered, interrupt an answer, and be answered again: by the in-band way, if need be."""
    actor.will_hear(LONG)
    interrupting = asyncio.create_task(interrupts(actor))
    await ask(actor)
    await interrupting
    actor.will_hear(SHORT)
    await actor.person.sees(events.ReplyPlayed, after=len(actor.person.log))


async def away(redis: RedisServer, fault: str) -> None:
    """Take Redis away."""
    if fault == "frozen":
        redis.freeze()
    else:
        await redis.die(loses_data=fault == "dead and empty")


async def return_of(redis: RedisServer, fault: str) -> None:
    """Let it come back."""
    if fault == "frozen":
        redis.thaw()
    else:
        await redis.revive()


@pytest.mark.parametrize(
    ("fault", "seconds"), [("frozen", 6.0), ("dead", 30.0), ("dead and empty", 6.0)], ids=["frozen", "dead", "empty"]
)
async def test_redis_is_away(redis: RedisServer, scene: Scene, fault: str, seconds: float) -> None:
    """A conversation goes on, one ends, nobody begins; then all is written down, and who is over leaves nothing."""
    words = ["before", "meanwhile", "I interrupt", "afterwards"]
    async with scene.person([SHORT], list(words)) as goes_on:
        await asks(goes_on)
        async with scene.person([SHORT], ["mine"]) as ends:
            await asks(ends)
            known = await said(scene.store, ends.person.session)
            began_s = time.monotonic()
            await away(redis, fault)
            talking = asyncio.create_task(converse(goes_on))
            refused = [await refusal(scene) for _ in range(4)]
        await talking
        refused.append(await refusal(scene))
        await asyncio.sleep(max(0.0, began_s + seconds - time.monotonic()))
        refused.append(await refusal(scene))
        await return_of(redis, fault)
        await back(scene.store)
        back_s = time.monotonic()
        async with scene.person([SHORT], ["new"]) as newcomer:
            assert time.monotonic() - back_s < 5
            await asks(newcomer)
            await asks(goes_on)
            await asyncio.sleep(0.5)
            record = await scene.store.read_record(goes_on.person.session)
    assert [error.code for error, _ in refused] == [stream_pb2.Error.CODE_STORE] * len(refused)
    assert all(error.retryable for error, _ in refused)
    assert max(after_s for _, after_s in refused) < AT_ONCE_S, refused
    assert record is not None
    assert (record.route.egress, record.lease > 0, record.resume_hash != "") == (
        scene.ring.addresses["egress"],
        True,
        True,
    )
    goes_on.assert_memory_is_true()
    assert [text for role, text in await said(scene.store, goes_on.person.session) if role == USER] == words
    assert len([role for role, _ in await said(scene.store, goes_on.person.session) if role == ASSISTANT]) == 4
    if fault != "dead and empty":
        assert await said(scene.store, ends.person.session) == known
    assert await leftovers(scene.store) == []
