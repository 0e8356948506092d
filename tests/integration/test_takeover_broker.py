"""Vads and brokers die in the middle of things: the conversation goes on, and nothing is lost or said twice."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from parley.v1 import session_pb2 as session
from parley.v1 import stream_pb2 as wire
from services.broker.tools.declaration import Retry
from tests.fakes.realtime import Call, Reply, ReplyRequest
from tests.integration.broker_ring import MS, agent
from tests.integration.takeover import ANSWER, fake_of, held_at, scene_with, teller
from tests.integration.tools import Bench

ASSISTANT, TOOL = session.HistoryItem.ROLE_ASSISTANT, session.HistoryItem.ROLE_TOOL
DRAINING, DONE = wire.StreamEnd.REASON_DRAINING, wire.StreamEnd.REASON_DONE


async def test_vad_is_replaced_while_the_person_speaks() -> None:
    """What the old one had not brought to an end is forgotten: the turn is heard again, whole, and answered once."""
    async with scene_with(fake_of()) as scene:
        await scene.begin(2)
        await scene.lose_vad()
        past = await scene.another_vad()
        assert (past.turn, past.decided_offset, past.awaited_turn) == (0, 0, 0)
        await scene.again()
        await scene.whole()
        (turn,) = scene.fake.connections[0].commits
        assert abs(len(turn.audio) / 48 - 300) <= 1
        await scene.true()
        assert scene.ring.count("adopted") == 1


async def test_vad_is_replaced_while_the_model_thinks() -> None:
    """The turn is answered all the same, once; the new one knows that it is awaited."""
    hold = asyncio.Event()
    async with scene_with(fake_of(held_at(0, hold))) as scene:
        await scene.say()
        await scene.fake.until(lambda: scene.fake.responses)
        await scene.lose_vad()
        past = await scene.another_vad()
        assert (past.turn, past.decided_offset, past.awaited_turn) == (1, scene.mic, 1)
        hold.set()
        await scene.whole()
        assert len(scene.fake.responses) == 1
        await scene.true()


async def test_vad_is_replaced_in_the_middle_of_a_reply() -> None:
    """The reply goes on while nobody attends; the new one's verdict cuts it off where it is."""
    async with scene_with(fake_of()) as scene:
        await scene.say()
        await scene.hear(1, 500)
        await scene.lose_vad()
        await scene.hear(1, 1000)
        past = await scene.another_vad()
        assert (past.turn, past.decided_offset, past.awaited_turn) == (1, scene.mic, 0)
        await scene.hear(1, 1200)
        await scene.interrupt()
        await scene.say(interruption=True)
        await scene.answered()
        await scene.true()


async def test_another_vad_comes_before_the_old_one_has_gone() -> None:
    """It is told that it was replaced; what it still says counts for nothing."""
    async with scene_with(fake_of()) as scene:
        old = scene.vad
        await scene.another_vad()
        assert (await old.last_word()).reason == 2
        await scene.say()
        await scene.whole()
        await scene.true()


async def test_a_broker_is_replaced_in_the_middle_of_a_reply_that_egress_has_whole() -> None:
    """It is heard to its end, and the model of the new one remembers it; nothing is asked again."""
    async with scene_with(fake_of()) as scene:
        await scene.say()
        await scene.ring.egress.ended(1)
        await scene.history(1)
        past = await scene.another_broker()
        assert (past.turn, past.awaited_turn) == (1, 0)
        await scene.whole()
        assert len(scene.fake.responses) == 1
        await scene.say()
        await scene.whole(2)
        await scene.true()
        assert scene.ring.count("restored") == 1


async def test_a_broker_is_replaced_in_the_middle_of_a_reply_that_is_being_generated() -> None:
    """The model is asked to go on from what egress has: every word is heard once."""
    async with scene_with(fake_of(held_at(1000, asyncio.Event()))) as scene:
        await scene.say()
        await scene.history(1)
        await scene.hear(1, 500)
        await scene.another_broker()
        await scene.whole()
        assert len(scene.fake.responses) == 2
        assert scene.told_words() == ANSWER
        await scene.say()
        await scene.whole(2)


