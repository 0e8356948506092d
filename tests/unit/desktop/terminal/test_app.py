"""The screen, driven by keys in a terminal that is not there."""

from __future__ import annotations

import pytest
from textual.widgets import Static

from clients.desktop import events
from clients.desktop.failures import ConversationBroken, ServerRefused
from clients.desktop.options import parse
from clients.desktop.playhead import Playhead
from clients.desktop.terminal.app import ParleyApp
from clients.desktop.terminal.sheets import SoundSheet
from clients.desktop.terminal.talk_key import FIRST_REPEAT_S

from .stage import AT, Clock, StageConversation, calls, captions, plugged, scene, text, until


@pytest.mark.parametrize("size", [(80, 24), (40, 24), (30, 12)])
async def test_a_conversation_is_shown(size: tuple[int, int]) -> None:
    """Captions, whose turn it is, meters, latency and connection, in a usual terminal and in narrow ones."""
    talk = StageConversation()
    app = ParleyApp(parse([]), calls(talk))
    async with app.run_test(size=size):
        talk.feed(*scene())
        talk.head = Playhead(3, 6_000)
        await until(lambda: "Speaking" in text(app, "top") and len(captions(app)) == 6)
        assert captions(app)[1] == "Parley: It is half past ten."
        assert captions(app)[3].startswith("Parley: Once upon a time, at the foot of a mountain")
        assert captions(app)[3].endswith(" (cut off)")
        story = app.screen_stack[0].query("#captions Static").results(Static)
        assert any("strike" in str(span.style) for line in story for span in getattr(line.content, "spans", ()))
        await until(lambda: "504 ms" in text(app, "latency"))
        assert "good" in text(app, "connection")
        assert "█" in text(app, "levels")
        for part in ("levels", "latency", "connection", "keys"):
            assert all(len(row) <= max(40, size[0]) for row in text(app, part).splitlines()), part
        assert {"?", "q"} <= set(text(app, "keys").split())


async def test_keys_reach_the_conversation() -> None:
    """Mute, stop, the talk key by its toggle and by holding, typing; and what the top says of it."""
    talk, clock = StageConversation(), Clock()
    app = ParleyApp(parse([]), calls(talk), clock=clock)
    async with app.run_test() as pilot:
        await until(lambda: "floor" in text(app, "top"))
        await pilot.press("m")
        await until(lambda: "Muted" in text(app, "top"))
        await pilot.press("m", "escape", "t")
        await until(lambda: "let go" in text(app, "top"))
        await pilot.press("t", "space", "space")
        await until(lambda: talk.asked[-1] == ("push_to_talk", True))
        clock.now_s += FIRST_REPEAT_S
        await until(lambda: talk.asked[-1] == ("push_to_talk", False))
        assert "hold space" in text(app, "top")
        await pilot.press("slash", *"hi", "enter")
        await until(lambda: talk.asked[-1] == ("say", "hi"))
        await pilot.press("question_mark")
        await until(lambda: len(app.screen_stack) == 2)
        await pilot.press("escape", "l")
    pressed = [("push_to_talk", True), ("push_to_talk", False)]
    assert talk.asked == [("mute", True), ("mute", False), ("interrupt", True), *pressed, *pressed, ("say", "hi")]
    assert app.theme == "textual-light"


async def test_leaving_says_goodbye() -> None:
    """The key q hangs up; the program ends well."""
    talk = StageConversation()
    app = ParleyApp(parse([]), calls(talk))
    async with app.run_test() as pilot:
        await until(lambda: "floor" in text(app, "top"))
        await pilot.press("q")
        await until(lambda: not app.is_running)
    assert (talk.asked, app.problem) == ([("hang_up", True)], None)


async def test_a_first_call_that_is_refused_ends_the_program() -> None:
    """Its line is for the shell's screen."""
    refusal = ServerRefused("Nobody is there.")
    app = ParleyApp(parse([]), calls(StageConversation(refusal)))
    async with app.run_test():
        await until(lambda: not app.is_running)
    assert app.problem is refusal


async def test_an_end_stays_on_the_screen_and_enter_calls_again() -> None:
    """Whether it broke or was ended: the words can be read, and nothing is stuck."""
    first, second = StageConversation(), StageConversation()
    broken = ConversationBroken("It could not be taken up again.")
    app = ParleyApp(parse([]), calls(first, second))
    async with app.run_test() as pilot:
        first.feed(*scene(), broken)
        await until(lambda: "taken up" in text(app, "top"))
        assert len(captions(app)) == 6
        assert app.problem is broken
        await pilot.press("enter")
        await until(lambda: "floor" in text(app, "top"))
        second.feed(events.Closed(AT, "You said goodbye.", "goodbye"), None)
        await until(lambda: "hung up: You said goodbye." in text(app, "top"))
        assert "call again" in text(app, "keys")
        await pilot.press("q")
        await until(lambda: not app.is_running)
    assert app.problem is None


async def test_no_other_call_begins_while_one_is_left() -> None:
    """After Closed the last words are still heard, over the same sound card: enter waits for the end of them."""
    first, second = StageConversation(), StageConversation()
    app = ParleyApp(parse([]), calls(first, second))
    async with app.run_test() as pilot:
        first.feed(events.Closed(AT, "You said goodbye.", "goodbye"))
        await until(lambda: "hung up" in text(app, "top"))
        assert "call again" not in text(app, "keys")
        await pilot.press("enter")
        first.feed(*scene())
        await until(lambda: len(captions(app)) == 6)
        assert not second.is_open
        first.feed(None)
        await until(lambda: "call again" in text(app, "keys"))
        await pilot.press("enter")
        await until(lambda: second.is_open)


async def test_a_later_call_that_is_refused_stays_on_the_screen() -> None:
    """Only the first one ends the program: after a conversation there is something to be read."""
    first, third = StageConversation(), StageConversation()
    app = ParleyApp(parse([]), calls(first, StageConversation(ServerRefused("Nobody is there.")), third))
    async with app.run_test() as pilot:
        first.feed(None)
        await until(lambda: "call again" in text(app, "keys"))
        await pilot.press("enter")
        await until(lambda: "Nobody is there." in text(app, "top"))
        await pilot.press("enter")
        await until(lambda: third.is_open)
        assert app.problem is None


async def test_sound_devices_come_and_go_and_are_chosen() -> None:
    """The sheet lists what is plugged in while it is open; a choice goes to the card, a bad one is told."""
    talk = StageConversation()
    app = ParleyApp(parse([]), calls(talk))
    async with app.run_test() as pilot:
        await until(lambda: "floor" in text(app, "top"))
        await pilot.press("d")
        await until(lambda: isinstance(app.screen, SoundSheet))
        talk.device.plugged.append(plugged(9, "Headset", 1, 2))
        options = app.screen.query_one("OptionList")
        await until(lambda: options.option_count == 11)  # type: ignore[attr-defined]
        await pilot.press("home", "down", "enter")
        await until(lambda: talk.device.asked == [("input", "Headset")])
        await until(lambda: "in use by another program" in text(app, "note"))
        await pilot.press("end", "enter")
        await until(lambda: talk.device.asked[-1] == ("echo", "off"))
        await pilot.press("up", "enter", "escape")
        await until(lambda: talk.device.asked[-1] == ("echo", "server"))
        await until(lambda: "From the next call on." in text(app, "note"))
