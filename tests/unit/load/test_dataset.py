"""Recorded voices: a folder with manifests becomes a voice, and one without becomes a clear error."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from tests.load.dataset import RECORDINGS, DataError, decoded, recorded_turns, recorded_voice
from tests.load.voice import FRAME_BYTES


def write_folder(folder: Path, suffix: str = "wav") -> None:
    """Write a folder with one turn of 2 s and one "stop" of half a second, each with a second of silence behind it."""
    (folder / "manifests").mkdir()
    (folder / "manifests" / "turns.csv").write_text(f"path,end_s,holds\na.{suffix},2.0,\nb.{suffix},,\n")
    rows = f"a.{suffix},hey,0.5\na.{suffix},stop,0.5\n"
    (folder / "manifests" / "overlap.csv").write_text(f"path,kind,end_s\n{rows}")
    sound = np.random.default_rng(1).integers(-3_000, 3_000, 48_000).astype("<i2")
    with wave.open(str(folder / f"a.{suffix}"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(sound.tobytes())


def test_a_folder_becomes_a_voice_with_the_ends_that_its_manifests_say(tmp_path: Path) -> None:
    """Only turns with a known end and interruptions of the right kinds are used; the tail behind the end is cut."""
    write_folder(tmp_path)
    voice = recorded_voice(tmp_path)
    assert [turn.end for turn in voice.turns] == [32_000]
    assert [stop.end for stop in voice.barge_ins] == [8_000]
    assert len(voice.turns[0].frames) == -(-(32_000 + 1_600) // 320)
    assert {len(frame) for frame in voice.turns[0].frames} == {FRAME_BYTES}


def test_turns_are_enough_for_a_talk(tmp_path: Path) -> None:
    """A folder needs no interruptions for it; one without a usable turn is refused."""
    write_folder(tmp_path)
    (tmp_path / "manifests" / "overlap.csv").unlink()
    voice = recorded_turns(tmp_path)
    assert ([turn.end for turn in voice.turns], list(voice.barge_ins)) == ([32_000], [])
    (tmp_path / "manifests" / "turns.csv").write_text("path,end_s\n")
    with pytest.raises(DataError, match="holds no turns"):
        recorded_turns(tmp_path)


def test_the_recordings_that_come_with_the_bench_are_whole() -> None:
    """Twenty turns of ten people; each ends with a tenth of a second behind its last sound, and its README is there."""
    voice = recorded_turns()
    assert len(voice.turns) == 20
    assert all(0 <= len(turn.frames) * 320 - turn.end - 1_600 < 320 for turn in voice.turns)
    assert "Apache-2.0" in (RECORDINGS / "README.md").read_text(encoding="utf-8")


def test_a_folder_without_manifests_is_refused_in_words(tmp_path: Path) -> None:
    """The error names the file that is missing."""
    with pytest.raises(DataError, match=r"turns\.csv can't be read .* wants a folder with manifests"):
        recorded_voice(tmp_path)


def test_audio_that_can_not_be_read_is_refused_in_words(tmp_path: Path) -> None:
    """A file that is not what its name says, and one of another rate, are named."""
    write_folder(tmp_path, "flac")
    with pytest.raises(DataError, match=r"a\.flac can't be read: a\.flac is no FLAC file"):
        recorded_voice(tmp_path)
    with wave.open(str(tmp_path / "slow.wav"), "wb") as file:
        file.setparams((1, 2, 8_000, 0, "NONE", ""))
        file.writeframes(bytes(160))
    with pytest.raises(DataError, match="has 8000 samples a second; 16000 are wanted"):
        decoded(tmp_path / "slow.wav")
