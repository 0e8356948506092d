"""The store and the topic against a real Redis: fencing holds, floors only rise, and losing Redis costs no waiting."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import cast

import pytest

from local.redis_server import RedisServer, free_port
from parley.v1 import session_pb2 as wire
from parley.v1 import stream_pb2
from services.common.errors import StoreLost, Superseded
from services.common.store import Renewed, SessionGoesOn, Store, connect
from services.common.topic import CHANNEL, Publisher, Subscriber
from tests.fakes.closing import closing


@pytest.fixture
async def redis() -> AsyncIterator[RedisServer]:
    """A server of the test's own."""
    async with RedisServer() as server:
        yield server


@pytest.fixture
async def store(redis: RedisServer) -> AsyncIterator[Store]:
    """A store in it."""
    async with closing(Store(connect(redis.url))) as store:
        yield store


async def until(happened: Callable[[], object]) -> None:
    """Wait until something has happened; five seconds are too long."""
    async with asyncio.timeout(5):
        while True:
            if happened():
                return
            await asyncio.sleep(0.005)


def record(lease: int, vad: str = "vad:1", *, dial: int = 1) -> wire.SessionRecord:
    """Return a record of session s."""
    route = stream_pb2.Route(vad=vad, broker="broker:2", egress="egress:3")
    return wire.SessionRecord(
        session="s",
        lease=lease,
        dial=dial,
        route=route,
        agent="clerk",
        opened_at_ms=1_234,
        ingress="ingress:4",
        resume_hash="2c26b4",
        mic_shift=4_800,
    )


# Leases.


async def test_a_second_owner_is_refused_while_the_first_renews(store: Store) -> None:
    """A session belongs to one ingress; the same one may take it again, and each lease is higher."""
    first = await store.take_lease("s", "a")
    assert first > 0
    assert await store.take_lease("s", "b") == 0
    assert (await store.renew_leases("a", {"s": first})).superseded == set()
    assert await store.take_lease("s", "a") > first
    assert await store.take_lease("other", "b") > 0


async def test_a_takeover_by_force_ends_the_renewals(store: Store) -> None:
    """Whoever resumes has the client: the old owner learns of it at its next renewal and can't come back."""
    first = await store.take_lease("s", "a")
    second = await store.take_lease("s", "b", by_force=True)
    assert second > first
    assert (await store.renew_leases("a", {"s": first})).superseded == {"s"}
    assert (await store.renew_leases("b", {"s": second, "t": 1})).superseded == set()
    assert await store.take_lease("s", "a") == 0


async def test_a_lease_that_is_not_renewed_is_free(store: Store, redis: RedisServer) -> None:
    """A dead owner blocks nobody for longer than the lease lasts."""
    first = await store.take_lease("s", "a")
    async with connect(redis.url) as client:
        left_ms = await client.pttl("session:{s}:owner")
        assert 0 < left_ms <= 5_000
        await client.delete("session:{s}:owner")  # as its expiry does
    assert await store.take_lease("s", "b") > first


async def test_a_redis_that_lost_its_data_takes_no_session_away(store: Store, redis: RedisServer) -> None:
    """It knows of no lease: the owner's next renewal puts it back, and a running conversation goes on."""
    first = await store.take_lease("s", "a")
    async with connect(redis.url) as client:
        await client.flushall()
    assert (await store.renew_leases("a", {"s": first})).superseded == set()
    assert await store.take_lease("s", "b") == 0
    assert await store.take_lease("s", "b", by_force=True) > first


async def test_how_long_a_session_has_been_left_alone_is_known(store: Store, redis: RedisServer) -> None:
    """Each renewal begins anew; of a session that is over, or was never there, nothing is known."""
    lease = await store.take_lease("s", "a")
    async with connect(redis.url) as client:
        await client.expire("session:{s}:lease", 20)
    left_alone = await store.unrenewed_s("s")
    assert left_alone is not None
    assert left_alone >= 40
    await store.renew_leases("a", {"s": lease})
    renewed = await store.unrenewed_s("s")
    assert renewed is not None
    assert renewed < 40
    await store.forget("s", keep_history=True, lease=lease)
    assert await store.unrenewed_s("s") is None


