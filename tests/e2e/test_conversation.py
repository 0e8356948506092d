"""Conversations over the real ring: processes, sockets, Redis and the real client, in front of a fake model."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from clients.desktop import events
from parley.v1 import session_pb2
from tests.e2e.barge_in import LATENCY_MS, REPLIES, WORDS, assert_cut_where_heard, barge_in
from tests.e2e.scene import Actor, Scene
from tests.fakes import speech
from tests.fakes.realtime import Reply

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]

QUESTION = "Tell me about the weather tomorrow."
PHRASE = "Please count to seventeen for me."
USER = session_pb2.HistoryItem.ROLE_USER
ASSISTANT = session_pb2.HistoryItem.ROLE_ASSISTANT


def at_both_doors(test: Callable[[Scene, str], Awaitable[None]]) -> Callable[[Scene], Awaitable[None]]:
    """Hold a test's conversation at each door of the ring, side by side."""

    async def come_in(scene: Scene, door: str) -> None:
        try:
            await test(scene, door)
        except (AssertionError, TimeoutError) as error:
            error.add_note(f"(the person at the {door} door)")
            raise

    async def both(scene: Scene) -> None:
        async with asyncio.TaskGroup() as group:
            for door in ("grpc", "websocket"):
                group.create_task(come_in(scene, door))

    both.__name__, both.__doc__ = test.__name__, test.__doc__
    return both


async def ask(actor: Actor, text: str = QUESTION) -> None:
    """Say something after a moment of quiet."""
    actor.person.says(speech.silence(300), speech.say(text))


@at_both_doors
async def test_a_turn(scene: Scene, door: str) -> None:
    """A question is answered: every sample heard once, the words of both in history, a report of the time."""
    async with scene.person([Reply(seconds=2)], ["what time is it"], door=door) as actor:
        await ask(actor)
        await actor.person.sees(events.ReplyPlayed, reply=1)
        report = await actor.person.sees(events.TurnReport, reply=1)
        await asyncio.sleep(0.3)
    actor.assert_whole(actor.responses[0])
    actor.assert_memory_is_true()
    stages = ["vad.endpoint", "broker.commit", "model.first_audio", "egress.first_frame", "client.first_sample"]
    assert [name for name, _ in report.stages] == stages
    history = [(item.role, item.text, item.interrupted) for item in await actor.history()]
    assert history == [(USER, "what time is it", False), (ASSISTANT, Reply().text, False)]


@at_both_doors
async def test_three_turns(scene: Scene, door: str) -> None:
    """Three turns in one session: each answered, in order, and all of it remembered."""
    async with scene.person([Reply(seconds=1.5)], ["one", "two", "three"], door=door) as actor:
        for turn in (1, 2, 3):
            await ask(actor)
            await actor.person.sees(events.ReplyPlayed, reply=turn)
        await asyncio.sleep(0.3)
    assert len(actor.responses) == 3
    for response in actor.responses:
        actor.assert_whole(response)
    assert [item.text for item in await actor.history() if item.role == USER] == ["one", "two", "three"]


@at_both_doors
async def test_a_barge_in(scene: Scene, door: str) -> None:
    """A phrase over the reply cuts it off, the model forgets what was not heard, and the phrase is answered."""
    async with scene.person(REPLIES, WORDS, latency_ms=LATENCY_MS, door=door) as actor:
        silenced = await barge_in(actor, QUESTION, PHRASE)
    await assert_cut_where_heard(actor, silenced)


@at_both_doors
async def test_four_barge_ins_in_a_row(scene: Scene, door: str) -> None:
    """Each of four replies is cut off by the next phrase; nothing dead is heard and the memory stays true."""
    async with scene.person([Reply(seconds=10)] * 4 + [Reply(seconds=1)], door=door) as actor:
        await ask(actor)
        for reply in (1, 2, 3, 4):
            await actor.person.hears(reply, 900)
            await ask(actor, PHRASE)
            await actor.person.sees(events.Silenced, reply=reply)
        await actor.person.sees(events.ReplyPlayed, reply=5)
        await asyncio.sleep(0.3)
    actor.assert_memory_is_true()
    actor.assert_whole(actor.responses[4])
    assert len(actor.person.of(events.Flush)) == 4


@at_both_doors
async def test_a_barge_in_while_the_answer_is_still_being_thought(scene: Scene, door: str) -> None:
    """Speech before the answer is audible resumes the turn: the first answer dies unheard, both parts are asked."""
    async with scene.person(
        [Reply(seconds=5, think_ms=4000), Reply(seconds=1)], ["a story", "about a fox"], door=door
    ) as actor:
        await ask(actor)
        await actor.person.sees(events.State, activity=events.Activity.THINKING)
        await ask(actor, "about a little fox and a very old bear please")
        await actor.person.sees(events.ReplyPlayed, reply=2)
        await asyncio.sleep(0.3)
    first, second = actor.responses
    assert actor.heard_of(first) == 0
    assert first.status == "cancelled"
    actor.assert_whole(second)
    actor.assert_memory_is_true()
    assert len(actor.connection.commits) == 2
    assert {item.turn for item in await actor.history()} == {1}, "two parts of one turn, and its answer"


