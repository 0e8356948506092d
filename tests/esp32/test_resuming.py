"""The ESP32 client when its network or its server goes away in the middle of a reply."""

from __future__ import annotations

import asyncio
import signal

import pytest

from clients.desktop import events
from tests.e2e.scene import Actor, Scene
from tests.esp32.cable import cable
from tests.esp32.person import DevicePerson
from tests.esp32.test_conversation import ASSISTANT, ask
from tests.fakes.realtime import Reply

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

AWAY_S = 5.0
BACK_MS = 1000
"""So soon after the network's return the conversation has to go on; a busy machine gets as much again."""


def assert_all_was_heard(actor: Actor) -> None:
    """Of the one reply every sample was heard, each once and in order, and history has all of its words."""
    assert len(actor.responses) == 1
    actor.assert_whole(actor.responses[0])
    actor.assert_memory_is_true()


async def test_the_network_is_pulled_in_mid_reply(scene: Scene) -> None:
    """For 5 s nothing passes: the same conversation goes on soon after its return; no word is repeated or lost."""
    async with cable(scene.ring.websocket) as wire:

        def at_the_cable(server: str, latency_ms: float) -> DevicePerson:
            return DevicePerson(wire.url, latency_ms)

        async with scene.person([Reply(seconds=6)], who=at_the_cable, door="websocket") as actor:
            person = actor.person
            assert isinstance(person, DevicePerson)
            await ask(actor)
            await person.hears(1, 1500)
            wire.pull()
            await asyncio.sleep(AWAY_S)
            assert person.of(events.ReplyPlayed) == []
            session, plugged_at = person.session, len(person.log)
            now_ms = person.process.happenings[-1]["ms"]
            wire.plug()
            resumed = await person.sees(events.Resumed, after=plugged_at)
            await person.sees(events.ReplyPlayed, reply=1)
            await asyncio.sleep(0.3)
            assert [opened.session for opened in person.of(events.Opened)] == [session]
    assert_all_was_heard(actor)
    assert resumed.lost_ms == 0, "all of the microphone was kept"
    assert resumed.at.monotonic_s * 1000 - now_ms < 2 * BACK_MS
    (line,) = [item for item in await actor.history() if item.role == ASSISTANT]
    assert line.text == Reply().text


async def test_the_server_is_killed_in_mid_reply(scene: Scene) -> None:
    """The ingress that holds the conversation dies; it goes on at the other one, and nothing is lost or repeated."""
    first, second = scene.ring.websockets

    def at_both(server: str, latency_ms: float) -> DevicePerson:
        return DevicePerson(f"{first},{second}", latency_ms)

    async with scene.person([Reply(seconds=5)], who=at_both, door="websocket") as actor:
        await ask(actor)
        await actor.person.hears(1, 1500)
        scene.ring.kill("ingress", signal.SIGKILL)
        await actor.person.sees(events.Resumed)
        await actor.person.sees(events.ReplyPlayed, reply=1)
        await asyncio.sleep(0.3)
    assert_all_was_heard(actor)
    await scene.ring.wait_ready("ingress")


async def test_the_server_freezes_in_mid_reply(scene: Scene) -> None:
    """An ingress that says nothing more is found out, and left for the other one."""
    first, second = scene.ring.websockets

    def at_both(server: str, latency_ms: float) -> DevicePerson:
        return DevicePerson(f"{first},{second}", latency_ms)

    async with scene.person([Reply(seconds=5)], who=at_both, door="websocket") as actor:
        await ask(actor)
        await actor.person.hears(1, 1500)
        scene.ring.kill("ingress", signal.SIGSTOP)
        try:
            await actor.person.sees(events.Resumed)
            await actor.person.sees(events.ReplyPlayed, reply=1)
            await asyncio.sleep(0.3)
        finally:
            scene.ring.kill("ingress", signal.SIGCONT)
    assert_all_was_heard(actor)
