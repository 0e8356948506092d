"""How a session ends by itself, after the last sample has been heard; and what its operator is told."""

from __future__ import annotations

import asyncio

import pytest

from clients.desktop import events
from tests.e2e.house import House

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]


async def test_a_goodbye(house: House) -> None:
    """It is answered, heard out, and then the session is over; its operator is told, in a message that is signed."""
    async with house.visitor("polite") as visitor:
        visitor.says("What time is it?")
        time = await visitor.hears("It is")
        visitor.says("Goodbye!")
        goodbye = await visitor.hears("Goodbye! It was nice talking to you.")
        closed = await visitor.closed()
    assert (closed.code, closed.reason) == ("goodbye", "Goodbye!")
    report = await house.desk.report(visitor.person.session)
    assert (report["agent"], report["reason"], report["turns"]) == ("polite", "goodbye", 2)
    said = [(line["role"], line["text"]) for line in report["transcript"]]
    assert said == [("user", said[0][1]), ("assistant", time.text), ("user", said[2][1]), ("assistant", goodbye.text)]
    assert [line["interrupted"] for line in report["transcript"]] == [False] * 4
    assert float(report["cost"]["amount"]) > 0
    assert report["usage"]["audio_out"] > 0
    assert report["summary"], "the engine was asked for one, in text"
    await visitor.assert_history_is_true()


async def test_the_assistant_hangs_up(house: House) -> None:
    """The model has a tool for it: it says its goodbye, is heard out, and the session is over."""
    async with house.visitor("hasty", door="websocket") as visitor:
        visitor.says("Goodbye!")
        await visitor.hears("Goodbye! It was nice talking to you.")
        closed = await visitor.closed()
    assert closed.code in ("goodbye", "assistant")
    await visitor.assert_history_is_true()


async def test_a_goodbye_that_was_none(house: House) -> None:
    """Whoever goes on talking over the answer to their goodbye stays."""
    async with house.visitor("polite") as visitor:
        visitor.says("Goodbye!")
        await visitor.person.hears(1, 300)
        visitor.says("Tell me what time it is please.")
        await visitor.person.sees(events.Silenced, reply=1)
        await visitor.hears("It is")
        await asyncio.sleep(1)
        assert visitor.person.of(events.Closed) == []
    await visitor.assert_history_is_true()


async def test_a_silence(house: House) -> None:
    """Somebody who says nothing is asked once whether they are there; then the session is over."""
    async with house.visitor("hasty") as visitor:
        reprompt = await visitor.hears("Are you still there?")
        closed = await visitor.closed()
    assert closed.code == "silence"
    waited_s = closed.at.monotonic_s - next(iter(visitor.person.of(events.ReplyPlayed))).at.monotonic_s
    assert waited_s >= 2.0 - 0.2, "and given as long again to answer"
    assert [line.reply for line in visitor.lines()] == [reprompt.reply]


async def test_a_budget(house: House) -> None:
    """When the money is spent it says so, and leaves; the report says what it was."""
    async with house.visitor("poor") as visitor:
        visitor.says("What time is it?")
        await visitor.hears("It is")
        await visitor.hears("The money is spent. Farewell!")
        closed = await visitor.closed()
    assert closed.code == "budget"
    report = await house.desk.report(visitor.person.session)
    assert report["reason"] == "budget"
    assert float(report["cost"]["amount"]) >= 0.0001
    assert report["cost"]["currency"] == "USD"
    assert report["summary"] is None
    record = await house.store.read_record(visitor.person.session)
    if record is not None:
        assert report["cost"]["amount"] == f"{record.usage.cost_micros / 1e6:.6f}"
    await visitor.assert_history_is_true()