@at_both_doors
async def test_dismissed_sounds(scene: Scene, door: str) -> None:
    """Coughs change nothing while nobody speaks, and a reply goes on through them and through "mm-hmm"."""
    async with scene.person([Reply(seconds=7)], door=door) as actor:
        actor.person.says(speech.silence(300), speech.cough(1), speech.silence(900), speech.cough(2))
        await asyncio.sleep(3)
        assert actor.connection.commits == []
        await ask(actor)
        await actor.person.hears(1, 1000)
        actor.person.says(speech.cough(3), speech.silence(1200), speech.hum())
        await actor.person.sees(events.ReplyPlayed, reply=1)
        await asyncio.sleep(0.3)
    actor.assert_whole(actor.responses[0])
    assert actor.person.of(events.Flush) == []
    assert len(actor.connection.commits) == 1


@at_both_doors
async def test_a_person_who_pauses_and_goes_on(scene: Scene, door: str) -> None:
    """A pause in mid-sentence does not end the turn: one turn is committed, with all of it."""
    async with scene.person([Reply(seconds=1)], door=door) as actor:
        start, rest = (speech.say(t, "en-us+f3") for t in ("I would like to order a", "pizza with mushrooms, please."))
        actor.person.says(speech.silence(300), start, speech.silence(450), rest)
        await actor.person.sees(events.ReplyPlayed)
        await asyncio.sleep(0.3)
    assert len(actor.connection.commits) == 1
    committed_s = len(actor.connection.commits[0].audio) / 48_000
    assert committed_s >= (speech.duration_ms(start) + 450 + speech.duration_ms(rest)) / 1000
    actor.assert_whole(actor.responses[0])


@at_both_doors
async def test_a_bare_stop(scene: Scene, door: str) -> None:
    """A bare "stop" ends the reply and enters history, and is not answered; what is said next is."""
    async with scene.person([Reply(seconds=10), Reply(seconds=1)], ["a story", "Stop!", "go on"], door=door) as actor:
        await ask(actor)
        await actor.person.hears(1, 1500)
        await ask(actor, "stop!")
        await actor.person.sees(events.Silenced, reply=1)
        await asyncio.sleep(2)
        assert len(actor.responses) == 1
        assert actor.person.of(events.State)[-1].activity == events.Activity.IDLE
        await ask(actor)
        await actor.person.sees(events.ReplyPlayed, reply=2)
        await asyncio.sleep(0.3)
    actor.assert_memory_is_true()
    actor.assert_whole(actor.responses[1])
    assert [item.text for item in await actor.history() if item.role == USER] == ["a story", "Stop!", "go on"]


@at_both_doors
async def test_a_key_and_a_typed_turn(scene: Scene, door: str) -> None:
    """A key stops the reply without a word; a typed turn is answered like a spoken one."""
    async with scene.person([Reply(seconds=10), Reply(seconds=1)], door=door) as actor:
        await ask(actor)
        await actor.person.hears(1, 1000)
        actor.person.presses_stop()
        await actor.person.sees(events.Silenced, reply=1)
        actor.person.types("and what about tomorrow?")
        await actor.person.sees(events.ReplyPlayed, reply=2)
        await asyncio.sleep(0.3)
    actor.assert_memory_is_true()
    assert [item.text for item in await actor.history() if item.role == USER] == ["hello", "and what about tomorrow?"]


async def test_sessions_that_never_hear_each_other(scene: Scene) -> None:
    """Four at once, two at each door, two barging in: each model hears its own person, each person their own model."""
    texts = [QUESTION, PHRASE, "What time is it?", "No, I would rather hear about the weather tomorrow."]

    async def converse(text: str, barges_in: bool, door: str) -> Actor:
        replies = [Reply(seconds=4 if barges_in else 2), Reply(seconds=1)]
        async with scene.person(replies, door=door) as actor:
            await ask(actor, text)
            if barges_in:
                await actor.person.hears(1, 1000)
                await ask(actor, PHRASE)
            await actor.person.sees(events.ReplyPlayed, reply=2 if barges_in else 1)
            await asyncio.sleep(0.3)
        return actor

    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(converse(text, index % 2 == 1, "grpc" if index < 2 else "websocket"))
            for index, text in enumerate(texts)
        ]
    actors = [task.result() for task in tasks]
    for actor in actors:
        assert {run.track for run in actor.heard()} == {r.track for r in actor.responses if r.sent_samples}
        actor.assert_memory_is_true()
    for index, actor in enumerate(actors):
        item = next(i for i in actor.connection.conversation.items.values() if i.wire.get("role") == "user")
        likeness = [_likeness(item.audio, speech.say(text)) for text in texts]
        assert int(np.argmax(likeness)) == index, likeness


def _likeness(committed_24k: bytes, said_16k: bytes) -> float:
    """Return the peak of the normalised cross-correlation of loudness, at 100 Hz."""

    def loudness(pcm: bytes, hz: int) -> NDArray[np.float64]:
        samples = np.frombuffer(pcm, "<i2").astype(np.float64)
        hop = hz // 100
        level = np.sqrt((samples[: len(samples) // hop * hop].reshape(-1, hop) ** 2).mean(axis=1))
        return np.asarray((level - level.mean()) / (level.std() or 1.0))

    a, b = loudness(bytes(committed_24k), 24_000), loudness(said_16k, 16_000)
    return float(np.correlate(a, b, mode="full").max() / max(len(a), len(b)))