@pytest.mark.parametrize("is_first", [True, False])
async def test_a_broker_is_replaced_while_the_person_speaks(is_first: bool) -> None:
    """The turn is heard again, whole, by the new one's model, which knows what went before."""
    async with scene_with(fake_of()) as scene:
        if not is_first:
            await scene.say()
            await scene.whole()
        await scene.history(0 if is_first else 2)
        await scene.begin(2)
        await scene.another_broker()
        await scene.again()
        await scene.whole(1 if is_first else 2)
        (turn,) = scene.fake.connections[1].commits
        assert abs(len(turn.audio) / 48 - 300) <= 1
        await scene.true()


async def test_a_broker_is_replaced_while_the_model_thinks() -> None:
    """What was asked is asked again, and answered once."""
    async with scene_with(fake_of(held_at(0, asyncio.Event()))) as scene:
        await scene.say()
        await scene.fake.until(lambda: scene.fake.responses)
        await scene.history(1)
        past = await scene.another_broker()
        assert (past.turn, past.awaited_turn) == (1, 1)
        assert scene.is_decided
        await scene.whole()
        await scene.true()


async def test_a_broker_is_replaced_before_the_words_of_a_turn_are_known() -> None:
    """Vad hears the turn again: it enters history once, and is answered once, by whichever broker."""
    async with scene_with(fake_of(transcript_delay_ms=60_000)) as scene:
        await scene.say()
        await scene.hear(1, 500)
        await scene.lose_broker()
        scene.fake.transcript_delay_ms = 20
        await scene.another_vad()
        await scene.again()
        await scene.whole()
        asked, *answered = await scene.true()
        assert (asked.text, " ".join(item.text for item in answered)) == ("question 1", " ".join(ANSWER))


async def test_a_broker_is_replaced_before_the_model_is_asked() -> None:
    """The turn has ended and nobody has taken it: it is heard again."""
    async with scene_with(fake_of()) as scene:
        await scene.begin()
        await scene.lose_broker()
        await scene.another_vad()
        await scene.again()
        await scene.whole()
        await scene.true()


@pytest.mark.parametrize("answers", [True, False])
async def test_a_broker_is_replaced_before_it_is_known_what_was_heard(answers: bool) -> None:
    """Interrupted, and the client's word on it comes to egress while nobody is there: history is cut to it."""
    async with scene_with(fake_of()) as scene:
        await scene.say()
        await scene.history(1)
        await scene.hear(1, 900)
        _, position = await scene.interrupt(answer=False)
        await scene.ring.egress.log.until(lambda r: r.HasField("interrupt"))
        if not answers:
            await scene.ring.egress.played(1, position / MS)
        await scene.lose_broker()
        if answers:
            await scene.ring.egress.played(1, position / MS, seq=1)
        past = await scene.another_vad()
        assert past.seq == 1
        await scene.say(interruption=True)
        await scene.answered()
        items = await scene.true()
        assert (items[1].interrupted, abs(items[1].heard_ms - position / MS) <= 20) == (True, True)


@pytest.mark.parametrize("retry", [Retry.ALWAYS, Retry.NEVER])
async def test_a_broker_is_replaced_while_a_tool_runs(retry: Retry) -> None:
    """It is called again by the same key, or its outcome is unknown; the model goes on from that."""

    def asks(request: ReplyRequest) -> Reply:
        return Reply(seconds=0, items=0, calls=[Call("look", "{}", "c1")]) if request.track == 1 else teller(request)

    bench = Bench(hold=True)
    async with scene_with(fake_of(asks), partial(agent, tools=[bench.tool("look", retry=retry)])) as scene:
        await scene.say()
        await bench.called(1)
        await scene.history(1)
        past = await scene.another_broker()
        assert past.awaited_turn == 1
        if retry is Retry.ALWAYS:
            await bench.called(2)
            assert len({call.idempotency_key for call in bench.calls}) == 1
        bench.release()
        await scene.whole()
        assert len(bench.calls) == (2 if retry is Retry.ALWAYS else 1)
        status = [i.tool.status for i in await scene.ring.store.history("s1") if i.role == TOOL]
        last = session.ToolCall.STATUS_DONE if retry is Retry.ALWAYS else session.ToolCall.STATUS_UNKNOWN
        assert status == [session.ToolCall.STATUS_CALLED, last]
