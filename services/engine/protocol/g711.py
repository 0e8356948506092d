"""G.711, the telephone's audio: a byte for each sample at 8 kHz, in two laws (ITU-T G.711).

Both laws say which sample each of 256 bytes stands for; a sample is encoded as the byte that stands nearest to it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

_BYTES: Final = np.arange(256, dtype=np.int32)


def _mu_law() -> NDArray[np.int16]:
    code = ~_BYTES & 0xFF
    magnitude = ((((code & 0x0F) << 3) + 0x84) << ((code & 0x70) >> 4)) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _a_law() -> NDArray[np.int16]:
    code = _BYTES ^ 0x55
    segment = (code & 0x70) >> 4
    step = ((code & 0x0F) << 4) + 8
    magnitude = np.where(segment == 0, step, (step + 0x100) << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


class Law:
    """One of the laws, as two tables."""

    def __init__(self, samples: NDArray[np.int16]) -> None:
        """`samples` are what the bytes from 0 to 255 stand for."""
        self._samples = samples
        order = np.argsort(
            samples, kind="stable"
        )  # of the two zeros of the µ-law the last byte, 0xFF, is the usual one
        middles = (samples[order][1:].astype(np.float32) + samples[order][:-1]) / 2
        every = np.arange(-32_768, 32_768)
        self._bytes = order[np.searchsorted(middles, every, side="right")].astype(np.uint8)

    def decode(self, code: bytes) -> bytes:
        """PCM16LE of as many samples as there are bytes."""
        return self._samples[np.frombuffer(code, np.uint8)].astype("<i2").tobytes()

    def encode(self, pcm: bytes) -> bytes:
        """A byte for each sample of PCM16LE."""
        return self._bytes[np.frombuffer(pcm, "<i2").astype(np.int32) + 32_768].tobytes()


MU_LAW: Final = Law(_mu_law())
A_LAW: Final = Law(_a_law())
