"""Sentinel: three of them, a master and its replica, all real; the store and the topic follow every failover."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import pytest
import pytest_asyncio

from clients.desktop import events
from parley.v1 import session_pb2 as wire
from parley.v1 import stream_pb2
from services.common.errors import StoreLost
from services.common.store import Store, connect
from services.common.topic import Publisher, Subscriber
from tests.e2e.scene import Scene
from tests.fakes.closing import closing
from tests.fakes.eventually import eventually, until
from tests.fakes.realtime import Reply
from tests.integration.redis_ring import USER, answer, ask, asks, leftovers, ring_before, said
from tests.integration.watched_redis import SENTINELS, WatchedRedis

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

SECONDS = 30.0
"""How long a failover may take on a busy machine; three or four are usual."""

SOON_S = 6.0
"""How long the sentinels need to tell each other, and we to ask them."""

LONG, SHORT = Reply(seconds=6, think_ms=5), Reply(seconds=1, think_ms=5)

T = TypeVar("T")


@pytest_asyncio.fixture(loop_scope="module")
async def redis() -> AsyncIterator[WatchedRedis]:
    """One of the test's own."""
    async with WatchedRedis() as watched:
        yield watched


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def common() -> AsyncIterator[WatchedRedis]:
    """One for all tests that leave it as it was."""
    async with WatchedRedis() as watched:
        yield watched


@pytest_asyncio.fixture(loop_scope="module")
async def store(redis: WatchedRedis) -> AsyncIterator[Store]:
    """A store that knows the sentinels only, and has found the master: on a busy machine that may take a second try."""
    async with closing(Store(connect(redis.url))) as store:
        await soon(store.ping)
        yield store


async def soon(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask again and again until Redis answers."""
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                return await ask()
            except StoreLost:
                await asyncio.sleep(0.05)


def item(text: str) -> wire.HistoryItem:
    """Return something that was said."""
    return wire.HistoryItem(role=wire.HistoryItem.ROLE_USER, text=text)


async def replicated(redis: WatchedRedis, name: str, texts: list[str], *, floor: int = 0) -> None:
    """Wait until a server has this history and this floor: replication is not waited for by anybody else."""
    async with closing(Store(connect(redis.url_of(name)))) as store:

        async def stands() -> bool:
            record = await store.read_record("s")
            there = [found.text for found in await store.history("s")], record.floor if record else 0
            return there == (texts, floor)

        await until(stands)


async def test_the_master_dies_and_its_replica_has_everything(redis: WatchedRedis, store: Store) -> None:
    """Within seconds leases are taken and renewed there, history goes on, and no fence falls back."""
    lease = await store.take_lease("s", "a")
    await store.write_record(wire.SessionRecord(session="s", lease=lease, dial=2))
    await store.append_history("s", item("one"), lease=lease, dial=2)
    await replicated(redis, "redis-2", ["one"])
    await redis.die("redis")
    began_s = time.monotonic()
    with pytest.raises(StoreLost):
        await store.take_lease("t", "a")
    assert time.monotonic() - began_s < 1.2
    assert (await soon(lambda: store.renew_leases("a", {"s": lease}))).superseded == set()
    assert await store.append_history("s", item("two"), lease=lease, dial=2) == 2
    assert [found.text for found in await store.history("s")] == ["one", "two"]
    assert not await store.write_record(wire.SessionRecord(session="s", lease=lease, dial=1))
    assert await store.take_lease("s", "a") > lease


async def test_a_lease_grows_though_its_counter_was_lost(redis: WatchedRedis, store: Store) -> None:
    """What a master had not replicated dies with it: the clock keeps later leases above the ones that were lost."""
    lease = await store.take_lease("s", "a")
    await redis.die("redis")
    await redis.promoted("redis-2")
    async with connect(redis.url_of("redis-2")) as replica:
        await replica.flushall()
    assert await soon(lambda: store.take_lease("s", "b", by_force=True)) > lease
    assert (await store.renew_leases("a", {"s": lease})).superseded == {"s"}


async def test_a_frozen_master_is_left_and_what_it_says_later_does_not_count(redis: WatchedRedis, store: Store) -> None:
    """Its connections stay open. It wakes up and believes to be the master still; nobody goes back to it."""
    await asyncio.gather(*(store.take_lease(f"s{n}", "a") for n in range(5)))
    redis.freeze("redis")
    await soon(lambda: store.take_lease("t", "a"))
    assert await redis.is_master("redis-2")
    redis.thaw("redis")
    for text in "abcdefgh":
        await store.append_history("s", item(text))
    await replicated(redis, "redis-2", list("abcdefgh"))


async def test_a_demoted_master_that_refuses_writes_is_a_lost_connection(common: WatchedRedis) -> None:
    """Nobody has closed the connection, and the sentinels know nothing yet: it is asked who it is before it is used."""
    async with closing(Store(connect(common.url))) as store:
        await store.take_lease("s", "a")
        await common.follow("redis", "redis-2")
        try:
            for _ in range(2):
                with pytest.raises(StoreLost, match="is no master any more"):
                    await store.append_history("s", item("one"))
        finally:
            await common.follow("redis", "redis")
        assert await store.append_history("s", item("one")) == 1


async def test_who_has_been_quiet_finds_the_new_master_at_the_first_call(redis: WatchedRedis, store: Store) -> None:
    """Its connections lead to one that hangs; nobody has used them, so nobody has noticed."""
    await asyncio.gather(*(store.take_lease(f"s{n}", "a") for n in range(5)))
    redis.freeze("redis")
    await redis.promoted("redis-2")
    await asyncio.sleep(SOON_S)
    assert await store.take_lease("t", "a") > 0


async def test_a_master_that_is_well_is_replaced(redis: WatchedRedis, store: Store) -> None:
    """As operators do before maintenance: soon what is written goes to the new one, though the old one takes it too."""
    await store.take_lease("s", "a")
    await replicated(redis, "redis-2", [])
    await redis.fail_over()
    await redis.promoted("redis-2")
    async with closing(Store(connect(redis.url_of("redis-2")))) as there:

        async def is_written_there() -> bool:
            await soon(lambda: store.append_history("s", item(f"at {time.monotonic()}")))
            return await there.history("s") != []

        await until(is_written_there, SOON_S)


async def test_sentinels_that_sleep_or_died_hold_nobody_up(common: WatchedRedis) -> None:
    """One of three will do, whichever it is, and a call is still answered in time."""
    common.freeze(SENTINELS[0])
    await common.die(SENTINELS[1])
    try:
        async with closing(Store(connect(common.url))) as store:
            for session in ("s", "t"):
                assert await store.take_lease(session, "a") > 0
    finally:
        common.thaw(SENTINELS[0])
        await common.revive(SENTINELS[1])


async def test_without_any_sentinel_one_is_refused_at_once_and_who_is_connected_goes_on(
    redis: WatchedRedis, store: Store
) -> None:
    """They say where the master is; they are not in the way to it."""
    await store.take_lease("s", "a")
    for name in SENTINELS:
        await redis.die(name)
    for _ in range(3):
        assert await store.take_lease("s", "a") > 0
        await asyncio.sleep(0.6)
    async with closing(Store(connect(redis.url))) as newcomer:
        with pytest.raises(StoreLost, match="no sentinel knows of a living master of 'parley'"):
            await newcomer.ping()


async def test_a_service_that_nobody_watches(common: WatchedRedis) -> None:
    """The sentinels' own words are told."""
    async with closing(Store(connect(common.url.replace("/parley/", "/parsley/")))) as store:
        with pytest.raises(StoreLost, match=r"'parsley'.*No such master"):
            await store.ping()


@pytest.mark.parametrize("fault", ["die", "freeze"])
async def test_the_topic_follows_a_failover(redis: WatchedRedis, store: Store, fault: str) -> None:
    """Publisher and subscriber meet again at the new master; what was missed is read from the record."""
    async with connect(redis.url) as client, closing(Subscriber(redis.url, store)) as subscriber:
        publisher = Publisher(client)
        got: list[tuple[int, int]] = []
        subscriber.follow("s", lambda interrupt: got.append((interrupt.seq, interrupt.floor)))
        lease = await store.take_lease("s", "a")
        await store.write_record(wire.SessionRecord(session="s", lease=lease))
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(publisher.run()), group.create_task(subscriber.run())]
            await _published(publisher, got, 1)
            await store.raise_floor("s", 2, 9)
            await replicated(redis, "redis-2", [], floor=9)
            if fault == "die":
                await redis.die("redis")
            else:
                redis.freeze("redis")
            await eventually(lambda: (2, 9) in got, SECONDS)
            await _published(publisher, got, 3)
            for task in tasks:
                task.cancel()
        assert await redis.is_master("redis-2")


