"""Pressure, with real processes: full stages, slow clients, models that trickle and flood, bursts, a frozen loop.

What is new is refused at once and in words; what is there goes on; and memory has an end.
"""

from __future__ import annotations

import asyncio
import signal
import statistics
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack

import pytest

from parley.v1 import stream_pb2
from services.ingress.websocket import ERROR_BASE
from tests.fakes.realtime import FakeRealtime, Reply
from tests.integration.pressure import Growth, Talker, pressed_ring, refused_call, talker

STORY = Reply(seconds=20.0, speed=4.0)
TOO_SLOW = ("RESOURCE_EXHAUSTED", "INTERNAL", f"{ERROR_BASE + stream_pb2.Error.CODE_LIMIT}", "1006")
"""How a call may end of a client that does not read and could not be told why in an error of ours."""
NOISE_S = 0.3
"""On a machine on which much else runs."""
AT_ONCE_S = 3.0
"""A refusal needs milliseconds; the rest is for a machine on which much else runs."""


async def test_who_is_full_sends_callers_elsewhere_and_all_full_is_told_at_once() -> None:
    """Each stage has a small copy and a larger one; six calls find their way, the seventh is told to go elsewhere."""
    places = {
        "vad": "1",
        "vad-2": "5",
        "broker": "5",
        "broker-2": "1",
        "egress": "1",
        "egress-2": "5",
    }
    env = {name: {"PARLEY_MAX_SESSIONS": most, "PARLEY_MAX_LATE_MS": "0"} for name, most in places.items()}
    async with (
        FakeRealtime([STORY]) as fake,
        pressed_ring(fake, copies={"vad": 2, "broker": 2, "egress": 2}, env=env) as pressed,
        AsyncExitStack() as calls,
    ):
        talkers = [await calls.enter_async_context(talker(pressed)) for _ in range(6)]
        for name, most in places.items():
            assert await pressed.metric(name, "parley_sessions_active") <= int(most), name
        assert sum([await pressed.refused(name) for name in places]) > 0
        error, took_s = await refused_call(pressed)
        assert (error.code, error.retryable) == (stream_pb2.Error.CODE_FULL, True)
        assert "sessions; try again in a moment, or another server" in error.message
        assert took_s < AT_ONCE_S
        error, took_s = await refused_call(pressed, "websocket")
        assert (error.code, took_s < AT_ONCE_S) == (stream_pb2.Error.CODE_FULL, True)
        await asyncio.gather(*(one.ask() for one in talkers))
        assert all(one.error is None for one in talkers)


async def test_a_burst_of_ten_times_the_sessions_costs_those_who_are_there_nothing() -> None:
    """Forty call where there is room for four: all are told at once, at both doors, and who talks waits no longer."""
    env = {"ingress": {"PARLEY_MAX_SESSIONS": "4"}}
    async with FakeRealtime([STORY]) as fake, pressed_ring(fake, env=env) as pressed, AsyncExitStack() as calls:
        talkers = [await calls.enter_async_context(talker(pressed)) for _ in range(4)]
        calm = [await waits(one) for one in talkers for _ in range(3)]
        growth = Growth(pressed)
        burst = asyncio.gather(*(refused_call(pressed, door) for door in ("grpc", "websocket") * 20))
        rough: list[dict[str, float]] = []
        while not burst.done():
            rough += [await waits(one) for one in talkers]
            growth.look()
        for error, took_s in await burst:
            assert error.code == stream_pb2.Error.CODE_FULL
            assert error.message == "this server holds its 4 sessions; try again in a moment, or another server."
            assert took_s < 2 * AT_ONCE_S, "forty at once, from one process"
        assert worse(rough, calm) == {}
        assert growth.beyond(4) == {}
        assert await pressed.refused("ingress") == 40
        assert await pressed.metric("ingress", "parley_sessions_active") == 4


async def test_a_burst_at_a_stage_further_on_is_refused_there() -> None:
    """Ingress has room for all, vad for four: each caller's session is begun, refused, and leaves nothing in Redis."""
    env = {"vad": {"PARLEY_MAX_SESSIONS": "4"}}
    async with FakeRealtime([STORY]) as fake, pressed_ring(fake, env=env) as pressed, AsyncExitStack() as calls:
        talkers = [await calls.enter_async_context(talker(pressed)) for _ in range(4)]
        calm = [await waits(one) for one in talkers for _ in range(3)]
        growth = Growth(pressed)
        burst = asyncio.gather(*(refused_call(pressed, door) for door in ("grpc", "websocket") * 20))
        rough: list[dict[str, float]] = []
        while not burst.done():
            rough += [await waits(one) for one in talkers]
            growth.look()
        assert {error.code for error, _ in await burst} == {stream_pb2.Error.CODE_FULL}
        assert worse(rough, calm) == {}
        assert growth.beyond(4) == {}
        assert await pressed.refused("vad") == 40
        assert await pressed.metric("ingress", "parley_sessions_active") == 4
        assert await pressed.owned() == 4