async def test_a_renewal_tells_which_records_are_gone(store: Store, redis: RedisServer) -> None:
    """Whoever holds the lease can write it again: the stage that wakes up late must find its fence."""
    lease = await store.take_lease("s", "a")
    await store.write_record(record(lease))
    assert await store.renew_leases("a", {"s": lease, "t": 5}) == Renewed(set(), {"t"})
    async with connect(redis.url) as client:
        await client.flushall()
    assert await store.renew_leases("a", {"s": lease}) == Renewed(set(), {"s"})
    await store.write_record(record(lease))
    assert await store.renew_leases("a", {"s": lease}) == Renewed()


# Records.


async def test_a_record_comes_back_as_it_was(store: Store) -> None:
    """All its fields; an unknown session has none."""
    assert await store.write_record(record(7))
    assert await store.read_record("s") == record(7)
    assert await store.read_record("t") is None


async def test_a_record_of_a_lower_lease_is_not_written(store: Store) -> None:
    """A late writer can't undo a takeover; the same lease may write again."""
    assert await store.write_record(record(7, "vad:new"))
    assert not await store.write_record(record(6, "vad:old"))
    assert await store.write_record(record(7, "vad:newer"))
    assert (await store.read_record("s") or record(0)).route.vad == "vad:newer"


async def test_a_record_of_a_lower_dial_is_not_written(store: Store) -> None:
    """Under one lease the later dial counts; a later lease begins its dials anew."""
    assert await store.write_record(record(7, "vad:2", dial=2))
    assert not await store.write_record(record(7, "vad:1", dial=1))
    assert await store.read_record("s") == record(7, "vad:2", dial=2)
    assert await store.write_record(record(8, "vad:3", dial=1))
    assert not await store.write_record(record(7, "vad:4", dial=9))
    assert await store.read_record("s") == record(8, "vad:3", dial=1)


async def test_a_record_written_again_keeps_its_floor(store: Store) -> None:
    """After a loss of data the owner says what it knows; what stands there is never lowered by it."""
    first = record(7)
    first.floor, first.seq = 5, 3
    await store.write_record(first)
    assert await store.read_record("s") == first
    await store.write_record(record(7))
    assert await store.read_record("s") == first


async def test_leases_are_compared_exactly(store: Store) -> None:
    """They are milliseconds of Unix time: two that differ by one are two."""
    lease = await store.take_lease("s", "a")
    assert lease > 1_500_000_000_000
    assert await store.write_record(record(lease))
    assert not await store.write_record(record(lease - 1))
    assert (await store.read_record("s") or record(0)).lease == lease


async def test_the_floor_only_rises(store: Store) -> None:
    """With the number of the interrupt that raised it, and the rest of the record left as it is."""
    await store.write_record(record(7))
    await store.raise_floor("s", seq=3, floor=5)
    await store.raise_floor("s", seq=2, floor=4)
    await store.write_record(record(8))
    found = await store.read_record("s")
    assert found is not None
    assert (found.floor, found.seq, found.lease, found.agent) == (5, 3, 8, "clerk")
    await store.raise_floor("s", seq=11, floor=10)
    assert (await store.read_record("s") or record(0)).floor == 10


async def test_what_a_session_used_stands_in_its_record(store: Store) -> None:
    """The totals, with the rest of the record left as it is, and as it is when the record is written again."""
    await store.write_record(record(7))
    assert not (await store.read_record("s") or record(0)).HasField("usage")
    used = wire.Usage(text_in=1, text_cached=2, text_out=3, audio_in=4, audio_cached=5, audio_out=6)
    used.transcribed_ms, used.connected_ms, used.cost_micros = 7, 8, 2**40 + 1
    await store.add_usage("s", used)
    await store.write_record(record(8))
    found = await store.read_record("s")
    assert found is not None
    assert found.usage == used
    assert (found.lease, found.agent) == (8, "clerk")


async def test_usage_only_grows(store: Store) -> None:
    """Totals that come late, or from a broker that was replaced, lower no figure."""
    await store.write_record(record(7))
    await store.add_usage("s", wire.Usage(audio_out=100, cost_micros=9))
    await store.add_usage("s", wire.Usage(audio_out=20, text_out=5, cost_micros=10))
    found = await store.read_record("s")
    assert found is not None
    assert found.usage == wire.Usage(audio_out=100, text_out=5, cost_micros=10)


async def test_usage_brings_no_forgotten_session_back(store: Store) -> None:
    """The last figures may come after the end."""
    await store.write_record(record(7))
    await store.forget("s", keep_history=False)
    await store.add_usage("s", wire.Usage(audio_out=100))
    assert await store.read_record("s") is None


