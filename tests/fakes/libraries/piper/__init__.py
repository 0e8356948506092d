"""Stands in for piper-tts 1.8: each character is 20 ms of a tone at 22,050 Hz, times the length scale."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass
class SynthesisConfig:
    """How to speak."""

    speaker_id: int | None = None
    length_scale: float | None = None


@dataclass
class Config:
    """What the engine reads of a voice's own settings."""

    sample_rate: int = 22_050
    length_scale: float = 1.0


@dataclass
class AudioChunk:
    """Some audio."""

    audio_int16_bytes: bytes
    sample_rate: int = 22_050
    sample_width: int = 2
    sample_channels: int = 1


class PiperVoice:
    """A voice; one whose file says "broken" can't be loaded."""

    config = Config()

    @staticmethod
    def load(model_path: str | Path) -> PiperVoice:
        """Load it."""
        if Path(model_path).read_text() == "broken":
            raise ValueError("not a model")
        return PiperVoice()

    def synthesize(self, text: str, syn_config: SynthesisConfig) -> Iterable[AudioChunk]:
        """Speak."""
        if "unspeakable" in text:
            raise RuntimeError("no phonemes")
        assert syn_config.length_scale is not None
        count = round(len(text) * 441 * syn_config.length_scale)
        yield AudioChunk((9000 * np.sin(np.arange(count) * 0.1)).astype("<i2").tobytes())
