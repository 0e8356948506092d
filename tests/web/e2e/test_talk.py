"""Conversations in a real browser with the real ring and its engine: a voice in the microphone, replies played."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from local.child import ROOT
from local.ring import Ring, RingSettings
from parley.v1 import session_pb2
from services.broker.journal import told
from services.common.store import Store
from tests.fakes import speech
from tests.web.e2e.browser import (
    PATIENCE_MS,
    Page,
    assert_accessible,
    chromium,
    comes_true,
    library,
    page_of,
    write_voice,
)
from tests.web.e2e.cable import cable

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

ASSISTANT: Final = session_pb2.HistoryItem.ROLE_ASSISTANT
HEARD_MS: Final = 20
"""How far what the servers believe was heard may be from what the page says its speaker played."""
AWAY_S: Final = 5.0
DEBUG: Final = "?debug=1"
OPUS: Final = "?debug=1&output=opus"
NO_DECODER: Final = """
AudioDecoder.prototype.decode = function decode() { throw new Error("a decoder that decodes nothing"); };
"""
"""What says that it decodes Opus, and does not."""
STILL: Final[dict[str, Any]] = {"reduced_motion": "reduce"}
"""A picture that moves costs a machine without a graphics card more than the conversation does."""


@dataclass
class House:
    """The ring, and what it remembers."""

    ring: Ring
    store: Store

    async def replies(self, page: Page) -> list[session_pb2.HistoryItem]:
        """Return what history holds of the assistant's words in the page's conversation."""
        session = await page.evaluate("parleyDebug.session()")
        return [item for item in told(await self.store.history(session)) if item.role == ASSISTANT]

    async def assert_memory_is_true(self, page: Page) -> None:
        """History holds of the reply that was cut off what the page's speaker has played of it."""
        cut = next(event["detail"] for event in await happenings(page, "flush") if event["detail"]["reply"])
        for _ in range(100):
            if kept := [item for item in await self.replies(page) if item.reply == cut["reply"]]:
                break
            await asyncio.sleep(0.1)
        assert [item.interrupted for item in kept] == [True]
        assert abs(kept[0].heard_ms - cut["position"] / 24) <= HEARD_MS, f"{kept[0].heard_ms} ms, {cut}"
        struck = await page.locator(".line.assistant:has(.cut) .said").first.evaluate("line => line.firstChild.data")
        assert struck.strip() == kept[0].text


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def house() -> AsyncIterator[House]:
    """A ring with its own engine and the agents that come with it."""
    agents = {"PARLEY_AGENTS": str(ROOT / "deploy" / "agents")}
    async with Ring(RingSettings(engine=True, env={"vad": agents, "broker": agents})) as ring:
        store = Store(Redis.from_url(ring.redis_url))
        try:
            yield House(ring, store)
        finally:
            await store.close()


async def sees(page: Page, selector: str, text: str | re.Pattern[str] = "", *, nth: int = 0) -> str:
    """Wait until such an element is there, with these words; return all of its own."""
    found = page.locator(selector, has_text=text) if text else page.locator(selector)
    try:
        await found.nth(nth).wait_for(timeout=PATIENCE_MS, state="attached")
    except library("playwright.async_api").TimeoutError as error:
        shown = [await page.inner_text(part) for part in ("#turn", "#trouble", "#captions")]
        error.add_note(f"the page shows {shown}")
        raise
    words: str = await found.nth(nth).inner_text()
    return words


async def happenings(page: Page, name: str) -> list[dict[str, Any]]:
    """Return what the client has told of one kind."""
    told_: list[dict[str, Any]] = await page.evaluate("name => parleyDebug.of(name)", name)
    return told_


async def test_a_conversation_and_an_interruption(house: House, tmp_path: Path) -> None:
    """A question is answered; a "stop" cuts the story off, and what was not heard of it is struck out; it goes on.

    How well a recogniser hears a synthetic voice through a browser's noise suppression is not what is tried here.
    What the servers remember of the story is what the page's speaker has played of it.
    """
    voice = write_voice(
        tmp_path / "voice.wav",
        speech.silence(4000),
        speech.say("What time is it?"),
        speech.silence(12_000),
        speech.say("Tell me a story."),
        speech.silence(12_000),
        speech.say("Stop!"),
        speech.silence(8000),
        speech.say("What time is it?"),
    )
    async with chromium(voice) as browser, page_of(browser, house.ring.page + DEBUG, **STILL) as page:
        await page.click("#talk")
        await sees(page, ".line.assistant", re.compile("It is"))
        await sees(page, "#latency summary", re.compile(r"\d+ ms"))
        await sees(page, ".line.assistant .cut")
        await sees(page, ".line.assistant", nth=2)
        await assert_accessible(page)
        assert await happenings(page, "duck"), "the story was not lowered before it was cut off"
        await house.assert_memory_is_true(page)
        assert any(output["pcm"].strip("A=") for output in await page.evaluate("parleyDebug.recording()"))
        await page.click("#talk")
        await sees(page, "#turn", "The conversation is over")


async def cuts_a_story_off(house: House, page: Page) -> None:
    """Ask for a story by typing, and stop it with Esc: it ends where it was heard."""
    await page.click("#mute")  # the fake microphone's beeps are no words
    await page.fill("#typed", "Tell me a story.")
    await page.keyboard.press("Enter")
    await sees(page, ".line.assistant", "at the foot")
    await page.keyboard.press("Escape")
    await sees(page, ".line.assistant .cut")
    await house.assert_memory_is_true(page)


