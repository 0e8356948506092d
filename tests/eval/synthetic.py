"""Synthetic: a small data set of synthesised speech, the same each time. It shows that everything works, no more."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile

from services.common.audio import MIC_HZ
from tests.eval.audio import Sound, generator, pink
from tests.fakes.speech import cough, hum, say

_VOICES: Final = ("en-us", "en-us+f3", "en-us+m3", "en-us+f2", "en-us+m1", "en-us+f4")
_WORDS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "stop": ("yield", ("stop",)),
    "hey": ("yield", ("hey computer",)),
    "phrase": ("yield", ("no, I meant the other one", "wait a moment, please", "that is not what I asked for")),
    "backchannel": ("ignore", ("yeah", "okay", "right")),
}
_TURNS: Final = (
    ("I would like a large coffee", "with a little milk, please."),
    ("Could you tell me", "when the next train leaves?"),
    ("Turn off the light in the kitchen.",),
    ("Well, I think that", "we should go to the", "sea tomorrow."),
)
_HOLD_S: Final = (0.35, 0.8)
_ROOM: Final = 0.0004
"""RMS of the room: -68 dBFS."""


def build(root: Path) -> Path:
    """Write the data set into a folder and return it. Raises OSError."""
    (root / "manifests").mkdir(parents=True)
    (root / "audio").mkdir()
    _manifest(root, "overlap", [*_spoken(root), *_unspoken(root)])
    _manifest(root, "turns", _turns(root))
    _manifest(root, "vad", _segments(root))
    _manifest(root, "noise", _noises(root))
    return root


def _spoken(root: Path) -> list[dict[str, Any]]:
    rows = []
    for kind, (expect, texts) in _WORDS.items():
        for number, (voice, text) in enumerate(zip(_VOICES, cycle(texts), strict=False)):
            rows.append(_clip(root, f"{kind}-{number}", kind, expect, _sound(say(text, voice)), voice))
    return rows


def _unspoken(root: Path) -> list[dict[str, Any]]:
    """Return what is no word: hums, coughs, noises."""
    random = generator(0, "noises")
    rows = [_clip(root, f"hum-{n}", "backchannel", "ignore", _sound(hum(v)), v) for n, v in enumerate(_VOICES[:2])]
    for seed in range(3):
        rows.append(_clip(root, f"cough-{seed}", "cough", "ignore", _sound(cough(seed)), f"cough-{seed}"))
    for number, level in enumerate((0.02, 0.1, 0.3)):
        rows.append(
            _clip(root, f"noise-{number}", "noise", "ignore", level * pink(3 * MIC_HZ, random), f"noise-{number}")
        )
    return rows


def _clip(root: Path, name: str, kind: str, expect: str, sound: Sound, speaker: str) -> dict[str, Any]:
    path = _write(root, name, [_quiet(0.3), sound, _quiet(0.3)])
    end_s = 0.3 + len(sound) / MIC_HZ
    about = {"speaker": speaker, "source": "synthetic", "licence": "CC0-1.0", "text": name}
    return {"path": path, "kind": kind, "expect": expect, "onset_s": 0.3, "end_s": f"{end_s:.3f}", **about}


def _turns(root: Path) -> list[dict[str, Any]]:
    rows = []
    pauses = cycle(_HOLD_S)
    for number, voice in enumerate(_VOICES):
        parts, holds, at_s = [_quiet(0.2)], [], 0.2
        for text in _TURNS[number % len(_TURNS)]:
            if at_s > 0.2:
                pause_s = next(pauses)
                parts.append(_quiet(pause_s))
                holds.append(f"{at_s:.3f}-{at_s + pause_s:.3f}")
                at_s += pause_s
            parts.append(_sound(say(text, voice)))
            at_s += len(parts[-1]) / MIC_HZ
        path = _write(root, f"turn-{number}", parts)
        about = {"speaker": voice, "source": "synthetic", "licence": "CC0-1.0", "text": ""}
        rows.append({"path": path, "end_s": f"{at_s:.3f}", "holds": ";".join(holds), **about})
    return rows


def _segments(root: Path) -> list[dict[str, Any]]:
    rows = []
    for number, voice in enumerate(_VOICES[:2]):
        parts, spans, at_s = [_quiet(1.0)], [], 1.0
        for text in _TURNS[number]:
            sound = _sound(say(text, voice))
            spans.append(f"{at_s:.3f}-{at_s + len(sound) / MIC_HZ:.3f}")
            parts += [sound, _quiet(1.0)]
            at_s += len(sound) / MIC_HZ + 1.0
        path = _write(root, f"vad-{number}", parts)
        rows.append({"path": path, "segments": ";".join(spans), "source": "synthetic", "licence": "CC0-1.0"})
    return rows


def _noises(root: Path) -> list[dict[str, Any]]:
    random = generator(0, "noises to mix in")
    samples = np.arange(int(0.3 * MIC_HZ))
    room = np.where(
        samples == 0, 0.9, 0.1 * random.standard_normal(len(samples)) * 10.0 ** (-3.0 * samples / (0.2 * MIC_HZ))
    )
    at_s = np.arange(5 * MIC_HZ) / MIC_HZ
    mains = np.sum([0.1 / k * np.sin(2 * np.pi * 50 * k * at_s) for k in (1, 3, 5)], axis=0)
    rows = []
    for kind, name, sound in (
        ("noise", "pink", pink(5 * MIC_HZ, random)),
        ("noise", "mains", mains),
        ("rir", "room", room),
    ):
        path = _write(root, name, [np.asarray(sound)])
        rows.append(
            {"path": path, "kind": kind, "seconds": len(sound) / MIC_HZ, "source": "synthetic", "licence": "CC0-1.0"}
        )
    return rows


def _sound(pcm: bytes) -> Sound:
    return np.frombuffer(pcm, "<i2").astype(np.float64) / 32768


def _quiet(seconds: float) -> Sound:
    return np.zeros(round(seconds * MIC_HZ))


def _write(root: Path, name: str, parts: Sequence[Sound]) -> str:
    sound = np.concatenate(parts)
    sound = sound + _ROOM * generator(0, name).standard_normal(len(sound))
    soundfile.write(str(root / "audio" / f"{name}.wav"), np.clip(sound, -1, 1), MIC_HZ, subtype="PCM_16")
    return f"audio/{name}.wav"


def _manifest(root: Path, name: str, rows: Sequence[dict[str, Any]]) -> None:
    with (root / "manifests" / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
