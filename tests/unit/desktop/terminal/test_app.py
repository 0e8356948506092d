"""The screen, driven by keys in a terminal that is not there."""

from __future__ import annotations

import asyncio
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from clients.desktop import events
from clients.desktop.bug_report import BugReport
from clients.desktop.failures import EXIT_BROKEN, ConversationBroken, ServerRefused
from clients.desktop.options import parse
from clients.desktop.playhead import Playhead
from clients.desktop.terminal.app import ParleyApp
from clients.desktop.terminal.sheets import ConsentSheet, SoundSheet
from clients.desktop.terminal.talk_key import FIRST_REPEAT_S

from .stage import AT, Plugged, StageConversation, calls, scene


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now_s = 50.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now_s


def text(app: ParleyApp, id_: str) -> str:
    """Return what a part of the screen says."""
    return str(app.screen_stack[0].query_one(f"#{id_}", Static).content)


def captions(app: ParleyApp) -> list[str]:
    """Return the lines of captions."""
    return [str(line.content) for line in app.screen_stack[0].query("#captions Static").results(Static) if line.display]


async def until(so: Callable[[], bool]) -> None:
    """Wait until something is so, for long on a busy machine."""
    async with asyncio.timeout(30):
        while not so():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


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
        talk.device.plugged.append(Plugged(9, "Headset", 1, 2))
        options = app.screen.query_one("OptionList")
        await until(lambda: options.option_count == 11)  # type: ignore[attr-defined]
        await pilot.press("home", "down", "enter")
        await until(lambda: talk.device.asked == [("input", "Headset")])
        await pilot.press("end", "enter", "escape")
        await until(lambda: talk.device.asked[-1] == ("echo", "off"))
        await until(lambda: "in use by another program" in text(app, "note"))


async def test_a_bug_report_is_recorded_only_when_agreed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any key but y is a no; the screen says that it records; r again writes the file, without the secret."""
    monkeypatch.chdir(tmp_path)
    talk = StageConversation()
    app = ParleyApp(parse(["--token", "SECRET"]), calls(talk))
    async with app.run_test() as pilot:
        await until(lambda: "floor" in text(app, "top"))
        for refusal in ("escape", "n"):
            await pilot.press("r")
            await until(lambda: isinstance(app.screen, ConsentSheet))
            await pilot.press(refusal)
            await until(lambda: len(app.screen_stack) == 1)
            assert talk.device.tracks is None
        await pilot.press("r", "y")
        await until(lambda: "recording" in text(app, "top"))
        talk.device.tracks.add(bytes(640), bytes(640), bytes(640))
        talk.feed(*scene())
        await until(lambda: len(captions(app)) == 6)
        await pilot.press("r")
        await until(lambda: "Nobody has it but you" in text(app, "note"))
        assert talk.device.tracks is None
    [path] = app.reporter.written
    with zipfile.ZipFile(path) as zipped:
        assert {"mic.wav", "events.jsonl"} <= set(zipped.namelist())
        assert all(b"SECRET" not in zipped.read(name) for name in zipped.namelist())


async def test_nothing_is_added_to_a_report_that_is_being_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is written in a thread, from what was there when it was stopped; and leaving waits for it."""
    talk, path, heard_by = StageConversation(), tmp_path / "mine.zip", list[object]()
    app = ParleyApp(parse(["--bug-report", str(path)]), calls(talk))
    write = BugReport.write

    def slow(report: BugReport, *where: Any) -> None:
        heard_by.append(talk.device.tracks)
        write(report, *where)

    monkeypatch.setattr(BugReport, "write", slow)
    async with app.run_test() as pilot:
        await until(lambda: "recording" in text(app, "top"))
        assert talk.device.tracks is not None
        await pilot.press("r", "q")
        await until(lambda: not app.is_running)
    assert heard_by == [None]
    assert app.reporter.written == [path]


async def test_what_the_command_line_asked_for_is_written_at_the_end(tmp_path: Path) -> None:
    """--bug-report records from the beginning, and says so all the time."""
    talk, path = StageConversation(), tmp_path / "mine.zip"
    app = ParleyApp(parse(["--bug-report", str(path)]), calls(talk))
    async with app.run_test() as pilot:
        await until(lambda: "recording" in text(app, "top"))
        await pilot.press("q")
        await until(lambda: not app.is_running)
    assert app.reporter.written == [path]
    assert zipfile.is_zipfile(path)


@pytest.mark.parametrize("where", ["call", "drawing", "key"])
async def test_a_fault_of_the_program_is_one_line_and_a_code(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Textual tells of it only on stderr, which libraries have to be kept from: the person would see nothing at all."""
    talk = StageConversation()

    def broken(*_: Any, **__: Any) -> Any:
        raise LookupError("no\nsuch thing")

    app = ParleyApp(parse([]), broken if where == "call" else calls(talk))
    if where == "drawing":
        monkeypatch.setattr("clients.desktop.terminal.app.draw", broken)
    if where == "key":
        monkeypatch.setattr(app, "action_mute", broken)

    async def press(pilot: Pilot[object]) -> None:
        await pilot.press("m")

    await app.run_async(headless=True, auto_pilot=press if where == "key" else None)
    assert app.problem is not None
    assert app.problem.exit_code == EXIT_BROKEN
    assert str(app.problem).startswith("This program has a fault, and had to end")
    assert ("LookupError: no such thing" in str(app.problem)) == (where != "key")
    assert "\n" not in str(app.problem)
