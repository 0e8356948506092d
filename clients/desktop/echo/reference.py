"""The reference: what the sound card was really given, duck, fades and gaps included, at the microphone's rate."""

from __future__ import annotations

import numpy as np

from ..sound import MIC_HZ, Samples

KEPT = 2 * MIC_HZ
"""Samples: more than any sound card's latency and any room's answer."""
_TAPS = 49
_HALF = 24
"""Samples at 48 kHz, half a millisecond, by which the filter is late; subtracted below as 8 at 16 kHz."""


def _lowpass() -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    at = np.arange(_TAPS) - _HALF
    cutoff = 7_200 / 48_000
    taps = 2 * cutoff * np.sinc(2 * cutoff * at) * np.blackman(_TAPS)
    # Every other sample of the input to the filter is a zero: twice the gain makes good for them.
    lowered: np.ndarray[tuple[int], np.dtype[np.float64]] = 2 * taps / taps.sum()
    return lowered


_FILTER = _lowpass()


class Reference:
    """Takes 24 kHz block after block, gives 16 kHz from any position on. What it does not have is silence."""

    def __init__(self) -> None:
        self._kept = np.zeros(KEPT, np.int16)
        self._end = -(_HALF // 3)
        self._rest = np.zeros(_TAPS - 1)
        self._phase = 0
        self.lacked = 0
        """Samples that were asked for before they were given: the microphone was faster than the speaker."""

    @property
    def end(self) -> int:
        """How many samples, at 16 kHz, have been given so far."""
        return self._end

    def add(self, block: Samples) -> None:
        """Take the next samples that the sound card was given, at 24 kHz."""
        between = np.zeros(2 * len(block))
        between[::2] = block
        whole = np.concatenate([self._rest, between])
        self._rest = whole[-(_TAPS - 1) :]
        low = np.convolve(whole, _FILTER, "valid")[self._phase :: 3]
        self._phase = (self._phase - len(between)) % 3
        self._append(np.clip(np.rint(low), -32768, 32767).astype(np.int16))

    def read(self, start: int, count: int) -> Samples:
        """Return [count] samples from position `start` on."""
        found = np.zeros(count, np.int16)
        first, last = max(start, self._end - KEPT), min(start + count, self._end)
        self.lacked += max(0, start + count - max(self._end, start))
        if first < last:
            at = KEPT - (self._end - first)
            found[first - start : last - start] = self._kept[at : at + last - first]
        return found

    def _append(self, samples: Samples) -> None:
        samples = samples[-KEPT:]
        self._kept = np.concatenate([self._kept[len(samples) :], samples])
        self._end += len(samples)
