"""Redis is away under a ring of real processes: whoever speaks does not notice, new callers are told at once.

When it is back, record and history stand again, and nothing of the sessions that are over does.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator

import grpc
import pytest
import pytest_asyncio

from clients.desktop import events
from local.redis_server import RedisServer
from parley.v1 import operator_service_pb2 as operator
from parley.v1 import operator_service_pb2_grpc as rpc
from parley.v1 import stream_pb2
from tests.e2e.scene import Actor, Scene
from tests.fakes.delay import SlowWire, slow_wire
from tests.fakes.eventually import until
from tests.fakes.realtime import Reply
from tests.integration.redis_ring import (
    USER,
    Said,
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

AT_ONCE_S = 1.5
"""A Redis that hangs is waited for one second; the rest is this machine's."""
MORE_MS = 150
"""By how much this machine itself may be slower from one conversation to the next."""
TOKEN = "a-token-for-this-test-only"
LONG, SHORT = Reply(seconds=8, think_ms=5), Reply(seconds=1, think_ms=5)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def redis() -> AsyncIterator[RedisServer]:
    """One that keeps its data, unless its disk is lost."""
    async with RedisServer(keeps=True) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(redis: RedisServer) -> AsyncIterator[Scene]:
    """The ring before it."""
    async with ring_before(redis.url, env={"ingress": {"PARLEY_OPERATOR_TOKEN": TOKEN}}) as opened:
        yield opened


async def converse(actor: Actor) -> float:
    """Be answered, interrupt the answer, be answered again; return in how many ms it was silent."""
    actor.will_hear(LONG)
    interrupting = asyncio.create_task(interrupts(actor))
    await ask(actor)
    silent_ms = await interrupting
    actor.will_hear(SHORT)
    await actor.person.sees(events.ReplyPlayed, after=len(actor.person.log))
    return silent_ms


async def written(scene: Scene, actor: Actor, items: int) -> Said:
    """Wait until so much was said, by the history in Redis, and return it."""
    found: Said = []

    async def is_written() -> bool:
        found[:] = await said(scene.store, actor.person.session)
        return len(found) == items

    await until(is_written)
    return found


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
        async with scene.person([SHORT], ["mine", "the last"]) as ends:
            await asks(ends)
            await written(scene, ends, 2)
            began_s = time.monotonic()
            await away(redis, fault)
            await asks(ends)
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
            told = await written(scene, goes_on, 8)
            record = await scene.store.read_record(goes_on.person.session)
    assert [error.code for error, _ in refused] == [stream_pb2.Error.CODE_STORE] * len(refused)
    assert all(error.retryable for error, _ in refused)
    print(f"{fault}: refused after {[round(after_s, 3) for _, after_s in refused]} s")
    assert max(after_s for _, after_s in refused) < AT_ONCE_S, refused
    assert record is not None
    assert (record.route.egress, record.lease > 0, record.resume_hash != "") == (
        scene.ring.addresses["egress"],
        True,
        True,
    )
    goes_on.assert_memory_is_true()
    assert [text for role, text in told if role == USER] == words
    assert [text for role, text in await written(scene, ends, 4) if role == USER] == ["mine", "the last"]
    assert await leftovers(scene.store) == []


async def test_what_was_lost_is_written_again_though_nobody_says_anything(redis: RedisServer, scene: Scene) -> None:
    """Redis dies and comes back without its data, too quickly for anybody to miss it: all of it stands there again."""
    async with scene.person([SHORT], ["one", "two"]) as actor:
        await asks(actor)
        await asks(actor)
        session = actor.person.session
        known, record = await written(scene, actor, 4), await scene.store.read_record(session)
        assert record is not None
        await redis.die(loses_data=True)
        await redis.revive()

        async def stands_again() -> bool:
            again = await scene.store.read_record(session)
            return await said(scene.store, session) == known and again is not None and again.route == record.route

        await until(stands_again)


async def forget(scene: Scene, session: str) -> grpc.StatusCode:
    """Have a session deleted, as an operator does; return the status."""
    async with grpc.aio.insecure_channel(scene.ring.ingress) as channel:
        stub: rpc.OperatorServiceAsyncStub = rpc.OperatorServiceStub(channel)
        call = stub.Forget(operator.ForgetRequest(session=session), metadata=(("authorization", f"Bearer {TOKEN}"),))
        return await call.code()


async def test_what_is_remembered_of_a_session_is_deleted_on_request(scene: Scene) -> None:
    """Once it is over; then nothing is left, and nobody brings it back."""
    async with scene.person([SHORT]) as actor:
        session = (await actor.person.sees(events.Opened)).session
        await asks(actor)
        assert await forget(scene, session) is grpc.StatusCode.FAILED_PRECONDITION

    async def is_forgotten() -> bool:
        return await forget(scene, session) is grpc.StatusCode.OK

    await until(is_forgotten)
    await asyncio.sleep(1)
    assert await said(scene.store, session) == []
    assert await scene.store.read_record(session) is None
    assert await forget(scene, session) is grpc.StatusCode.NOT_FOUND


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def slow() -> AsyncIterator[tuple[Scene, SlowWire]]:
    """A ring whose way to Redis can be made slow, and whose history is kept off; the test's own way is a fast one."""
    async with RedisServer() as server, slow_wire() as wire:
        wire.target = f"127.0.0.1:{server.port}"
        env = {name: {"PARLEY_HISTORY_TTL_S": "0"} for name in ("ingress", "broker")}
        async with ring_before(f"redis://{wire.address}/0", server.url, env) as opened:
            yield opened, wire


async def test_a_slow_redis_is_not_heard(slow: tuple[Scene, SlowWire]) -> None:
    """Half a second an answer: turns and interruptions are as quick as ever, for nothing in their way waits for it."""
    scene, wire = slow
    waits_ms: list[float] = []
    silences_ms: list[float] = []
    for delay_s in (0.0, 0.25):  # each way
        wire.delay_s = delay_s
        async with scene.person([SHORT]) as actor:
            for _ in range(2):
                await asks(actor)
            silences_ms.append(await converse(actor))
            await written(scene, actor, 2 * (2 + 2))
        turns = actor.person.of(events.TurnReport)[:2]
        waits_ms.append(statistics.median(sum(ms for _, ms in turn.stages) for turn in turns))
        actor.assert_memory_is_true()
    wire.delay_s = 0.0
    print(f"from the end of speech to the first sample {waits_ms} ms, to silence {silences_ms} ms")
    assert waits_ms[1] < waits_ms[0] + MORE_MS
    assert silences_ms[1] < silences_ms[0] + MORE_MS
    assert await leftovers(scene.store, gone=("owner", "lease", "record", "history")) == []


async def test_history_that_is_kept_off_is_there_while_the_session_lives(slow: tuple[Scene, SlowWire]) -> None:
    """So that another broker could go on; with the session it goes, and whoever is late brings nothing back."""
    scene, _ = slow
    async with scene.person([SHORT]) as actor:
        await asks(actor)
        await written(scene, actor, 2)
    assert await leftovers(scene.store, gone=("owner", "lease", "record", "history")) == []