async def test_who_was_replaced_raises_nothing(store: Store) -> None:
    """Neither floor nor figures, by lease and by dial; who is not replaced does, and so does one without a record."""
    assert await store.raise_floor("s", 1, 1, lease=3, dial=1), "no record refuses nobody"
    await store.write_record(record(7, dial=2))
    used = wire.Usage(audio_out=1)
    for lease, dial in ((6, 9), (7, 1)):
        assert not await store.raise_floor("s", 9, 9, lease=lease, dial=dial)
        assert not await store.add_usage("s", used, lease=lease, dial=dial)
    for lease, dial in ((7, 2), (7, 3), (8, 1), (0, 0)):
        assert await store.raise_floor("s", 2, 2, lease=lease, dial=dial)
        assert await store.add_usage("s", used, lease=lease, dial=dial)
    found = await store.read_record("s")
    assert found is not None
    assert (found.floor, found.seq, found.usage) == (2, 2, used)


async def test_the_last_interrupt_s_number_rises_without_a_new_floor(store: Store) -> None:
    """Two cancels of the same reply: whoever takes over numbers its verdicts above both."""
    await store.write_record(record(7))
    await store.raise_floor("s", seq=3, floor=5)
    await store.raise_floor("s", seq=4, floor=5)
    found = await store.read_record("s")
    assert found is not None
    assert (found.floor, found.seq) == (5, 4)


# History.


async def test_history_keeps_its_order(store: Store) -> None:
    """Items come back whole, oldest first, however quickly they were written."""
    role = wire.HistoryItem.ROLE_USER
    items = [wire.HistoryItem(role=role, turn=turn, text=f"turn {turn} ☺") for turn in range(50)]
    for item in items:
        await store.append_history("s", item)
    assert await store.history("s") == items
    assert await store.history("t") == []


async def test_who_was_replaced_writes_no_history(store: Store) -> None:
    """A paused owner that wakes up changes nothing, and learns that it is superseded."""
    item = wire.HistoryItem(text="hello", turn=1)
    assert await store.append_history("s", item, lease=1, dial=1) == 1, "no record refuses nobody"
    await store.write_record(record(7, dial=2))
    late = wire.HistoryItem(text="late", turn=2)
    for lease, dial in ((6, 9), (7, 1)):
        with pytest.raises(Superseded, match="later connection"):
            await store.append_history("s", late, lease=lease, dial=dial)
    assert await store.append_history("s", late, lease=7, dial=2) == 2
    assert await store.history("s") == [item, late]


async def test_an_item_that_is_written_again_stands_once(store: Store, redis: RedisServer) -> None:
    """A frozen Redis carries out, when it wakes, what was given up; the writer has asked again meanwhile."""
    items = [wire.HistoryItem(text=text, turn=1) for text in ("one", "two")]
    await store.append_history("s", items[0])
    redis.supervisor.kill("redis", signal.SIGSTOP)
    try:
        for _ in range(2):
            with pytest.raises(StoreLost):
                await store.append_history("s", items[1])
    finally:
        redis.supervisor.kill("redis", signal.SIGCONT)
    await until_answers(store)
    assert await store.append_history("s", items[1]) == 2
    assert await store.history("s") == items


async def test_a_late_end_takes_nothing_from_the_next_owner(store: Store) -> None:
    """An ingress that wakes up after its session was resumed elsewhere forgets nothing of it."""
    first = await store.take_lease("s", "a")
    second = await store.take_lease("s", "b", by_force=True)
    await store.write_record(record(second))
    assert not await store.forget("s", keep_history=False, lease=first)
    assert await store.read_record("s") == record(second)
    assert await store.take_lease("s", "c") == 0, "it still has its owner"
    assert await store.forget("s", keep_history=False, lease=second)
    assert await store.read_record("s") is None
    assert await store.take_lease("s", "c") > 0


async def test_forgetting_keeps_history_only_when_asked(store: Store, redis: RedisServer) -> None:
    """Owner and lease go in any case; the rest goes too, or expires within a day."""
    for keep in (True, False):
        lease = await store.take_lease("s", "a")
        await store.write_record(record(lease))
        await store.append_history("s", wire.HistoryItem(text="hello"))
        await store.forget("s", keep_history=keep)
        kept = await lifetimes(redis)
        assert set(kept) == {"over", "history", "record"} if keep else {"over"}
        assert all(0 < ttl <= 24 * 3600 for ttl in kept.values())


# Lifetimes.


