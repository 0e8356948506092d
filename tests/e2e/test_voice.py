"""Conversations with the ring's own engine: it greets, writes down what is said while it is said, and is paid for."""

from __future__ import annotations

import asyncio

import pytest

from clients.desktop import events
from tests.e2e.house import ASSISTANT, USER, House
from tests.fakes import speech

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]

WELCOME = "Good morning, and welcome to the test."


async def test_a_greeting_is_heard_first(house: House) -> None:
    """Nobody has said a word yet: it greets, to the end; and remembers that it has."""
    async with house.visitor("greeter") as visitor:
        line = await visitor.hears("the rain.")
        assert line.text.startswith(WELCOME)
        assert line.turn == 0
        visitor.says("What time is it?")
        await visitor.hears("It is")
    assert await visitor.said(ASSISTANT) == [line.text, visitor.lines()[-1].text]
    await visitor.assert_history_is_true()


async def test_a_greeting_that_is_interrupted(house: House) -> None:
    """A "stop" ends it where it is; what was not heard of it is not remembered, and the conversation goes on."""
    async with house.visitor("greeter", door="websocket", latency_ms=40) as visitor:
        await visitor.person.hears(1, 2000)
        visitor.says("Stop!")
        await visitor.person.sees(events.Silenced, reply=1)
        await asyncio.sleep(2)
        visitor.says("What time is it?")
        await visitor.hears("It is")
    greeting, _ = [item for item in await visitor.history() if item.role == ASSISTANT]
    assert greeting.interrupted
    assert greeting.text.startswith("Good morning")
    assert "the rain" not in greeting.text
    await visitor.assert_history_is_true()


async def test_a_shipped_agent(house: House) -> None:
    """The reception answers the telephone as its profile says, and then a question."""
    async with house.visitor("reception") as visitor:
        await visitor.hears("Hotel Seeblick, Ada speaking. How can I help you?")
        visitor.says("What is your name?")
        await visitor.hears("My name is Parley.")
    await visitor.assert_history_is_true()


async def test_captions_while_the_person_speaks(house: House) -> None:
    """Words that are certain at a pause come before the turn is over; then the whole line, as history has it."""
    async with house.visitor("captioned") as visitor:
        visitor.person.says(
            speech.silence(300), speech.say("Tell me a story"), speech.silence(330), speech.say("please.")
        )
        await visitor.person.sees(events.Caption, who=events.Who.USER, final=True)
        visitor.person.presses_stop()
        await asyncio.sleep(0.3)
    lines = [event for event in visitor.person.of(events.Caption) if event.who is events.Who.USER]
    *early, final = lines
    assert early, "no word came before the end of the turn"
    assert not any(line.final for line in early)
    assert "".join(line.text for line in early).split()[:4] == ["tell", "me", "a", "story"]
    assert await visitor.said(USER) == [final.text]


async def test_what_a_session_has_used(house: House) -> None:
    """The session's record holds the model's own count of tokens, and their cost by the price table."""
    async with house.visitor() as visitor:
        visitor.says("What time is it?")
        await visitor.hears("It is")
        await asyncio.sleep(0.3)
        record = await house.store.read_record(visitor.person.session)
    assert record is not None
    used = record.usage
    assert used.audio_in > 0
    assert used.audio_out > 0
    assert used.text_out > 0
    assert used.transcribed_ms > 0
    cost = used.text_in * 1 + used.text_out * 2 + used.audio_in * 4 + used.audio_out * 8
    assert used.cost_micros == cost
    heard_s = sum(event.position for event in visitor.person.of(events.ReplyPlayed)) / 24_000
    assert used.audio_out == pytest.approx(heard_s * 20, abs=2), "a token for 50 ms of what was spoken"
