"""The ESP32 client in conversations over the real ring, in front of a model whose every sample says where it stands."""

from __future__ import annotations

import asyncio

import pytest

from clients.desktop import events
from parley.v1 import session_pb2
from tests.e2e.barge_in import LATENCY_MS, REPLIES, WORDS, assert_cut_where_heard, barge_in
from tests.e2e.scene import Actor, Scene
from tests.e2e.test_conversation import PHRASE, QUESTION
from tests.esp32.person import DevicePerson
from tests.fakes import speech
from tests.fakes.realtime import Reply

USER = session_pb2.HistoryItem.ROLE_USER
ASSISTANT = session_pb2.HistoryItem.ROLE_ASSISTANT

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]


async def ask(actor: Actor, text: str = QUESTION) -> None:
    """Say something after a moment of quiet."""
    actor.person.says(speech.silence(300), speech.say(text))


async def test_a_turn(scene: Scene) -> None:
    """A question is answered: every sample heard once, the words of both in history."""
    async with scene.person([Reply(seconds=2)], ["what time is it"], who=DevicePerson, door="websocket") as actor:
        await ask(actor)
        await actor.person.sees(events.ReplyPlayed, reply=1)
        await asyncio.sleep(0.3)
    actor.assert_whole(actor.responses[0])
    actor.assert_memory_is_true()
    history = [(item.role, item.text, item.interrupted) for item in await actor.history()]
    assert history == [(USER, "what time is it", False), (ASSISTANT, Reply().text, False)]


async def test_a_barge_in(scene: Scene) -> None:
    """A phrase over the reply cuts it off; the model's memory of it agrees with the device's own recording."""
    async with scene.person(REPLIES, WORDS, latency_ms=LATENCY_MS, who=DevicePerson, door="websocket") as actor:
        silenced = await barge_in(actor, QUESTION, PHRASE)
    await assert_cut_where_heard(actor, silenced)


async def test_dismissed_sounds(scene: Scene) -> None:
    """A reply goes on through a cough and "mm-hmm", to its last sample; a local duck is undone again."""
    async with scene.person([Reply(seconds=7)], who=DevicePerson, door="websocket") as actor:
        await ask(actor)
        await actor.person.hears(1, 1000)
        actor.person.says(speech.cough(3), speech.silence(1200), speech.hum())
        await actor.person.sees(events.ReplyPlayed, reply=1)
        await asyncio.sleep(0.3)
    actor.assert_whole(actor.responses[0])
    assert actor.person.of(events.Silenced) == []
    ducks = [event for event in actor.person.log if isinstance(event, (events.Duck, events.Release))]
    assert not ducks or isinstance(ducks[-1], events.Release)


async def test_a_key_and_a_typed_turn(scene: Scene) -> None:
    """A key stops the reply without a word; a typed turn is answered like a spoken one."""
    async with scene.person([Reply(seconds=10), Reply(seconds=1)], who=DevicePerson, door="websocket") as actor:
        await ask(actor)
        await actor.person.hears(1, 1000)
        actor.person.presses_stop()
        await actor.person.sees(events.Silenced, reply=1)
        actor.person.types("and what about tomorrow?")
        await actor.person.sees(events.ReplyPlayed, reply=2)
        await asyncio.sleep(0.3)
    actor.assert_memory_is_true()
    assert [item.text for item in await actor.history() if item.role == USER] == ["hello", "and what about tomorrow?"]
