"""The content head's training: what is learnt from which row, scenes that are what they say, a network that learns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from services.vad.content.head import CLASSES
from services.vad.content.words import UNITS
from training.content.corpus import Clip, read
from training.content.network import Examples, answers, directions, fit, inputs
from training.content.scenes import LEAD_S, RATE_HZ, babble, level, stage

HEADER = "path,label,text,speaker,source,licence,onset_s,end_s\n"


def folder(path: Path, *rows: str) -> Path:
    """Make a folder of recordings with these rows; every clip is a tone of a second."""
    path.mkdir()
    tone = 0.2 * np.sin(2 * np.pi * 220 * np.arange(RATE_HZ) / RATE_HZ)
    for row in rows:
        soundfile.write(path / row.split(",")[0], tone, RATE_HZ)
    (path / "manifest.csv").write_text(HEADER + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_a_manifest_says_what_is_learnt(tmp_path: Path) -> None:
    """Labels become kinds, words of command their unit; unknown labels and other languages' "yes" are left out."""
    rows = (
        "a.wav,command,stop,ann,words,CC0,,",
        "b.wav,digit,seven,ben,words,CC0,,",
        "c.wav,backchannel,na'am (ar: yes),eve,words,CC BY,,",
        "d.wav,command,la (ar: no),eve,words,CC BY,,",
        "e.wav,weather,rain,,words,CC0,,",
        "f.wav,filler,Pain,joe,emogator,Apache-2.0,0.1,0.9",
        "g.wav,talk,a long story,liz,talk,CC BY,0.2,0.9",
    )
    clips = {clip.path.name: clip for clip in read(folder(tmp_path / "d", *rows), most_bursts=10)}
    assert {name: (clip.kind, clip.unit) for name, clip in clips.items()} == {
        "a.wav": ("command", "stop"),
        "b.wav": ("word", ""),
        "d.wav": ("command", "la"),
        "f.wav": ("noise", ""),
        "g.wav": ("talk", ""),
    }
    assert clips["b.wav"].weight == pytest.approx(0.2), "a word of two syllables hardly counts"
    assert len(clips["a.wav"].samples()) == RATE_HZ


def test_bursts_are_capped(tmp_path: Path) -> None:
    """However many vocal bursts a folder holds, so many are taken, and the same ones each time."""
    rows = tuple(f"{number}.wav,filler,Interest,s{number},emogator,Apache-2.0,," for number in range(8))
    made = folder(tmp_path / "d", *rows)
    once, again = read(made, most_bursts=3), read(made, most_bursts=3)
    assert [clip.path for clip in once] == [clip.path for clip in again]
    assert len(once) == 3


@pytest.mark.parametrize("seed", range(6))
def test_a_scene_keeps_its_onset_and_its_range(seed: int) -> None:
    """Before the onset there is only the room; nothing clips; the same chance gives the same scene."""
    sound = np.concatenate([np.zeros(3200), 0.3 * np.sin(2 * np.pi * 300 * np.arange(8000) / RATE_HZ)])
    scene = stage(sound, 0.2, np.random.default_rng(seed), [])
    again = stage(sound, 0.2, np.random.default_rng(seed), [])
    assert np.array_equal(scene.samples, again.samples)
    onset = int(scene.onset_s * RATE_HZ)
    assert scene.onset_s > LEAD_S
    before = level(scene.samples[onset - 3000 : onset - 200].astype(float))
    after = level(scene.samples[onset + 500 : onset + 4000].astype(float))
    assert after > before


def test_babble_is_many_voices() -> None:
    """It has the length asked for, and no silence in it."""
    chance = np.random.default_rng(0)
    voices = [chance.standard_normal(RATE_HZ) * chance.uniform(0.01, 1) for _ in range(10)]
    talking = babble(voices, chance, seconds=3.0)
    assert len(talking) == 3 * RATE_HZ
    assert np.abs(talking).reshape(-1, RATE_HZ // 10).max(axis=1).min() > 0.5


def test_the_network_learns_what_can_be_learnt() -> None:
    """Kinds that lie apart are told apart; inputs are the projected states beside the moment."""
    chance = np.random.default_rng(1)
    kinds = chance.integers(0, len(CLASSES), 4096)
    states = chance.standard_normal((4096, 10, 384)).astype(np.float32)
    states[np.arange(4096), :, kinds] += 4.0
    half = states.astype(np.float16)
    mean, projection = directions(half)
    seen = inputs(half, np.zeros((4096, 5), np.float32), mean, projection)
    assert seen.shape == (4096, 645)
    units = np.where(kinds == 0, 0, -1)
    head = fit(Examples(seen, kinds, units, np.ones(4096, np.float32)), epochs=6)
    assert head["units"].shape[1] == len(UNITS)
    assert (answers(head, seen).argmax(axis=1) == kinds).mean() > 0.9


def test_a_clip_is_synthetic_only_if_it_says_so() -> None:
    """Synthetic voices are never held out, people's are."""
    assert not Clip(Path("a.wav"), "word", "", "cat", "ann").is_synthetic
