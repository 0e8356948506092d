"""The engine is killed and comes back, in the middle of a conversation: it goes on, and nothing said is lost."""

from __future__ import annotations

import asyncio
import re

import pytest

from clients.desktop import events
from clients.desktop.failures import ConversationBroken
from tests.e2e.house import ASSISTANT, USER, House, Visitor
from tests.fakes import speech

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]


def assert_told_once(visitor: Visitor) -> None:
    """The client knows of it, once, and the session lives."""
    assert [notice.code for notice in visitor.person.of(events.Notice)] == ["model_reconnecting"]
    assert visitor.person.of(events.Closed) == []
    assert visitor.person.of(events.ServerError) == []


async def test_the_model_dies_in_mid_reply(house: House) -> None:
    """What it had given is heard, and the rest is said by the one that comes back: no number is lost or told twice."""
    async with house.visitor() as visitor:
        visitor.says("Count to sixteen.")
        await visitor.person.sees(events.ReplyStarted, reply=1)
        await asyncio.sleep(0.7)
        house.ring.kill("engine")
        await visitor.hears(".", timeout_s=30)
        assert_told_once(visitor)
        await asyncio.sleep(2)
        visitor.says("What time is it?")
        await visitor.hears("It is")
        assert_told_once(visitor)
    *counts, _ = await visitor.said(ASSISTANT)
    numbers = [int(number) for number in re.findall(r"\d+", " ".join(counts))]
    assert numbers == list(range(1, max(numbers) + 1))
    assert len(numbers) >= 10
    assert len(counts) == 2
    assert len(await visitor.said(USER)) == 2
    await visitor.assert_history_is_true()


async def test_the_model_dies_while_the_person_speaks(house: House) -> None:
    """The one that comes back is given all that was said before, and answers it."""
    async with house.visitor(door="websocket") as visitor:
        visitor.person.says(speech.silence(300), speech.say("Can you please tell me what time it is?"))
        await visitor.person.sees(events.State, activity=events.Activity.LISTENING)
        await asyncio.sleep(0.6)
        house.ring.kill("engine")
        await visitor.hears("It is", timeout_s=30)
        assert_told_once(visitor)
    (question,) = await visitor.said(USER)
    assert "time" in question
    await visitor.assert_history_is_true()


async def test_the_model_dies_while_nobody_speaks(house: House) -> None:
    """It remembers what was said before: it can say it again."""
    async with house.visitor() as visitor:
        visitor.says("What is your name?")
        await visitor.hears("My name is Parley.")
        house.ring.kill("engine")
        await visitor.person.sees(events.Notice)
        await house.ring.wait_ready("engine")
        await asyncio.sleep(1.5)
        visitor.says("What did you say?")
        await visitor.person.sees(events.ReplyPlayed, reply=2)
        assert_told_once(visitor)
    assert await visitor.said(ASSISTANT) == ["My name is Parley."] * 2
    await visitor.assert_history_is_true()


async def test_a_model_that_does_not_come_back(house: House) -> None:
    """After a few tries the person is told in plain words, and their client why it is over."""

    async def wait_in_vain(visitor: Visitor) -> None:
        visitor.person.says(speech.silence(300), speech.say("Can you please tell me what time it is?"))
        await visitor.person.sees(events.State, activity=events.Activity.LISTENING)
        await house.ring.stop("engine")
        try:
            await visitor.person.until(lambda: next(iter(visitor.person.of(events.ServerError)), None), 30)
        finally:
            await house.ring.revive("engine")

    async with house.visitor() as visitor:
        await wait_in_vain(visitor)
        with pytest.raises(ConversationBroken, match="The connection to the assistant was lost"):
            await visitor.person.ended()
    (sorry,) = visitor.lines()
    assert sorry.text.startswith("Sorry, I have lost my connection and can't go on.")
    (error,) = visitor.person.of(events.ServerError)
    assert error.retryable
