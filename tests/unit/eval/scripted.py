"""Scripted: an ear whose models are arithmetic, and clips that are tones: what tests of the evaluation listen with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from services.common.audio import MIC_HZ
from services.vad.content.head import Moment
from services.vad.content.listener import Opinion
from services.vad.events import Judge, TurnTakingSettings
from services.vad.turn_taking import TurnTaking
from services.vad.voice import WINDOW_SAMPLES, VoiceWindow, samples_of
from tests.eval.audio import Sound
from tests.eval.listener import Models

LOUD = 0.02
"""RMS from which a window counts as speech."""


class LoudVoice:
    """Voice activity that takes loudness for speech."""

    def __init__(self) -> None:
        self._pcm = b""
        self._heard = 0

    def feed(self, pcm: bytes) -> list[VoiceWindow]:
        """Take PCM16; return the windows completed by it."""
        self._pcm += pcm
        found = []
        while len(self._pcm) >= 2 * WINDOW_SAMPLES:
            window, self._pcm = self._pcm[: 2 * WINDOW_SAMPLES], self._pcm[2 * WINDOW_SAMPLES :]
            self._heard += WINDOW_SAMPLES
            rms = float(np.sqrt(np.square(samples_of(window) / 32768).mean()))
            found.append(VoiceWindow(self._heard, min(rms / LOUD / 2, 1.0)))
        return found


class SureModel:
    """An end-of-turn model that always says the same."""

    def __init__(self, complete: float) -> None:
        self.complete = complete
        self.asked = 0

    def probability(self, pcm: bytes) -> float:
        """Answer."""
        del pcm
        self.asked += 1
        return self.complete


class NoContent:
    """Hears nothing in anything."""

    def hear(self, samples: NDArray[np.int16], moment: Moment) -> Opinion:
        """Return no opinion worth the name."""
        del samples, moment
        return Opinion("", 0.0, 0.0, 0.0, 1.0)


class ScriptedModels(Models):
    """Models without weights."""

    def __init__(self, complete: float = 0.9) -> None:
        self.smart_turn = self.published = SureModel(complete)  # type: ignore[assignment]

    def voice(self) -> LoudVoice:  # type: ignore[override]
        """Return voice activity."""
        return LoudVoice()

    def core(self, voice: Any, settings: TurnTakingSettings | None) -> TurnTaking:
        """Return a decision core."""
        return TurnTaking("test", 1, voice, NoContent(), settings)

    def complete(self, question: Judge) -> float | None:
        """Answer a Judge."""
        return self.smart_turn.probability(question.pcm)


def tones(*parts: tuple[float, float]) -> Sound:
    """Return (seconds, level) after one another: tones that wander like a voice, or the quiet."""
    sounds = []
    for seconds, level in parts:
        at_s = np.arange(round(seconds * MIC_HZ)) / MIC_HZ
        sounds.append(level * np.sin(2 * np.pi * (180 * at_s + 6 * np.sin(2 * np.pi * 3 * at_s))))
    return np.concatenate(sounds)


def save(root: Path, name: str, sound: Sound, rate_hz: int = MIC_HZ) -> str:
    """Write a clip; return its path inside the folder."""
    (root / "audio").mkdir(parents=True, exist_ok=True)
    soundfile.write(str(root / "audio" / name), sound, rate_hz, subtype="PCM_16")
    return f"audio/{name}"


def manifest(root: Path, name: str, *lines: str) -> None:
    """Write a manifest."""
    (root / "manifests").mkdir(parents=True, exist_ok=True)
    (root / "manifests" / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
