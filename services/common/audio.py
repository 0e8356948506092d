"""Sample arithmetic: the ring counts samples, people count milliseconds."""

from __future__ import annotations

from typing import Final

MIC_HZ: Final = 16_000
"""What the speech models take: the rate of everything on the way in."""

REPLY_HZ: Final = 24_000
"""What Realtime models give: the rate of everything on the way out."""

FRAME_MS: Final = 20
SAMPLE_BYTES: Final = 2
MIC_FRAME_SAMPLES: Final = MIC_HZ * FRAME_MS // 1000
REPLY_FRAME_SAMPLES: Final = REPLY_HZ * FRAME_MS // 1000


def samples_of(ms: float, hz: int) -> int:
    """Return how many samples last `ms` milliseconds at `hz`."""
    return int(ms * hz / 1000)


def ms_of(samples: int, hz: int) -> float:
    """Return how many milliseconds `samples` last at `hz`."""
    return samples * 1000 / hz


def silence(samples: int) -> bytes:
    """Return PCM16 silence."""
    return bytes(samples * SAMPLE_BYTES)


def pcm_samples(pcm: bytes) -> int:
    """Return the number of samples in mono PCM16."""
    return len(pcm) // SAMPLE_BYTES
