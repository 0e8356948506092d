"""What the screen leaves behind: bug reports, and the line about a fault of its own."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from clients.desktop.bug_report import BugReport
from clients.desktop.failures import EXIT_BROKEN
from clients.desktop.options import parse
from clients.desktop.terminal.app import ParleyApp
from clients.desktop.terminal.sheets import ConsentSheet

from .stage import StageConversation, calls, captions, scene, text, until


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