async def lifetimes(redis: RedisServer) -> dict[str, int]:
    """Return what there is of the session, and for how many seconds yet; a key without an end is -1."""
    async with connect(redis.url) as client:
        keys = cast("list[bytes]", await client.keys("session:*"))
        return {key.decode().rpartition(":")[2]: await client.ttl(key) for key in keys}


async def begun(store: Store) -> int:
    """Let a session begin and say something; return its lease."""
    lease = await store.take_lease("s", "a")
    await store.write_record(record(lease))
    await store.append_history("s", wire.HistoryItem(text="hello"), lease=lease, dial=1)
    return lease


@pytest.mark.parametrize(("kept_s", "living_s"), [(0, 600), (60, 600), (7_200, 7_200)])
async def test_everything_has_an_end_and_each_renewal_puts_it_off(
    redis: RedisServer, kept_s: int, living_s: int
) -> None:
    """A session whose ingress died lives on for ten minutes at least, and no longer than what is kept otherwise."""
    async with closing(Store(connect(redis.url), kept_s)) as store:
        lease = await begun(store)
        async with connect(redis.url) as client:
            for key in await client.keys("session:*"):
                await client.expire(key, 3)
        await store.renew_leases("a", {"s": lease})
        left = await lifetimes(redis)
        assert set(left) == {"owner", "lease", "record", "history"}
        assert left["owner"] <= 5
        assert left["lease"] <= 60
        assert living_s - 5 <= left["record"] <= living_s
        assert living_s - 5 <= left["history"] <= living_s


async def test_what_is_kept_after_the_end_is_kept_as_long_as_was_said(redis: RedisServer) -> None:
    """From the end on; the broker's last words may come after it and make it no longer."""
    async with closing(Store(connect(redis.url), kept_s=60)) as store:
        lease = await begun(store)
        await store.forget("s", lease=lease)
        await store.append_history("s", wire.HistoryItem(text="bye"), lease=lease, dial=1)
        await store.raise_floor("s", 1, 1, lease=lease, dial=1)
        left = await lifetimes(redis)
        assert 0 < left["record"] <= 60
        assert 0 < left["history"] <= 60


async def test_history_that_is_kept_off_is_gone_at_the_end_and_stays_so(redis: RedisServer) -> None:
    """What a stage writes late, or an ingress renews, brings nothing back."""
    async with closing(Store(connect(redis.url), kept_s=0)) as store:
        lease = await begun(store)
        await store.forget("s", lease=lease)
        assert set(await lifetimes(redis)) == {"over"}
        with pytest.raises(Superseded):
            await store.append_history("s", wire.HistoryItem(text="late"), lease=lease, dial=1)
        assert not await store.raise_floor("s", 1, 1, lease=lease, dial=1)
        assert not await store.add_usage("s", wire.Usage(audio_in=1), lease=lease, dial=1)
        assert not await store.write_record(record(lease))
        assert (await store.renew_leases("a", {"s": lease})).superseded == {"s"}
        assert set(await lifetimes(redis)) == {"over"}
        assert await store.take_lease("s", "b") > lease, "the name itself can be used again"
        assert await store.append_history("s", wire.HistoryItem(text="new")) == 1


async def test_a_renewal_on_its_way_brings_no_lease_back(store: Store, redis: RedisServer) -> None:
    """The exchange in which all leases are renewed may meet the end of one of them, in a slow Redis above all."""
    lease = await begun(store)
    await store.forget("s", lease=lease)
    assert (await store.renew_leases("a", {"s": lease})).superseded == {"s"}
    assert set(await lifetimes(redis)) == {"over", "record", "history"}
    assert await store.append_history("s", wire.HistoryItem(text="bye"), lease=lease, dial=1) == 2, "it is kept"


async def test_a_session_is_deleted_on_request_when_it_is_over(store: Store, redis: RedisServer) -> None:
    """Not while it goes on; then all of it, once, and nobody writes it down again."""
    lease = await begun(store)
    with pytest.raises(SessionGoesOn, match="end it first"):
        await store.delete("s")
    assert len(await store.history("s")) == 1
    await store.forget("s", lease=lease)
    assert await store.delete("s")
    assert set(await lifetimes(redis)) == {"over"}
    with pytest.raises(Superseded):
        await store.append_history("s", wire.HistoryItem(text="late"), lease=lease, dial=1)
    await store.forget("s", lease=lease)
    with pytest.raises(Superseded):
        await store.append_history("s", wire.HistoryItem(text="later still"))
    assert not await store.delete("s")
    assert not await store.delete("never there")


