"""How long after its reference the echo is heard, found in the sound itself: the meter, and the clocks' judge.

Generalised cross-correlation with phase transform (Knapp & Carter 1976), averaged over windows of half a second.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from ..sound import MIC_HZ, Samples

WINDOW: Final = MIC_HZ // 2
EARLIEST: Final = -MIC_HZ // 8
LATEST: Final = MIC_HZ * 3 // 8
"""Looked for from 125 ms before the reference to 375 ms after it."""
KEPT: Final = 0.7
CLEAR: Final = 8.0
"""Height of the peak over the mean of all lags below which nothing was found."""
AGREE: Final = 3
WITHIN: Final = MIC_HZ * 3 // 1000
AUDIBLE: Final = 150.0
"""Level (rms) of a reference worth looking for."""
_SIZE: Final = 16_384
_FIRST: Final = 200 * _SIZE // MIC_HZ
_LAST: Final = 3_400 * _SIZE // MIC_HZ
_TAPER: Final = np.hanning(WINDOW)


class DelayFinder:
    """Feed it the microphone and the reference side by side; it looks twice a second."""

    def __init__(self) -> None:
        self._near: list[Samples] = []
        self._far: list[Samples] = []
        self._count = 0
        self._average = np.zeros(_LAST - _FIRST, np.complex128)
        self._last = 0
        self._agreed = 0

    def restart(self) -> None:
        """Forget what was found: the reference has been moved."""
        self.__init__()  # type: ignore[misc]

    def feed(self, near: Samples, far: Samples) -> int | None:
        """Take [n] of both; return by how many samples the echo is later, when that has just become clear."""
        self._near.append(near)
        self._far.append(far)
        self._count += len(near)
        if self._count < WINDOW:
            return None
        heard, played = np.concatenate(self._near)[:WINDOW], np.concatenate(self._far)[:WINDOW]
        self._near, self._far, self._count = [], [], 0
        if float(np.sqrt(np.mean(played.astype(np.float64) ** 2))) < AUDIBLE:
            return None
        lag, clarity = self._analysed(heard, played)
        agrees = self._agreed and abs(lag - self._last) <= WITHIN
        self._agreed = (self._agreed + 1 if agrees else 1) if clarity > CLEAR else 0
        self._last = lag
        return lag if self._agreed >= AGREE else None

    def _analysed(self, heard: Samples, played: Samples) -> tuple[int, float]:
        near = np.fft.rfft(heard * _TAPER, _SIZE)[_FIRST:_LAST]
        far = np.fft.rfft(played * _TAPER, _SIZE)[_FIRST:_LAST]
        cross = near * np.conj(far)
        self._average = KEPT * self._average + cross / (np.abs(cross) + 1e-6)
        spectrum = np.zeros(_SIZE // 2 + 1, np.complex128)
        spectrum[_FIRST:_LAST] = self._average
        peaks = np.abs(np.fft.irfft(spectrum))
        peaks = np.concatenate([peaks[EARLIEST:], peaks[:LATEST]])
        best = int(np.argmax(peaks))
        return best + EARLIEST, float(peaks[best] / (np.sqrt(np.mean(peaks**2)) + 1e-12))
