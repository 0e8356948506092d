"""Races over the real ring: each of the three ways of an interrupt is made the last to arrive, by slow wires.

Whatever the order, nothing dead is played, nothing living is lost, and the model remembers what was heard.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
import pytest_asyncio

from clients.desktop import events
from tests.e2e.scene import Scene
from tests.e2e.scene import scene as open_scene
from tests.e2e.test_conversation import PHRASE, ask
from tests.fakes.delay import SlowWire, slow_wire
from tests.fakes.realtime import Reply

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(90)]


@dataclass
class Wires:
    """The ways: back to ingress (with the microphone), in band, to egress (both streams), and the topic."""

    listen: SlowWire
    respond: SlowWire
    egress: SlowWire
    topic: SlowWire

    def slow(self, delays_ms: dict[str, float]) -> None:
        """Set every delay; 0 where none is named."""
        for name in ("listen", "respond", "egress", "topic"):
            getattr(self, name).delay_s = delays_ms.get(name, 0) / 1000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def slow_scene() -> AsyncIterator[tuple[Scene, Wires]]:
    """A ring of its own whose hops go over slow wires."""
    async with AsyncExitStack() as stack:
        wires = Wires(*[await stack.enter_async_context(slow_wire()) for _ in range(4)])
        redis = {"PARLEY_REDIS_URL": f"redis://{wires.topic.address}/0"}
        env = {
            "ingress": {
                "PARLEY_VADS": wires.listen.address,
                "PARLEY_BROKERS": wires.respond.address,
                "PARLEY_EGRESSES": wires.egress.address,
                **redis,
            },
            "vad": redis,
            "egress": redis,
        }

        def connect(addresses: dict[str, str]) -> None:
            wires.listen.target, wires.respond.target = addresses.get("vad", ""), addresses.get("broker", "")
            wires.egress.target, wires.topic.target = addresses.get("egress", ""), addresses.get("redis", "")

        scene = await stack.enter_async_context(open_scene(env, connect))
        yield scene, wires


# Delays stay below what the small HTTP/2 windows of the ring can carry in real time; the ways themselves take 1 ms.
CASES = {
    "all at once": {},
    "back to ingress last": {"listen": 60},
    "in band last": {"respond": 60},
    "egress far away": {"egress": 60},
    "topic last": {"topic": 900},
    "in band first": {"listen": 60, "topic": 900},
    "topic first": {"listen": 50, "respond": 60},
    "in band long after the others": {"respond": 60, "egress": 60},
}
LONG, SHORT = Reply(seconds=10, think_ms=5), Reply(seconds=1, think_ms=5)


@pytest.mark.parametrize("delays_ms", CASES.values(), ids=[name.replace(" ", "-") for name in CASES])
async def test_whichever_way_is_last(slow_scene: tuple[Scene, Wires], delays_ms: dict[str, float]) -> None:
    """Two interruptions, the second of a reply that has just begun, and an answer that must be heard whole."""
    scene, wires = slow_scene
    async with scene.person([LONG]) as actor:
        wires.slow(delays_ms)
        try:
            await ask(actor)
            for interruption in (1, 2):
                heard = await actor.person.sees(events.ReplyStarted, after=len(actor.person.log))
                await asyncio.sleep(1.0 if interruption == 1 else 0.5)
                if interruption == 2:
                    actor.will_hear(SHORT)
                await ask(actor, PHRASE)
                await actor.person.sees(events.Silenced, reply=heard.reply)
            await actor.person.sees(events.ReplyPlayed)
            await asyncio.sleep(1)
        finally:
            wires.slow({})
    actor.assert_memory_is_true()
    actor.assert_whole(actor.responses[-1])


async def test_a_key_pressed_just_as_the_answer_begins(slow_scene: tuple[Scene, Wires]) -> None:
    """A cancel that crosses a new reply on its way: the reply dies everywhere, and the next one lives."""
    scene, wires = slow_scene
    async with scene.person([LONG]) as actor:
        wires.slow({"respond": 60})
        try:
            for press_after_ms in (0, 40, 80, 120, 160, 200):
                actor.person.types("and then?")
                await asyncio.sleep(press_after_ms / 1000)
                actor.person.presses_stop()
                await asyncio.sleep(0.6)
            actor.will_hear(SHORT)
            actor.person.types("the last turn")
            await actor.person.sees(events.ReplyPlayed)
            await asyncio.sleep(0.5)
        finally:
            wires.slow({})
    actor.assert_memory_is_true()
    actor.assert_whole(actor.responses[-1])
    assert len(actor.person.of(events.Flush)) >= 6
