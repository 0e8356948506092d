"""Synthetic voices (espeak-ng): words of command in every language, listening sounds, single words, phrases.

Recordings of people are few for most words; a synthetic voice says anything in any voice. It is clearer and flatter
than people are, so it fills gaps and proves nothing: claims come from people.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import soundfile

from services.vad.content.words import LANGUAGES, unit_of
from training.content.corpus import Clip

_CHILD: Final = Path(__file__).with_name("espeak_batch.py")
_VOICE_OF: Final = {"pt": "pt", "zh": "cmn"}
_OFTEN: Final = {"stop", "wait", "no", "hey"}

_SAID: Final = tomllib.loads(Path(__file__).with_name("texts.toml").read_text(encoding="utf-8"))
_TIMES: Final = {"backchannel": 30, "word": 8, "phrase": 14}
"""How many voices say each text of the file."""


def speak(folder: Path, times: int = 1, seed: int = 1) -> list[Clip]:
    """Speak the whole list, each text in many voices, `times` over; return the clips. Takes a minute or two."""
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(seed)
    clips, lines = [], []
    for number, (kind, text, languages) in enumerate(_texts(times)):
        path = folder / f"{number:05d}.wav"
        voice = f"{chance.choice(languages)}+{chance.choice(_SAID['variants'])}"
        lines.append(json.dumps([str(path), voice, chance.randint(115, 235), chance.randint(15, 90), text]))
        clips.append(Clip(path, kind, unit_of(text) if kind == "command" else "", text, voice, is_synthetic=True))
    subprocess.run([sys.executable, str(_CHILD)], input="\n".join(lines), text=True, check=True)
    return [clip for clip in clips if clip.path.exists() and _trim(clip.path)]


def _texts(times: int) -> Iterator[tuple[str, str, list[str]]]:
    for language, units in LANGUAGES.items():
        voices = _SAID["english_voices"] if language == "en" else [_VOICE_OF.get(language, language)]
        for unit, spoken in units.items():
            count = (60 if unit in _OFTEN else 24) if language == "en" else 20
            for text in spoken:
                yield from [("command", text, voices)] * count * times
    for kind, texts in _SAID["say"].items():
        for text in texts:
            yield from [(kind, text, _SAID["english_voices"])] * _TIMES[kind] * times


def _trim(path: Path) -> bool:
    """Cut the silence before and after; say whether anything is left."""
    sound, rate_hz = soundfile.read(path)
    audible = np.flatnonzero(np.abs(sound) > 0.004)
    if len(audible) < rate_hz // 20:
        return False
    soundfile.write(path, sound[audible[0] : audible[-1] + 1], rate_hz, subtype="PCM_16")
    return True
