"""The client's two sample clocks, 16 kHz from the microphone and 24 kHz to the speaker, and PCM16 in numpy's terms."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MIC_HZ = 16_000
SPEAKER_HZ = 24_000
FRAME_MS = 20
MIC_FRAME_SAMPLES = MIC_HZ * FRAME_MS // 1000
"""320 samples, 640 bytes."""
SPEAKER_FRAME_SAMPLES = SPEAKER_HZ * FRAME_MS // 1000
"""480 samples, 960 bytes."""
SAMPLE_BYTES = 2

Samples = NDArray[np.int16]


def samples_of(pcm: bytes) -> Samples:
    """Return PCM16LE bytes as samples; half a sample at the end is dropped."""
    return np.frombuffer(pcm[: len(pcm) // SAMPLE_BYTES * SAMPLE_BYTES], dtype="<i2").astype(np.int16, copy=False)


def pcm_of(samples: Samples) -> bytes:
    """Return samples as PCM16LE bytes."""
    return samples.astype("<i2", copy=False).tobytes()


def speaker_samples(ms: float) -> int:
    """Return how many 24 kHz samples last that many milliseconds."""
    return round(ms * SPEAKER_HZ / 1000)


def speaker_ms(samples: int) -> int:
    """Return how many whole milliseconds that many 24 kHz samples last."""
    return samples * 1000 // SPEAKER_HZ


def mic_from_speaker(samples: int) -> int:
    """Return the 16 kHz samples that last as long as these 24 kHz ones, rounded down."""
    return samples * MIC_HZ // SPEAKER_HZ


def speaker_from_mic(samples: int) -> int:
    """Return the 24 kHz samples that last as long as these 16 kHz ones, rounded down."""
    return samples * SPEAKER_HZ // MIC_HZ
