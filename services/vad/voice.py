"""The vad service's units: 16 kHz samples, and the windows of 32 ms in which voice activity is judged."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE_HZ = 16_000
SAMPLES_PER_MS = SAMPLE_RATE_HZ // 1000
BYTES_PER_SAMPLE = 2

WINDOW_SAMPLES = 512
"""What one judgement of the voice activity model covers: 32 ms, fixed by the model."""


class VoiceWindow(NamedTuple):
    """How speech-like 32 ms of microphone audio were."""

    end_sample: int
    """The sample after the window's last, counted since the conversation began (16 kHz)."""
    probability: float
    """0 = surely no speech, 1 = surely speech."""


def samples_of(pcm: bytes) -> NDArray[np.int16]:
    """View s16le bytes as samples. Raises `ValueError` for half a sample."""
    if len(pcm) % BYTES_PER_SAMPLE:
        raise ValueError(f"{len(pcm)} bytes of PCM16 are not a whole number of samples")
    return np.frombuffer(pcm, dtype="<i2")
