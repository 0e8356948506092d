"""Tools over the real ring: the engine calls them when it is asked, and says what came of it."""

from __future__ import annotations

import asyncio

import pytest

from clients.desktop import events
from parley.v1 import session_pb2
from tests.e2e.desk import STORY
from tests.e2e.house import ASSISTANT, TOOL, House, Visitor, side_by_side

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]

CALLED, DONE = session_pb2.ToolCall.STATUS_CALLED, session_pb2.ToolCall.STATUS_DONE
FILLER = "One moment please,"


async def calls_of(visitor: Visitor) -> list[tuple[str, int]]:
    """The tools in history, and how far each was."""
    return [(item.tool.name, item.tool.status) for item in await visitor.history() if item.role == TOOL]


async def test_a_tool_over_http(house: House) -> None:
    """A question calls it, once, under a key of its own; what it answers is spoken, and stands in history."""
    async with house.visitor("clerk") as visitor:
        visitor.says("What time is it?")
        line = await visitor.hears("time is half past noon")
    (asked,) = house.desk.asked("/time", visitor.person.session)
    assert asked.method == "POST"
    assert asked.headers["parley-agent"] == "clerk"
    assert asked.headers["idempotency-key"].startswith(visitor.person.session)
    assert await calls_of(visitor) == [("get_time", CALLED), ("get_time", DONE)]
    assert await visitor.said(ASSISTANT) == [line.text], "no filler: it was quick"
    await visitor.assert_history_is_true()


async def test_a_tool_in_python(house: House) -> None:
    """A function of the operator's own, in the broker."""
    async with house.visitor("clerk", door="websocket") as visitor:
        visitor.says("What is the date?")
        await visitor.hears("the twenty ninth of February")
    assert await calls_of(visitor) == [("get_date", CALLED), ("get_date", DONE)]
    await visitor.assert_history_is_true()


async def test_a_slow_tool(house: House) -> None:
    """Meanwhile something is said; then what came of it. All of it is remembered, in order."""
    async with house.visitor("clerk") as visitor:
        visitor.says("Tell me a story.")
        filler = await visitor.hears(FILLER)
        story = await visitor.hears(STORY)
    assert len(house.desk.asked("/story", visitor.person.session)) == 1
    assert await visitor.said(ASSISTANT) == [filler.text, story.text]
    assert await calls_of(visitor) == [("get_story", CALLED), ("get_story", DONE)]
    await visitor.assert_history_is_true()


async def interrupt_a_tool(house: House, by: str) -> None:
    """Have a story looked up, take the floor over the filler, and ask something else."""
    async with house.visitor("clerk") as visitor:
        visitor.says("Tell me a story.")
        filler = await visitor.person.sees(events.ReplyStarted)
        await asyncio.sleep(0.8)
        if by == "voice":
            visitor.says("Stop!")
        else:
            visitor.person.presses_stop()
        await visitor.person.sees(events.Silenced, reply=filler.reply)
        kept = await visitor.until_remembered(lambda item: item.tool.status == DONE)
        await asyncio.sleep(1)
        assert len(visitor.person.of(events.ReplyStarted)) == 1, "nobody asked for it any more"
        visitor.says("What time is it?")
        await visitor.hears("time is half past noon")
    asked = house.desk.asked("/story", visitor.person.session)
    assert len({got.headers["idempotency-key"] for got in asked}) == len(asked) == 1
    assert not any(STORY in text for text in await visitor.said(ASSISTANT))
    assert STORY in kept.tool.output
    await visitor.assert_history_is_true()


async def test_an_interruption_while_a_tool_works(house: House) -> None:
    """Its result is kept and not spoken: the person has taken the floor. The next question is answered."""
    await side_by_side({by: interrupt_a_tool(house, by) for by in ("voice", "key")})
