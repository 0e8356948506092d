"""The recordings: folders with a manifest.csv, one row per clip, and what is to be learnt from each.

A row has `path` (relative to the folder), `label`, `text`, `speaker`, optionally `onset_s` and `end_s`. Long talk is
cut where speech begins after a pause: each cut is a phrase.
"""

from __future__ import annotations

import csv
import random
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from services.vad.content.words import unit_of
from services.vad.silero import Silero, SileroModel

Floats = NDArray[np.float32]

RATE_HZ: Final = 16_000
CLASS_OF: Final = {
    "command": "command",
    "phrase": "phrase",
    "talk": "phrase",
    "word": "word",
    "digit": "word",
    "backchannel": "backchannel",
    "filler": "backchannel",
    "hum": "backchannel",
} | dict.fromkeys(["noise", "music", "cough", "laugh", "sneeze", "throat", "breath", "nonverbal"], "noise")
"""What each label of a manifest is learnt as; rows with another label are left out."""
OUTCRIES: Final = {"Pain", "Awe", "Adoration", "Surprise (Negative)", "Surprise (Positive)", "Disgust"}
"""Emotions whose vocal bursts are cries rather than listening sounds."""
_TEXTS: Final = tomllib.loads(Path(__file__).with_name("texts.toml").read_text(encoding="utf-8"))
TWO_SYLLABLES: Final = frozenset(_TEXTS["two_syllables"])
"""Words that may as well interrupt: they count for a fifth."""
PHRASES_PER_TALK: Final = 8
PHRASE_S: Final = 1.4
_TALK_S: Final = 40
_PAUSE_WINDOWS: Final = 9  # 288 ms
_PHRASE_WINDOWS: Final = 22  # of the first 28 (0.9 s) that are speech


@dataclass(frozen=True)
class Clip:
    """A recording and what it teaches."""

    path: Path
    kind: str
    """A class of the content model."""
    unit: str
    """The interrupting word, where it is one that is known."""
    text: str
    speaker: str
    weight: float = 1.0
    onset_s: float | None = None
    end_s: float | None = None

    is_synthetic: bool = False

    def samples(self) -> Floats:
        """Read it at 16 kHz, within ±1. Raises `soundfile.LibsndfileError` if it is none."""
        sound, rate_hz = soundfile.read(self.path, dtype="float32", always_2d=True)
        mono = sound[:, 0]
        return mono if rate_hz == RATE_HZ else np.asarray(soxr.resample(mono, rate_hz, RATE_HZ), dtype=np.float32)


def read(folder: Path, most_bursts: int, skip_language: str = "(ar:") -> list[Clip]:
    """Return what a folder's manifest holds; of vocal bursts (prompted emotions) at most so many, chosen evenly.

    Of words in Arabic only the interrupting ones and phrases are taken: its "yes" sounds like an English "no".
    """
    with (folder / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    bursts = [row for row in rows if row.get("source") == "emogator"]
    random.Random(3).shuffle(bursts)
    kept = [row for row in rows if row.get("source") != "emogator"] + bursts[:most_bursts]
    return [clip for row in kept if (clip := _clip(folder, row, skip_language)) is not None]


def _clip(folder: Path, row: dict[str, str], skip_language: str) -> Clip | None:
    label, text = row["label"], row["text"]
    if label == "filler" and text in OUTCRIES:
        label = "nonverbal"
    if label not in CLASS_OF or (skip_language in text and label not in ("command", "phrase")):
        return None
    kind = CLASS_OF[label]
    timed = kind in ("phrase", "backchannel", "word", "command") and row.get("onset_s") and row.get("end_s")
    return Clip(
        folder / row["path"],
        "talk" if label == "talk" else kind,
        unit_of(text) if kind == "command" else "",
        text,
        row.get("speaker") or row["path"],
        0.2 if text in TWO_SYLLABLES else 1.0,
        float(row["onset_s"]) if timed else None,
        float(row["end_s"]) if timed else None,
    )


def cut_talk(clips: list[Clip], model: SileroModel) -> Iterator[Clip]:
    """Replace long talk by phrases out of it; pass everything else on."""
    chance = random.Random(5)
    for clip in clips:
        if clip.kind != "talk":
            yield clip
            continue
        onsets = list(_onsets(clip, model))
        chance.shuffle(onsets)
        for onset_s in sorted(onsets[:PHRASES_PER_TALK]):
            yield replace(clip, kind="phrase", onset_s=onset_s, end_s=onset_s + PHRASE_S)


def _onsets(clip: Clip, model: SileroModel) -> Iterator[float]:
    sound = clip.samples()[: _TALK_S * RATE_HZ]
    loudness = float(np.sqrt(np.square(sound).mean())) + 1e-6
    sound = np.clip(sound * min(max(0.05 / loudness, 1.0), 30.0), -1, 1)  # far-off talk is brought near
    voice = [window.probability for window in Silero(model).feed((sound * 32767).astype("<i2").tobytes())]
    silence = _PAUSE_WINDOWS
    for number, probability in enumerate(voice):
        if probability >= 0.5:
            goes_on = sum(later >= 0.35 for later in voice[number : number + 28]) >= _PHRASE_WINDOWS
            if silence >= _PAUSE_WINDOWS and number > 3 and goes_on:
                yield number * 0.032
            silence = 0
        elif probability < 0.35:
            silence += 1
