"""The page by itself: what it shows of what its client tells, and what it does with what a person does. No ring."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

from tests.web.e2e.browser import PHONE, Page, assert_accessible, page_of

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

SCRIPT: Final = Path(__file__).with_name("scripted_client.js")
SECURE: Final = "https://parley.test/"
LOOKS: Final[dict[str, dict[str, Any]]] = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": PHONE, "has_touch": True, "is_mobile": True},
    "dark phone, still": {"viewport": PHONE, "color_scheme": "dark", "reduced_motion": "reduce"},
    "sideways": {"viewport": {"width": 640, "height": 320}},
}
STAGES: Final = {"vad.endpoint": 312, "broker.commit": 0.8, "model.first_audio": 148, "client.first_sample": 52}


async def tell(page: Page, name: str, **detail: Any) -> None:
    """Have the client tell something."""
    await page.evaluate("([name, detail]) => scripted.tell(name, detail)", [name, detail])


async def caption(page: Page, who: str, text: str, **more: Any) -> None:
    """Have it tell words."""
    rest = {"final": False, "reply": 0, "position": 0, "turn": 1, "interrupted": False, **more}
    await tell(page, "caption", who=who, text=text, **rest)


async def calls(page: Page, name: str) -> list[list[Any]]:
    """Return what the page has had the client do of one kind."""
    done: list[list[Any]] = await page.evaluate("scripted.calls")
    return [call for call in done if call[0] == name]


async def turn_of(page: Page) -> str:
    """Return whose turn the page says it is."""
    shown: str = await page.inner_text("#turn")
    return shown


async def fails(page: Page, code: str, message: str) -> None:
    """Have the next call fail."""
    await page.evaluate("fails => { globalThis.fails = fails; }", {"code": code, "message": message})


@pytest.mark.parametrize("look", LOOKS)
async def test_it_is_accessible_in_every_state(browser: Any, look: str) -> None:
    """Axe finds nothing wrong, and nothing is cut off: idle, in mid-conversation, in both windows, and in trouble."""
    async with page_of(browser, SECURE, SCRIPT, **LOOKS[look]) as page:
        await assert_accessible(page)
        await page.click("#talk")
        await caption(page, "user", "Tell me a story", final=True)
        await caption(page, "assistant", "Once upon a time", reply=1)
        await tell(page, "turnReport", turn=1, reply=1, stages=[{"name": n, "ms": ms} for n, ms in STAGES.items()])
        await tell(page, "flush", reply=1)
        await caption(page, "assistant", "Once upon", final=True, reply=1, interrupted=True)
        await page.click("#mute")
        await assert_accessible(page)
        await page.click("#open-settings")
        await assert_accessible(page)
        await page.check("input[name=hold][value=on]")
        await page.click("#settings .main")
        await page.click("#open-help")
        await assert_accessible(page)
        await page.click("#help .main")
        await page.click("#hang-up")
        await fails(page, "CODE_UNAUTHENTICATED", "the token has expired: get a new one.")
        await page.click("#talk")
        await assert_accessible(page)


async def test_whose_turn_it_is(browser: Any) -> None:
    """From the client's words to the page's: each state, a duck, a reply cut off, a connection lost and back."""
    async with page_of(browser, SECURE, SCRIPT) as page:
        assert await turn_of(page) == "Ready when you are"
        await page.click("#talk")
        assert await turn_of(page) == "Your turn"
        await tell(page, "state", floor="listening")
        assert await turn_of(page) == "Listening"
        await tell(page, "state", floor="thinking")
        assert await turn_of(page) == "Thinking …"
        await tell(page, "replyStarted", reply=1, position=0)
        assert await turn_of(page) == "Parley is speaking"
        await tell(page, "duck", ducked=True, gainDb=-20, by="local")
        assert await turn_of(page) == "I hear you"
        assert await page.evaluate("document.documentElement.dataset.turn") == "both"
        await tell(page, "duck", ducked=False, gainDb=0, by="server")
        assert await turn_of(page) == "Parley is speaking"
        await tell(page, "flush", seq=1, reply=1, position=2400, silentMs=12)
        assert await turn_of(page) == "Stopped: go on"
        await tell(page, "state", session="resuming", why="the connection broke")
        assert await turn_of(page) == "Connection lost: resuming …"
        assert await page.inner_text("#aloud") == "Connection lost: resuming …"
        await tell(page, "state", session="conversation", floor="idle", why="")
        assert await turn_of(page) == "Connected again"
        notes = await page.locator(".line.event").all_inner_texts()
        assert notes == ["Connection lost: the connection broke.", "Connected again: the conversation went on."]


async def test_captions_say_what_was_heard(browser: Any) -> None:
    """Words not heard yet are set apart; those that never were are struck out; the person's stand above the answer."""
    async with page_of(browser, SECURE, SCRIPT) as page:
        await page.click("#talk")
        for n, text in enumerate(["Every", " night", " he", " walked"]):
            await caption(page, "assistant", text, reply=1, position=n * 8000)
        await caption(page, "user", "And <b>then</b>?", final=True)
        await page.evaluate("scripted.playhead = {reply: 1, position: 9000}")
        await tell(page, "level", micDb=-60, speakerDb=-20, speech=False)
        assert "".join(await page.locator(".ahead").all_text_contents()) == " he walked"
        await caption(page, "assistant", "Every night", final=True, reply=1, interrupted=True)
        assert await page.text_content("#captions del") == "not heard: he walked"
        said = await page.locator(".said").all_text_contents()
        assert said == ["And <b>then</b>?", "Every night not heard: he walked (cut off)"]


