"""G.711, the telephone's code: 8 bits a sample, µ-law or A-law, each way by a table (ITU-T G.711, 11/1988)."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

_MULAW_BIAS: Final = 33
_MULAW_CLIP: Final = 8158
"""The largest magnitude of µ-law's 14 bits."""

_ALAW_INVERTED: Final = 0x55
"""A-law sends its even bits inverted, so that silence keeps a line's clock running."""


class Law:
    """One of the two laws. Decoding what was encoded gives the nearest of 256 levels; there is no delay."""

    def __init__(self, decoded: NDArray[np.int64], encoded: NDArray[np.int64]) -> None:
        self._decoded = decoded.astype("<i2")
        self._encoded = encoded.astype(np.uint8)

    def decode(self, coded: bytes) -> bytes:
        """Return PCM16, a sample for each byte."""
        return bytes(self._decoded[np.frombuffer(coded, np.uint8)].tobytes())

    def encode(self, pcm: bytes) -> bytes:
        """Return a byte for each sample of PCM16."""
        return bytes(self._encoded[np.frombuffer(pcm, "<u2")].tobytes())


def _mulaw() -> Law:
    code = ~np.arange(256) & 0xFF  # sent inverted
    level = (((code & 0xF) << 1) + _MULAW_BIAS << (code >> 4 & 7)) - _MULAW_BIAS
    value = _every_sample() >> 2
    biased = np.minimum(np.abs(value), _MULAW_CLIP) + _MULAW_BIAS
    segment = _bits(biased >> 6)
    return Law(
        np.where(code & 0x80, -level, level) << 2,
        ~(np.where(value < 0, 0x80, 0) | segment << 4 | biased >> segment + 1 & 0xF),
    )


def _alaw() -> Law:
    code = np.arange(256) ^ _ALAW_INVERTED
    segment = code >> 4 & 7
    level = np.where(segment, ((code & 0xF) << 1) + 33 << np.maximum(segment - 1, 0), ((code & 0xF) << 1) + 1)
    value = _every_sample() >> 3
    size = np.where(value < 0, ~value, value)
    steep = _bits(size >> 5)
    return Law(
        np.where(code & 0x80, level, -level) << 3,
        (np.where(value < 0, 0, 0x80) | steep << 4 | size >> np.maximum(steep, 1) & 0xF) ^ _ALAW_INVERTED,
    )


def _every_sample() -> NDArray[np.int64]:
    """Return the value of each 16-bit pattern, in the order of the patterns."""
    return np.arange(1 << 16, dtype=np.uint16).view(np.int16).astype(np.int64)


def _bits(number: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many bits each number needs; here that is its segment of the law."""
    return np.frexp(number)[1].astype(np.int64)


MULAW: Final = _mulaw()
ALAW: Final = _alaw()