async def test_a_lease_is_above_the_one_in_the_record(store: Store) -> None:
    """The clock of a new master may be behind, and the counter be forgotten before the record is."""
    ahead = 9_000_000_000_000
    await store.write_record(record(ahead))
    assert await store.take_lease("s", "a") == ahead + 1


async def test_half_a_record_is_no_record(store: Store, redis: RedisServer) -> None:
    """Redis came back without its data, and a broker was the first to write: the owner is told to write the rest."""
    lease = await begun(store)
    async with connect(redis.url) as client:
        await client.flushall()
    await store.raise_floor("s", seq=3, floor=5, lease=lease, dial=1)
    assert (await store.renew_leases("a", {"s": lease})).unwritten == {"s"}
    await store.write_record(record(lease))
    assert (await store.renew_leases("a", {"s": lease})).unwritten == set()
    assert (await store.read_record("s") or record(0)).floor == 5


async def test_history_that_was_written_again_is_read_once_and_in_order(store: Store) -> None:
    """A failover loses the last items; their writer gives all of them to the new master."""
    items = [wire.HistoryItem(text=text, at_ms=ms) for ms, text in enumerate("abcdefghijkl", 1)]
    for item in (*items[:9], items[11], *items):
        await store.append_history("s", item)
    assert await store.history("s") == items


# Without Redis.


async def test_losing_redis_is_told_at_once() -> None:
    """Every call fails with what could not be done; none waits or tries again: audio is being held meanwhile."""
    async with closing(Store(connect(f"redis://127.0.0.1:{free_port()}/0"))) as store:
        calls: list[Callable[[], Awaitable[object]]] = [
            store.ping,
            lambda: store.take_lease("s", "a"),
            lambda: store.renew_leases("a", {"s": 1}),
            lambda: store.write_record(record(1)),
            lambda: store.raise_floor("s", 1, 1),
            lambda: store.add_usage("s", wire.Usage()),
            lambda: store.read_record("s"),
            lambda: store.append_history("s", wire.HistoryItem()),
            lambda: store.history("s"),
            lambda: store.forget("s", keep_history=False),
        ]
        began = time.monotonic()
        for call in calls:
            with pytest.raises(StoreLost, match="Redis "):
                await call()
        assert time.monotonic() - began < 2.0, "redis-py's own retries would take 4.7 s a call"


async def test_a_store_finds_redis_again(store: Store, redis: RedisServer) -> None:
    """After a restart the next call succeeds: nobody has to reconnect."""
    await store.ping()
    redis.supervisor.kill("redis")
    with pytest.raises(StoreLost):
        await store.ping()
    await redis.supervisor.wait_ready("redis")
    await until_answers(store)


async def test_a_redis_that_does_not_answer_is_lost(store: Store, redis: RedisServer) -> None:
    """A frozen server takes connections and says nothing: that is waited for no longer than a second."""
    await store.ping()
    redis.supervisor.kill("redis", signal.SIGSTOP)
    try:
        with pytest.raises(StoreLost, match="Redis does not answer"):
            await store.ping()
    finally:
        redis.supervisor.kill("redis", signal.SIGCONT)
    await until_answers(store)


async def test_a_task_that_asks_can_be_cancelled(store: Store) -> None:
    """At any moment of the question: a session's end must not wait for a task that has lost its cancel."""
    for steps in range(40):
        asking = asyncio.create_task(_ask_for_ever(store))
        for _ in range(steps):
            await asyncio.sleep(0)
        asking.cancel()
        done, _ = await asyncio.wait([asking], timeout=2)
        assert done, f"cancelled after {steps} steps, it went on"


async def _ask_for_ever(store: Store) -> None:
    while True:
        await store.read_record("s")


async def until_answers(store: Store) -> None:
    """Ping until there is an answer."""
    async with asyncio.timeout(5):
        while True:
            try:
                await store.ping()
                return
            except StoreLost:
                await asyncio.sleep(0.02)


# The topic.


@asynccontextmanager
async def running(publisher: Publisher | None, *subscribers: Subscriber) -> AsyncIterator[None]:
    """Run the topic's tasks."""
    tasks = [asyncio.create_task(each.run()) for each in (publisher, *subscribers) if each is not None]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        for subscriber in subscribers:
            await subscriber.close()