@pytest.mark.parametrize(
    ("code", "message", "title", "buttons"),
    [
        ("CODE_FULL", "this server holds its 100 sessions", "All lines are busy.", ["Try again"]),
        ("CODE_UNREACHABLE", "no server answers", "Parley can't be reached.", ["Try again"]),
        ("CODE_LOST", "the server fell silent", "The connection is lost.", ["New conversation"]),
        ("CODE_OF_TOMORROW", "something new", "Something went wrong.", ["Try again"]),
    ],
)
async def test_trouble_in_words(browser: Any, code: str, message: str, title: str, buttons: list[str]) -> None:
    """Each failure has a title, the sentence that came with it, and buttons for what can be done."""
    async with page_of(browser, SECURE, SCRIPT) as page:
        await fails(page, code, message)
        await page.click("#talk")
        assert (await page.inner_text("#trouble strong")).strip() == title
        assert message[1:] in await page.inner_text("#trouble p")
        assert await page.locator("#trouble button").all_inner_texts() == [*buttons, "Close"]
        assert await turn_of(page) == "The conversation is over"
        await page.evaluate("delete globalThis.fails")
        await page.click("#trouble button")
        assert await turn_of(page) == "Your turn"
        assert await page.inner_text("#trouble") == ""


async def test_while_it_connects(browser: Any) -> None:
    """Typed words wait, and say so; what was told of the call goes when it is answered, and the words with it."""
    async with page_of(browser, SECURE, SCRIPT) as page:
        await page.evaluate("globalThis.waits = true")
        await page.click("#talk")
        await tell(page, "notice", code="CODE_UNREACHABLE", message="The server can't be reached. Calling again.")
        assert (await page.inner_text("#trouble strong")).strip() == "Parley can't be reached."
        await page.fill("#typed", "Hello")
        await page.keyboard.press("Enter")
        assert await page.inner_text("#send") == "Waits …"
        assert await page.input_value("#typed") == "Hello"
        assert "Calling again" in await page.inner_text("#trouble p")
        await assert_accessible(page)
        await tell(page, "state", session="conversation")
        assert await calls(page, "say") == [["say", "Hello"]]
        assert [await page.inner_text("#trouble"), await page.input_value("#typed")] == ["", ""]
        assert len(await calls(page, "connect")) == 1
        await tell(page, "notice", code="CODE_MODEL_RECONNECTING", message="the answer takes longer.")
        await tell(page, "state", floor="listening")
        assert "By the way" in await page.inner_text("#trouble p")


async def test_without_a_microphone_it_is_typed(browser: Any) -> None:
    """Where there is none the page offers that; then it says to type, Mute has no use, and Talk asks for one again."""
    async with page_of(browser, SECURE, SCRIPT) as page:
        await page.click("#open-settings")
        await page.check("input[name=hold][value=on]")
        await page.click("#settings .main")
        await fails(page, "CODE_MICROPHONE", "there is no microphone: plug one in, and try again.")
        await page.fill("#typed", "Hello")
        await page.keyboard.press("Enter")
        assert (await page.inner_text("#trouble strong")).strip() == "Parley can't hear you."
        assert "Or type instead" in await page.inner_text("#trouble p")
        buttons = await page.locator("#trouble button").all_inner_texts()
        assert buttons == ["Try again", "Type instead", "Settings", "Close"]
        await page.evaluate("delete globalThis.fails")
        await page.click("#trouble button:has-text('Type instead')")
        assert (await calls(page, "set"))[-1][1]["microphone"] is False
        assert (await page.inner_text("#hint")).startswith("Type")
        assert await page.is_disabled("#mute")
        assert await page.inner_text("#talk-word") == "Hang up"
        await page.keyboard.press("Enter")
        assert await calls(page, "say") == [["say", "Hello"]], "the words wait in the field, which has the focus"
        await assert_accessible(page)
        await page.click("#talk")
        await page.click("#talk")
        assert (await calls(page, "set"))[-1][1]["microphone"] is True
        assert await page.is_enabled("#mute")


