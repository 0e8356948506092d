"""Ducking: the gain that the client's speaker has, as far as ingress has told it so."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.common.audio import MIC_HZ

RAMP: Final = 20 * MIC_HZ // 1000
HOLD: Final = 800 * MIC_HZ // 1000
"""docs/protocol.md: a duck is there within 20 ms, and undoes itself after 800."""

Gains = NDArray[np.float32]


class Ducking:
    """Time is the samples for which a gain is asked.

    It answers as if the client heard at once. How late it really hears does not matter: with a reference lowered 120 ms
    too early or too late the person is heard as well as with one lowered to the sample; with one that is not lowered
    at all, a tenth of the person's frames lose 10 dB (docs/echo.md).
    """

    def __init__(self) -> None:
        self._gain = self._target = 1.0
        self._hold = 0

    def duck(self, gain_db: float) -> None:
        """The client is told to lower its output."""
        self._target = 10.0 ** (gain_db / 20.0)
        self._hold = HOLD

    def release(self) -> None:
        """The client is told to undo that."""
        self._target, self._hold = 1.0, 0

    def gains(self, samples: int) -> Gains | None:
        """Return the gain of the next [samples]; None where it is 1."""
        if self._gain == self._target == 1.0:
            return None
        start = self._gain
        step = (1.0 if self._target > start else -1.0) * 0.9 / RAMP
        wave = start + step * np.arange(1, samples + 1, dtype=np.float32)
        wave = np.minimum(wave, self._target) if step > 0 else np.maximum(wave, self._target)
        self._gain = float(wave[-1])
        if self._hold:
            self._hold = max(self._hold - samples, 0)
            if not self._hold:
                self._target = 1.0
        gains: Gains = wave.astype(np.float32)
        return gains
