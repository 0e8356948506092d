"""A model whose own ear listens all the time and has a say in where a turn ends; on interruptions ours decides."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from clients.desktop import events
from tests.e2e.desk import Desk
from tests.e2e.house import ASSISTANT, USER, House, side_by_side
from tests.e2e.person import Person
from tests.e2e.scene import Actor, Scene
from tests.e2e.scene import scene as open_scene
from tests.fakes import speech
from tests.fakes.realtime import Reply

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]

MODES = ["server-vad", "semantic-vad"]
QUESTION = "Tell me about the weather tomorrow."
PHRASE = "Please count to seventeen for me."


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def agents_scene(desk: Desk) -> AsyncIterator[Scene]:
    """The ring in front of the fake model, whose memory can be looked at, with agents of both modes."""
    async with open_scene(desk.env) as opened:
        yield opened


def caller(mode: str) -> type[Person]:
    """Somebody who wants an agent of that mode."""

    class Caller(Person):
        def __init__(self, server: str, latency_ms: float = 0) -> None:
            super().__init__(server, latency_ms, agent=mode)

    return Caller


async def ask(actor: Actor, text: str = QUESTION) -> None:
    """Say something after a moment of quiet."""
    actor.person.says(speech.silence(300), speech.say(text))


async def stop_a_story(house: House, mode: str) -> None:
    """Have a question answered, stop a story, and ask on."""
    async with house.visitor(mode) as visitor:
        visitor.says("What time is it?")
        await visitor.hears("It is")
        visitor.says("Tell me a story.")
        await visitor.person.hears(2, 1500)
        visitor.says("Stop!")
        await visitor.person.sees(events.Silenced, reply=2)
        await asyncio.sleep(2)
        assert len(visitor.person.of(events.ReplyStarted)) == 2, "nobody answers a bare stop"
        visitor.says("What is your name?")
        await visitor.hears("My name is Parley.")
    _, story, _ = [item for item in await visitor.history() if item.role == ASSISTANT]
    assert story.interrupted
    assert len(await visitor.said(USER)) == 4
    await visitor.assert_history_is_true()


async def test_a_question_and_a_stop(house: House) -> None:
    """The engine's ear ends the turns; a "stop" over a story silences it, is not answered, and the next question is."""
    await side_by_side({mode: stop_a_story(house, mode) for mode in MODES})


async def listen_on(scene: Scene, mode: str) -> None:
    """Hum while the reply goes on, then ask again."""
    replies = [Reply(seconds=6), Reply(seconds=1)]
    async with scene.person(replies, ["the weather", "hm", "a count", ""], who=caller(mode)) as actor:
        await ask(actor)
        await actor.person.hears(1, 1500)
        actor.person.says(speech.hum())
        await actor.person.sees(events.ReplyPlayed, reply=1)
        await asyncio.sleep(0.5)
        await ask(actor, PHRASE)
        await actor.person.sees(events.ReplyPlayed, reply=2)
        await asyncio.sleep(0.3)
    assert actor.person.of(events.Flush) == []
    for response in actor.responses:
        actor.assert_whole(response)
    actor.assert_memory_is_true()
    said = [item.told for item in actor.connection.memory if item.text]
    answer = ("assistant", Reply().text)
    assert said == [("user", "the weather"), answer, ("user", "a count"), answer]
    assert len(actor.connection.commits) >= 3, "it had heard something"
    assert [item.text for item in await actor.history() if item.role == USER] == ["the weather", "a count"]


async def test_a_listening_sound(agents_scene: Scene) -> None:
    """The reply goes on through "mm-hmm"; what the model made of that is gone when it is asked again."""
    await side_by_side({mode: listen_on(agents_scene, mode) for mode in MODES})


async def cut_in(scene: Scene, mode: str) -> None:
    """Say something over the reply."""
    replies = [Reply(seconds=10), Reply(seconds=1)]
    async with scene.person(replies, ["the weather", "a count"], who=caller(mode)) as actor:
        await ask(actor)
        await actor.person.hears(1, 2000)
        await ask(actor, PHRASE)
        await actor.person.sees(events.Silenced, reply=1)
        await actor.person.sees(events.ReplyPlayed, reply=2)
        await asyncio.sleep(0.3)
    actor.assert_memory_is_true()
    actor.assert_whole(actor.responses[-1])
    assert [item.text for item in await actor.history() if item.role == USER] == ["the weather", "a count"]


async def test_a_phrase_over_the_reply(agents_scene: Scene) -> None:
    """Our ear cuts the reply off, the model forgets what was not heard, and the phrase is answered."""
    await side_by_side({mode: cut_in(agents_scene, mode) for mode in MODES})
