"""Retention: the microphone's audio that vad has not acknowledged, kept for whoever takes over."""

from __future__ import annotations

from collections import deque
from typing import Final

from parley.v1 import audio_pb2 as audio
from services.common.audio import MIC_HZ, pcm_samples

MAX_RETAINED_S: Final = 70
"""A turn of 60 s with its pre-roll, and some. 2.2 MB."""


class Retention:
    """Keeps frames from the last acknowledged sample on. Policy when full: the oldest go, and are counted."""

    def __init__(self) -> None:
        self._frames: deque[audio.AudioFrame] = deque()
        self._samples = 0
        self.dropped_samples = 0

    def __len__(self) -> int:
        return self._samples

    def keep(self, frame: audio.AudioFrame) -> None:
        """Keep a frame until it is acknowledged."""
        self._frames.append(frame)
        self._samples += pcm_samples(frame.pcm)
        while self._samples > MAX_RETAINED_S * MIC_HZ:
            self.dropped_samples += self._pop()

    def heard(self, mic_offset: int) -> None:
        """Let go of every frame that ends at or before `mic_offset`."""
        while self._frames and self._end(self._frames[0]) <= mic_offset:
            self._pop()

    def replay(self) -> list[audio.AudioFrame]:
        """Return what is kept, oldest first."""
        return list(self._frames)

    def _pop(self) -> int:
        samples = pcm_samples(self._frames.popleft().pcm)
        self._samples -= samples
        return samples

    @staticmethod
    def _end(frame: audio.AudioFrame) -> int:
        return frame.mic_offset + pcm_samples(frame.pcm)
