"""Stands in for faster-whisper 1.2: "hears" how long the audio is, and tells what it was asked."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass
class Segment:
    """What the engine reads of a segment."""

    text: str


class WhisperModel:
    """`missing` is a model that can't be loaded; two seconds of audio kill the process, three are an error."""

    def __init__(self, model_size_or_path: str, device: str = "auto", compute_type: str = "default") -> None:
        if model_size_or_path == "missing":
            raise ValueError("Invalid model size 'missing'")

    def transcribe(
        self,
        audio: Any,
        language: str | None = None,
        beam_size: int = 5,
        condition_on_previous_text: bool = True,
        initial_prompt: str | None = None,
        vad_filter: bool = False,
    ) -> tuple[Iterable[Segment], None]:
        """Two segments."""
        assert audio.dtype == "float32"
        assert abs(audio).max() <= 1
        seconds = round(len(audio) / 16_000)
        if seconds == 2:
            os._exit(1)
        if seconds == 3:
            raise RuntimeError("out of memory")
        segments = (Segment(text) for text in (f" {seconds} s of {language},", f" with {initial_prompt}."))
        return segments, None
