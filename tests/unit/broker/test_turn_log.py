"""The turn log: what can't be opened is told at the start, what can't be written costs nobody anything."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from services.broker import turn_log
from services.broker.turn_log import TurnLog
from services.common.errors import SettingsFault
from services.common.settings import Environment


def opened(path: object, dropped: list[None] | None = None) -> TurnLog:
    """Return the log that PARLEY_TURN_LOG names."""
    lost = [] if dropped is None else dropped
    return TurnLog(Environment({"PARLEY_TURN_LOG": str(path)}), lambda: lost.append(None))


def test_lines_are_added_in_their_order(tmp_path: Path) -> None:
    """Each is a line of JSON by itself, whatever is in it; what stood there before stays."""
    file = tmp_path / "turns.jsonl"
    file.write_text('{"before":1}\n')
    with opened(file) as log:
        for number in range(3):
            log.write({"event": "parley.turn", "number": number, "odd": "\n\ud800\u2028"})
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line.get("number") for line in lines] == [None, 0, 1, 2]
    assert lines[1]["odd"] == "\n\ud800\u2028"


def test_a_dash_is_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    """Which is not closed at the end."""
    for number in (1, 2):
        with opened("-") as log:
            log.write({"number": number})
    assert capfd.readouterr().out == '{"number":1}\n{"number":2}\n'


def test_unset_it_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And needs neither a file nor a thread."""
    monkeypatch.chdir(tmp_path)
    with opened("") as log:
        log.write({"event": "parley.turn"})
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_is_none_is_told_at_the_start(tmp_path: Path) -> None:
    """A folder, a folder that is not there, a name that is none, and a pipe that nobody reads: none is waited for."""
    os.mkfifo(tmp_path / "pipe")
    for wrong in (tmp_path, tmp_path / "nowhere" / "turns.jsonl", "turns\0", tmp_path / "pipe"):
        with pytest.raises(SettingsFault, match=r"PARLEY_TURN_LOG='.*' can't be written: .*or - for standard output"):
            opened(wrong)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no disk that is always full")
def test_a_full_disk_loses_lines_and_counts_them(caplog: pytest.LogCaptureFixture) -> None:
    """It is said once; whoever writes is told nothing, and waits for nothing."""
    dropped: list[None] = []
    with opened("/dev/full", dropped) as log:
        for _ in range(3):
            log.write({"event": "parley.turn"})
    assert len(dropped) == 3
    assert [record.message for record in caplog.records] == [
        "PARLEY_TURN_LOG='/dev/full' can't be written: No space left on device; lines are lost"
    ]


def test_a_reader_that_hangs_costs_lines_not_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The queue is full, the newest lines are dropped and counted, and stopping gives up in time."""
    monkeypatch.setattr(turn_log, "WAITING", 5)
    monkeypatch.setattr(turn_log, "CLOSING_S", 0.01)
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)  # opens it, and never reads
    dropped: list[None] = []
    big = {"filler": "x" * 100_000}  # more than a pipe holds
    with opened(tmp_path / "pipe", dropped) as log:
        for _ in range(10):
            log.write(big)
    assert 4 <= len(dropped) <= 5
    os.close(reader)
