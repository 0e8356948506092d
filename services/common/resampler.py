"""Resampler: from one rate to another in a stream, true to the sample and at most 3.1 ms late.

soxr's streaming filters hold back 20 to 61 ms of the rates used here, because they work in blocks; a telephone would
hear every answer so much later. This one needs only half its filter of the future: a Kaiser-windowed sinc that passes
85 % of the lower rate's band (3.4 kHz of a telephone's 4, 6.8 kHz of 16 kHz audio) and is 60 dB down at its end.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

PASSED: Final = 0.85
"""Share of the band below half the lower rate that passes untouched."""

ATTENUATION_DB: Final = 60.0
"""What is left of a tone that would be folded back or mirrored: below the noise of a telephone or a room."""

_BLOCK: Final = 16
"""Outputs computed by one product at least: fewer cost more calls, more cost more multiplications by zero."""

_SCRATCH_BLOCKS: Final = 1024

Floats = NDArray[np.float32]


class Resampler:
    """Converts one stream of PCM16: output sample n stands exactly where input sample n * from_hz / to_hz stood.

    `start` is the position of the first sample fed, where a stream begins in its middle.
    """

    def __init__(self, from_hz: int, to_hz: int, start: int = 0) -> None:
        self._filter = _designed(from_hz, to_hz)
        self._end = start
        self.position = -(-start * self._filter.up // self._filter.down)
        """Position of the next sample it gives, at `to_hz`."""
        self._tail = np.zeros(start - self._window_start(self._block()), np.float32)

    @property
    def hold_back(self) -> int:
        """Samples at `from_hz` that it must have seen beyond the one it gives."""
        return self._filter.half

    def feed(self, pcm: bytes) -> bytes:
        """Take samples; return those that can be known by now."""
        self._take(np.frombuffer(pcm, "<i2").astype(np.float32))
        return self._give(-(-(self._end - self._filter.half) * self._filter.up // self._filter.down))

    def finish(self) -> bytes:
        """Return what was held back: the stream has ended, and silence follows it."""
        until = self._end * self._filter.up // self._filter.down
        self._take(np.zeros(self._filter.half, np.float32))
        return self._give(until)

    def _take(self, samples: Floats) -> None:
        self._tail = np.concatenate((self._tail, samples))
        self._end += len(samples)

    def _give(self, until: int) -> bytes:
        """Compute whole blocks from the one that was begun on, and return those of their samples that are due."""
        pieces = []
        while self.position < until:
            first = self._block()
            stop = min(until, (first + _SCRATCH_BLOCKS) * self._filter.block)
            skip = first * self._filter.block
            wave = self._blocks(-(-stop // self._filter.block) - first)[self.position - skip : stop - skip]
            pieces.append(np.clip(np.rint(wave), -32_768, 32_767).astype("<i2").tobytes())
            self.position = stop
            self._tail = self._tail[(self._block() - first) * self._filter.advance :]
        return b"".join(pieces)

    def _blocks(self, count: int) -> Floats:
        """Return `count` blocks of outputs; what has not come yet is silence, and spoils only what is not due."""
        matrix, advance = self._filter.matrix, self._filter.advance
        needed = (count - 1) * advance + len(matrix)
        samples = self._tail
        if len(samples) < needed:
            samples = np.concatenate((samples, np.zeros(needed - len(samples), np.float32)))
        stride = samples.strides[0]
        windows = np.lib.stride_tricks.as_strided(samples, (count, len(matrix)), (advance * stride, stride))
        # einsum, not matmul: a BLAS would wake its threads for a product that takes 20 µs.
        wave: Floats = np.einsum("ij,jk->ik", windows, matrix).ravel()
        return wave

    def _block(self) -> int:
        return self.position // self._filter.block

    def _window_start(self, block: int) -> int:
        return block * self._filter.advance - self._filter.half + 1


@dataclass(frozen=True, slots=True)
class _Filter:
    """`matrix` [advance + 2 * half, block]: a window of inputs times it is a block of outputs, each at its phase."""

    up: int
    down: int
    half: int
    block: int
    advance: int
    matrix: Floats


@lru_cache(maxsize=16)
def _designed(from_hz: int, to_hz: int) -> _Filter:
    """Design a Kaiser-windowed sinc (Oppenheim & Schafer, Discrete-Time Signal Processing, 7.6)."""
    common = math.gcd(from_hz, to_hz)
    up, down = to_hz // common, from_hz // common
    edge = min(from_hz, to_hz) / 2
    length = (ATTENUATION_DB - 7.95) / (14.36 * (1 - PASSED) * edge)  # seconds
    half = math.ceil(length * from_hz / 2)
    block = up * max(1, _BLOCK // up)
    advance = block * down // up
    matrix = np.zeros((advance + 2 * half, block))
    for column in range(block):
        at, phase = divmod(column * down, up)
        matrix[at : at + 2 * half, column] = _taps(half, phase / up, (1 + PASSED) * edge / from_hz)
    return _Filter(up, down, half, block, advance, matrix.astype(np.float32))


def _taps(half: int, phase: float, cutoff: float) -> NDArray[np.float64]:
    """Return the taps for an output `phase` of a sample after an input; `cutoff` in units of half the input's rate."""
    at = np.arange(-half + 1, half + 1) - phase
    beta = 0.1102 * (ATTENUATION_DB - 8.7)
    window = np.i0(beta * np.sqrt(np.clip(1 - (at / half) ** 2, 0, None)))
    taps: NDArray[np.float64] = np.sinc(cutoff * at) * window
    taps /= taps.sum()
    return taps