async def subscribed(redis: RedisServer, count: int) -> None:
    """Wait until so many subscribers listen."""
    async with connect(redis.url) as client:
        async with asyncio.timeout(5):
            while True:
                if (await client.pubsub_numsub(CHANNEL))[0][1] == count:
                    break
                await asyncio.sleep(0.005)


async def test_a_cancel_reaches_every_stage(store: Store, redis: RedisServer) -> None:
    """What vad publishes comes to the session's callbacks in every process that follows it, as it was."""
    async with connect(redis.url) as client:
        publisher, subscribers = Publisher(client), [Subscriber(redis.url, store) for _ in range(2)]
        got: list[wire.Interrupt] = []
        for subscriber in subscribers:
            subscriber.follow("s", got.append)
        async with running(publisher, *subscribers):
            await subscribed(redis, 2)
            sent = wire.Interrupt(session="s", seq=4, kind=wire.Interrupt.KIND_CANCEL, lease=7, onset_offset=16_000)
            publisher.publish(wire.Interrupt(session="somebody else's", seq=1))
            publisher.publish(sent)
            await until(lambda: len(got) == 2)
        assert got == [sent, sent]
        assert not publisher.counters


async def test_an_interrupt_that_nobody_hears_is_counted(redis: RedisServer) -> None:
    """It costs nothing, since the same goes in band; but somebody may want to know."""
    async with connect(redis.url) as client:
        publisher = Publisher(client)
        async with running(publisher):
            publisher.publish(wire.Interrupt(session="s", seq=1))
            await until(lambda: publisher.counters["interrupts_without_receiver"] == 1)


async def test_a_publisher_outlives_redis(redis: RedisServer) -> None:
    """What could not be published is counted; what comes after the restart is published again."""
    async with connect(redis.url) as client:
        publisher = Publisher(client)
        async with running(publisher):
            redis.supervisor.kill("redis")
            publisher.publish(wire.Interrupt(session="s", seq=1))
            await until(lambda: publisher.counters["interrupts_not_published"] == 1)
            await redis.supervisor.wait_ready("redis")
            publisher.publish(wire.Interrupt(session="s", seq=2))
            await until(lambda: publisher.counters["interrupts_without_receiver"] == 1)


async def test_a_new_subscriber_reads_the_stored_floors(store: Store, redis: RedisServer) -> None:
    """What was published before it listened stands in the record; sessions without a floor are left alone."""
    await store.write_record(record(7))
    await store.raise_floor("s", seq=3, floor=5)
    await store.write_record(wire.SessionRecord(session="fresh", lease=1))
    subscriber = Subscriber(redis.url, store)
    got: list[wire.Interrupt] = []
    for session in ("s", "fresh", "unknown"):
        subscriber.follow(session, got.append)
    async with running(None, subscriber):
        await until(lambda: got)
    assert got == [wire.Interrupt(session="s", seq=3, floor=5, kind=wire.Interrupt.KIND_CANCEL)]


async def test_a_subscriber_reads_the_floors_again_after_a_restart_of_redis(store: Store, redis: RedisServer) -> None:
    """The floor raised while it was cut off is not missed, and later interrupts come as before."""
    await store.write_record(record(7))
    async with connect(redis.url) as client:
        publisher, subscriber = Publisher(client), Subscriber(redis.url, store)
        got: list[wire.Interrupt] = []
        subscriber.follow("s", got.append)
        async with running(publisher, subscriber):
            await subscribed(redis, 1)
            assert got == []
            await store.raise_floor("s", seq=8, floor=6)
            await client.save()  # this Redis keeps nothing by itself
            redis.supervisor.kill("redis")
            await redis.supervisor.wait_ready("redis")
            await until(lambda: got)
            assert (got[0].seq, got[0].floor) == (8, 6)
            await until_answers(store)
            publisher.publish(wire.Interrupt(session="s", seq=9, kind=wire.Interrupt.KIND_CANCEL))
            await until(lambda: got[-1].seq == 9)


async def test_garbage_on_the_topic_ends_nothing(store: Store, redis: RedisServer) -> None:
    """Anybody who reaches Redis can publish; the next interrupt is handed on all the same."""
    async with connect(redis.url) as client:
        publisher, subscriber = Publisher(client), Subscriber(redis.url, store)
        got: list[wire.Interrupt] = []
        subscriber.follow("s", got.append)
        async with running(publisher, subscriber):
            await subscribed(redis, 1)
            await client.publish(CHANNEL, b"\xff\xff\xff")
            publisher.publish(wire.Interrupt(session="s", seq=1))
            await until(lambda: got)