async def _published(publisher: Publisher, got: list[tuple[int, int]], seq: int) -> None:
    async with asyncio.timeout(SECONDS):
        while not any(number == seq for number, _ in got):
            publisher.publish(wire.Interrupt(session="s", seq=seq, kind=wire.Interrupt.KIND_CANCEL))
            await asyncio.sleep(0.05)


async def test_a_conversation_goes_on_when_its_redis_is_replaced(redis: WatchedRedis) -> None:
    """The master dies in the middle of a reply. New conversations begin within seconds, and nothing is forgotten."""
    async with ring_before(redis.url) as scene:
        async with scene.person([LONG, LONG, SHORT], ["before", "an interruption", "afterwards"]) as actor:
            await ask(actor)
            await actor.person.sees(events.ReplyStarted)
            await asyncio.sleep(0.5)
            session = actor.person.session
            first = await scene.store.read_record(session)
            await redis.die("redis")
            died_s = time.monotonic()
            seen = len(actor.person.log)
            await ask(actor, "Please count to seventeen for me.")
            await actor.person.sees(events.Silenced, after=seen)
            begun_s = await _begins(scene)
            newcomer_s = begun_s - died_s
            await actor.person.sees(events.ReplyPlayed, after=seen)
            await asks(actor)
            await asyncio.sleep(2)
            record = await scene.store.read_record(session)
            lease = await scene.store.unrenewed_s(session)
        print(f"a new conversation began {newcomer_s:.1f} s after the master's death")
        assert await redis.is_master("redis-2")
        assert newcomer_s < SOON_S
        assert first is not None
        assert record is not None
        assert (record.lease, record.route) == (first.lease, first.route)
        assert lease is not None
        assert lease < 3, "it is renewed at the new master"
        users = [text for role, text in await said(scene.store, session) if role == USER]
        assert users == ["before", "an interruption", "afterwards"]
        actor.assert_memory_is_true()
        assert await leftovers(scene.store) == []


async def _begins(scene: Scene) -> float:
    """Call until somebody is let in, who then hangs up; return when that was."""
    async with asyncio.timeout(SECONDS):
        while (answered := await answer(scene)).HasField("error"):
            assert answered.error.code == stream_pb2.Error.CODE_STORE
            assert answered.error.retryable
            await asyncio.sleep(0.1)
    return time.monotonic()