async def test_the_key_that_stops(house: House) -> None:
    """Typed words are answered aloud; Esc cuts the answer off, to the sample that was heard; it goes on from there."""
    async with chromium() as browser, page_of(browser, house.ring.page + DEBUG, **STILL) as page:
        await cuts_a_story_off(house, page)
        await page.fill("#typed", "What time is it?")
        await page.keyboard.press("Enter")
        await sees(page, ".line.assistant", re.compile("It is"))


async def test_replies_as_opus(house: House) -> None:
    """The page asks for Opus: a reply is cut off to the sample, the next one is played to its last packet."""
    async with chromium() as browser, page_of(browser, house.ring.page + OPUS, **STILL) as page:
        await cuts_a_story_off(house, page)
        await page.fill("#typed", "What is your name?")
        await page.keyboard.press("Enter")
        await comes_true(page, "parleyDebug.of('replyPlayed').length > 0")
        assert [event["detail"]["encoding"] for event in await happenings(page, "output")] == ["opus"]
        played = (await happenings(page, "replyPlayed"))[0]["detail"]
        pieces = await page.evaluate("parleyDebug.frames.flatMap(({audio}) => audio ?? [])")
        came = [piece for piece in pieces if piece["reply"] == played["reply"]]
        assert {piece["samples"] for piece in came} == {480}
        assert played["position"] == came[-1]["position"] + 480 == 480 * len(came)
        assert any(output["pcm"].strip("A=") for output in await page.evaluate("parleyDebug.recording()"))


async def test_opus_that_can_not_be_decoded(house: House) -> None:
    """The same reply comes again as PCM16, from its first sample on, and is heard whole."""
    async with chromium() as browser, page_of(browser, house.ring.page + OPUS, before=NO_DECODER, **STILL) as page:
        await page.click("#mute")  # the fake microphone's beeps are no words
        await page.fill("#typed", "What is your name?")
        await page.keyboard.press("Enter")
        await comes_true(page, "parleyDebug.of('replyPlayed').length > 0")
        told_ = [event["detail"] for event in await happenings(page, "output")]
        assert [(one["encoding"], bool(one["why"])) for one in told_] == [
            ("opus", False),
            ("pcm16", True),
            ("pcm16", False),
        ]
        ended = await page.evaluate("parleyDebug.messages('server', 'replyEnded').at(-1).message.replyEnded")
        quality = await page.evaluate("parleyDebug.client.quality")
        assert quality["resumed"] == 1
        assert abs(quality["playedMs"] - int(ended["samples"]) / 24) <= HEARD_MS


@pytest.mark.parametrize("debug", [DEBUG, OPUS])
async def test_the_network_goes_and_comes_back(house: House, debug: str) -> None:
    """Five seconds without a network in mid-reply: the page says so, the same reply goes on, no word twice or lost."""
    door = house.ring.websocket.split("/")[2]
    async with (
        chromium() as browser,
        cable(door) as line,
        page_of(browser, f"http://{line.address}/{debug}", **STILL) as page,
    ):
        await page.click("#mute")  # the fake microphone's beeps are no words
        await page.fill("#typed", "Count to twenty.")
        await page.keyboard.press("Enter")
        await sees(page, ".line.assistant", re.compile("3"))
        line.pull()
        await sees(page, "#turn", "Connection lost: resuming …")
        await asyncio.sleep(AWAY_S)
        line.plug()
        await sees(page, ".line.event", "Connected again")
        await page.locator(".line.assistant:not(:has(.ahead))", has_text="20").wait_for(timeout=PATIENCE_MS)
        await comes_true(page, "parleyDebug.of('replyPlayed').length > 0")
        assert len(await happenings(page, "replyPlayed")) == 1
        words = (await sees(page, ".line.assistant .said")).strip()
        assert [int(number) for number in re.findall(r"\d+", words)] == list(range(1, 21)), words
        for _ in range(100):
            if replies := await house.replies(page):
                break
            await asyncio.sleep(0.1)
        assert [item.text for item in replies] == [words]


async def test_an_agent_that_is_not_there(house: House) -> None:
    """The server's own sentence says which agents there are, and the settings are one press away."""
    async with chromium() as browser, page_of(browser, house.ring.page) as page:
        await page.click("#open-settings")
        await page.fill("#agent", "nobody")
        await page.click("#settings .main")
        await page.click("#talk")
        assert "there are: default, patient, reception" in await sees(page, "#trouble p", "nobody")
        await sees(page, "#trouble button", "Settings")


async def test_a_microphone_that_may_not_be_used(house: House) -> None:
    """The person has said no to the browser: the page says what to do; without it typed words are answered aloud."""
    async with chromium(allowed=False) as browser, page_of(browser, house.ring.page, permissions=[]) as page:
        await page.click("#talk")
        assert "Parley can't hear you" in await sees(page, "#trouble p")
        await page.click("#trouble button:has-text('Type instead')")
        await sees(page, "#turn", "Your turn")
        await page.fill("#typed", "What is your name?")
        await page.keyboard.press("Enter")
        await sees(page, ".line.assistant", "My name is Parley.")