async def test_a_token_is_asked_for_and_kept_only_if_told_so(browser: Any) -> None:
    """It is shown to the server, and stands in the browser's store only where the person ticked that."""
    async with page_of(browser, SECURE, SCRIPT) as page:
        for keep in (False, True):
            await fails(page, "CODE_UNAUTHENTICATED", "this server asks for a token.")
            await page.click("#talk")
            await page.evaluate("delete globalThis.fails")
            await page.fill("#asked-token", "a.b.c")
            if keep:
                await page.check("#trouble input[type=checkbox]")
            await page.keyboard.press("Tab")
            await page.click("#trouble .actions button")
            assert (await calls(page, "set"))[-1][1]["token"] == "a.b.c"
            kept = json.loads(await page.evaluate("localStorage.getItem('parley.settings')"))
            assert kept["token"] == ("a.b.c" if keep else "")
            await page.click("#talk")


async def test_a_page_that_may_not_listen_says_why(browser: Any) -> None:
    """Over plain http from another machine there is no microphone: the page says so, and what address to take."""
    async with page_of(browser, "http://parley.test/", SCRIPT) as page:
        await page.click("#talk")
        assert (await page.inner_text("#trouble strong")).strip() == "Not a secure page."
        assert "https://parley.test/" in await page.inner_text("#trouble p")
        assert await calls(page, "connect") == []


async def test_by_keyboard_alone(browser: Any) -> None:
    """Every key does what the help says, but not while somebody types; and the focus can be seen."""
    async with page_of(browser, SECURE, SCRIPT) as page:
        press = page.keyboard.press
        await press(" ")
        assert await turn_of(page) == "Your turn"
        await press("m")
        assert await turn_of(page) == "You are muted"
        await press("m")
        await press("Escape")
        assert len(await calls(page, "interrupt")) == 1
        await press("t")
        await page.keyboard.type("Me? mute the seats")
        await press("Enter")
        assert await calls(page, "say") == [["say", "Me? mute the seats"]]
        assert len(await calls(page, "setMuted")) == 2
        await page.keyboard.press("Tab")
        outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"
        await page.evaluate("document.activeElement.blur()")
        await press("?")
        assert await page.locator("#help[open]").count() == 1
        await press("Escape")
        assert await page.locator("#help[open]").count() == 0
        assert len(await calls(page, "interrupt")) == 1, "a key that closes a window stops nobody"
        await press("s")
        await page.uncheck("#shortcuts")
        await press("Escape")
        await page.evaluate("document.activeElement.blur()")
        await press("e")
        assert await calls(page, "hangUp") == [], "single keys are switched off"


async def test_hold_to_talk(browser: Any) -> None:
    """A finger, and Space, are the talk key from down to up; a window that loses the focus lets go of it."""
    async with page_of(browser, SECURE, SCRIPT, viewport=PHONE, has_touch=True) as page:
        await page.click("#open-settings")
        await page.check("input[name=hold][value=on]")
        await page.click("#settings .main")
        await page.click("#talk")
        assert await page.inner_text("#talk-word") == "Hold to talk"
        box = await page.locator("#talk").bounding_box()
        await page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        await page.mouse.down()
        assert await page.inner_text("#talk-word") == "Let go when done"
        await page.mouse.move(5, 5)
        await page.mouse.up()
        await page.evaluate("document.activeElement.blur()")
        await page.keyboard.down(" ")
        await page.evaluate("dispatchEvent(new Event('blur'))")
        await page.keyboard.up(" ")
        assert [call[1] for call in await calls(page, "press")] == [True, False, True, False]
        await page.click("#hang-up")
        assert await turn_of(page) == "The conversation is over"


async def test_settings_are_kept(browser: Any) -> None:
    """What is chosen goes to the client at once, and is there after the page was loaded anew."""
    async with page_of(browser, SECURE, SCRIPT) as page:
        await page.click("#open-settings")
        await page.fill("#agent", "patient")
        await page.select_option("#input-device", "m1")
        await page.check("input[name=echo][value=headphones]")
        await page.select_option("#loopback", "on")
        await page.uncheck("#local-duck")
        chosen = {"agent": "patient", "inputDevice": "m1", "echo": "headphones", "loopback": "on", "localDuck": False}
        assert chosen.items() <= (await calls(page, "set"))[-1][1].items()
        await page.click("#settings .main")
        await page.click("#theme")
        await page.reload()
        await page.wait_for_selector("html[data-turn]")
        assert chosen.items() <= (await page.evaluate("scripted.options")).items()
        assert await page.inner_text("#with") == "with patient"
        assert await page.evaluate("document.documentElement.dataset.theme") == "dark"
