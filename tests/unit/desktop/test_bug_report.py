"""A bug report holds what helps, and no secret."""

from __future__ import annotations

import io
import json
import wave
import zipfile
from pathlib import Path

import numpy as np
import pytest

from clients.desktop import events
from clients.desktop.bug_report import BugReport, VoiceTap
from clients.desktop.events import Moment
from clients.desktop.failures import UsageError
from clients.desktop.meters import Levels, Quality
from clients.desktop.options import parse
from clients.desktop.recording import Recording
from clients.desktop.sound import Samples, samples_of

AT = Moment(1.5, 320, 480)


def frame(level: int) -> bytes:
    """20 ms of a constant."""
    return np.full(320, level, "<i2").tobytes()


def sound(zipped: zipfile.ZipFile, name: str) -> Samples:
    """Return a WAV file's samples [n, channels]."""
    with wave.open(io.BytesIO(zipped.read(name))) as file:
        assert (file.getframerate(), file.getsampwidth()) == (16_000 if file.getnchannels() == 1 else 24_000, 2)
        return samples_of(file.readframes(file.getnframes())).reshape(-1, file.getnchannels())


def test_the_file_holds_sound_events_settings_and_versions(tmp_path: Path) -> None:
    """Each track by itself, both voices in one, and one JSON object a line."""
    report = BugReport()
    report.add(frame(1), frame(2), frame(3))
    tap = VoiceTap(keep=False)
    tap.report = report
    tap.heard(frame(300))
    tap.played(np.full(480, 7, "<i2").tobytes())
    report.feed(events.Opened(AT, "s1", "SECRET-RESUME", 200, 200, 0))
    report.feed(events.TurnReport(AT, 1, 1, (("vad.endpoint", 320.0),)))
    report.note(Levels(), Quality(trouble="no"), 2.0)
    options = parse(["--server", "wss://there", "--token", "SECRET-TOKEN", "--input", "headset"])
    report.write(tmp_path / "report.zip", options)
    with zipfile.ZipFile(tmp_path / "report.zip") as zipped:
        for track, level in (("mic", 1), ("reference", 2), ("clean", 3)):
            assert np.all(sound(zipped, f"{track}.wav") == level)
        assert sound(zipped, "conversation.wav").shape == (480 + 480, 2)
        assert np.all(sound(zipped, "conversation.wav")[480:, 1] == 7), "played a frame after it was asked for"
        assert sound(zipped, "conversation.wav")[240, 0] == pytest.approx(300, abs=30)
        lines = [json.loads(line) for line in zipped.read("events.jsonl").decode().splitlines()]
        settings = json.loads(zipped.read("settings.json"))
        assert "python" in json.loads(zipped.read("versions.json"))
        everything = b"".join(zipped.read(name) for name in zipped.namelist())
    assert [line["type"] for line in lines] == ["Opened", "TurnReport", "Figures"]
    assert lines[0]["at"] == {"monotonic_s": 1.5, "mic_offset": 320, "played_samples": 480}
    assert lines[1]["stages"] == [["vad.endpoint", 320.0]]
    assert (settings["server"], settings["input"], settings["has_token"]) == ("wss://there", "headset", True)
    assert b"SECRET" not in everything


def test_only_the_last_minutes_are_kept(tmp_path: Path) -> None:
    """The oldest sound goes, and is counted."""
    report = BugReport(longest_s=0.04)
    for level in (1, 2, 3):
        report.add(frame(level), frame(level), frame(level))
    report.write(tmp_path / "report.zip", parse([]))
    with zipfile.ZipFile(tmp_path / "report.zip") as zipped:
        assert sorted(set(sound(zipped, "mic.wav").ravel())) == [2, 3]
        assert json.loads(zipped.read("versions.json"))["dropped_frames"] == 1


def test_without_a_sound_card_both_voices_are_given(tmp_path: Path) -> None:
    """A headless conversation has no tracks."""
    recording = Recording()
    recording.played(np.full(480, 7, "<i2").tobytes())
    BugReport().write(tmp_path / "report.zip", parse([]), recording)
    with zipfile.ZipFile(tmp_path / "report.zip") as zipped:
        assert "mic.wav" not in zipped.namelist()
        assert np.all(sound(zipped, "conversation.wav")[480:, 1] == 7)


def test_a_tap_keeps_only_what_it_shall() -> None:
    """Without --record and without a report nothing is kept."""
    kept, loose = VoiceTap(keep=True), VoiceTap(keep=False)
    for tap in (kept, loose):
        tap.heard(frame(1))
        tap.played(bytes(960))
    assert (len(kept.person()), len(kept.assistant())) == (320, 480)
    assert (len(loose.person()), len(loose.assistant())) == (0, 0)


def test_a_place_that_can_not_be_written_is_one_line(tmp_path: Path) -> None:
    """The recording is not lost in a traceback's words."""
    with pytest.raises(UsageError, match=r"Cannot write .*nowhere"):
        BugReport().write(tmp_path / "nowhere" / "report.zip", parse([]))
