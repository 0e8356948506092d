"""Pressure, with real processes: full stages, slow clients, models that trickle and flood, bursts, a frozen loop.

What is new is refused at once and in words; what is there goes on; and memory has an end.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from parley.v1 import stream_pb2
from tests.fakes.realtime import FakeRealtime, Reply
from tests.integration.pressure import pressed_ring, refused_call, talker

STORY = Reply(seconds=20.0, speed=4.0)
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
    env = {name: {"PARLEY_MAX_SESSIONS": most} for name, most in places.items()}
    async with (
        FakeRealtime([STORY]) as fake,
        pressed_ring(fake, copies={"vad": 2, "broker": 2, "egress": 2}, env=env) as pressed,
        AsyncExitStack() as calls,
    ):
        talkers = [await calls.enter_async_context(talker(pressed)) for _ in range(6)]
        for name, most in places.items():
            if name.startswith("broker"):
                continue
            assert await pressed.metric(name, "parley_sessions_active") <= int(most), name
        assert sum([await pressed.refused(name) for name in places if not name.startswith("broker")]) > 0
        error, took_s = await refused_call(pressed)
        assert (error.code, error.retryable) == (stream_pb2.Error.CODE_FULL, True)
        assert "sessions; try again in a moment, or another server" in error.message
        assert took_s < AT_ONCE_S
        error, took_s = await refused_call(pressed, "websocket")
        assert (error.code, took_s < AT_ONCE_S) == (stream_pb2.Error.CODE_FULL, True)
        await asyncio.gather(*(one.ask() for one in talkers))
        assert all(one.error is None for one in talkers)