async def test_clients_that_do_not_read_cost_a_bounded_place_and_nobody_else_anything() -> None:
    """Six are told a story that they do not read: they are closed in words, and who does read waits no longer."""
    env = {"ingress": {"PARLEY_SLOW_READER_S": "3"}}
    async with FakeRealtime([STORY]) as fake, pressed_ring(fake, env=env) as pressed, AsyncExitStack() as calls:
        good = await calls.enter_async_context(talker(pressed))
        calm = [await waits(good) for _ in range(5)]
        growth = Growth(pressed)
        slow = [await calls.enter_async_context(talker(pressed, door)) for door in ("grpc", "websocket") * 3]
        for one in slow:
            await one.ask()
            one.caller.stop_reading()
        rough: list[dict[str, float]] = []
        # Who begins to read before it has been cut off is no slow reader any more, and talks on.
        while len(rough) < 8 or await pressed.metric("ingress", "parley_sessions_active") > 1:
            rough.append(await waits(good))
            await growth.watch(0.5)
        for one in slow:
            await one.caller.hear()
            # Who goes on sending and reads nothing may learn no more than its own library says.
            is_told = one.error is not None and one.error.code == stream_pb2.Error.CODE_LIMIT
            assert is_told or one.caller.ending in TOO_SLOW, (one.caller.ending, one.error)
        assert worse(rough, calm) == {}
        assert growth.beyond(7) == {}
        assert await pressed.metric("ingress", "parley_sessions_active") == 1


async def test_a_model_that_trickles_holds_nobody_up() -> None:
    """Its words come slower than they are spoken; who stops it is silent at once, and another one talks on."""
    trickle = Reply(seconds=10.0, speed=0.25, delta_ms=200)
    async with FakeRealtime([trickle]) as fake, pressed_ring(fake) as pressed, AsyncExitStack() as calls:
        one, other = [await calls.enter_async_context(talker(pressed)) for _ in range(2)]
        growth = Growth(pressed)
        for _ in range(3):
            await one.ask()
            await growth.watch(1.0)
            assert await one.stop() < AT_ONCE_S
            await waits(other)
        assert growth.beyond(2) == {}


async def test_a_model_that_floods_is_cut_short() -> None:
    """Half an hour of sound comes as fast as it can: what is kept has an end, and who else talks waits no longer."""
    flood = Reply(seconds=1800.0, speed=1e9, delta_ms=2000, text="endless " * 100)
    is_flood = iter([False] * 6 + [True])
    async with (
        FakeRealtime(lambda _: flood if next(is_flood, False) else STORY) as fake,
        pressed_ring(fake) as pressed,
        AsyncExitStack() as calls,
    ):
        one, other = [await calls.enter_async_context(talker(pressed)) for _ in range(2)]
        calm = [await waits(other) for _ in range(6)]
        growth = Growth(pressed)
        await one.ask()
        rough: list[dict[str, float]] = []
        while len(rough) < 8:
            rough.append(await waits(other))
            await growth.watch(0.5)
        assert await one.stop() < AT_ONCE_S
        await one.ask()
        assert worse(rough, calm) == {}
        assert growth.beyond(1) == {}, "the other one cost what it costs before"
        assert (one.error, other.error) == (None, None)


@pytest.mark.parametrize("stage", ["ingress", "vad", "broker", "egress"])
async def test_who_stood_still_takes_nobody_new_until_it_is_prompt_again(stage: str) -> None:
    """Frozen for a second: who calls just then is told to go elsewhere, who talks talks on; soon all is as before."""
    async with FakeRealtime([STORY]) as fake, pressed_ring(fake) as pressed, AsyncExitStack() as calls:
        one = await calls.enter_async_context(talker(pressed))
        await waits(one)
        pressed.ring.kill(stage, signal.SIGSTOP)
        await asyncio.sleep(1.0)
        pressed.ring.kill(stage, signal.SIGCONT)
        error, took_s = await refused_call(pressed)
        assert error.code == stream_pb2.Error.CODE_FULL
        assert "is too busy with the sessions it has; try again in a moment" in error.message
        assert took_s < AT_ONCE_S
        await waits(one)
        await asyncio.sleep(3.0)
        async with talker(pressed) as late:
            await waits(late)
        assert await pressed.refused(stage) >= 1
        await waits(one)
        assert one.error is None


async def waits(one: Talker) -> dict[str, float]:
    """Ask and interrupt; return how long each took."""
    return {"answer": await one.ask(), "silence": await one.stop()}


def worse(rough: Sequence[Mapping[str, float]], calm: Sequence[Mapping[str, float]]) -> dict[str, tuple[float, float]]:
    """Return which waits were clearly longer when it was rough, by their medians: before, and then."""
    found = {}
    for what in calm[0]:
        before, then = (statistics.median(each[what] for each in some) for some in (calm, rough))
        if then > 1.5 * before + NOISE_S:
            found[what] = (before, then)
    return found
