"""Mic time: when a sample of the microphone was heard, by the wall clock.

The microphone's clock counts samples; a frame arrives when its last sample was heard, or later: never earlier. So the
smallest difference between arrival and clock is the truest. It is looked for over the last half minute, for a client's
crystal may be 100 millionths wrong, which is 3 ms by then.
"""

from __future__ import annotations

import math
from typing import Final

from services.common.audio import MIC_HZ

WINDOW_S: Final = 15.0
"""Two of these are looked at: the present one, and the one before."""

MICROSECONDS: Final = 1_000_000


class MicTime:
    """One session's. Tell it how far the clock has come, each time that sound arrives."""

    def __init__(self) -> None:
        self._smallest_s = self._before_s = math.inf
        self._since_s = -math.inf

    def note(self, mic_offset: int, unix_s: float) -> None:
        """All samples before `mic_offset` have arrived, the last of them at `unix_s`."""
        if unix_s - self._since_s > WINDOW_S:
            self._before_s = self._smallest_s if unix_s - self._since_s <= 2 * WINDOW_S else math.inf
            self._smallest_s, self._since_s = math.inf, unix_s
        self._smallest_s = min(self._smallest_s, unix_s - mic_offset / MIC_HZ)

    @property
    def is_known(self) -> bool:
        """False until something was heard."""
        return self._smallest_s < math.inf

    def unix_s(self, mic_offset: int) -> float:
        """Return when that sample was heard, in seconds of Unix time; 0 where nothing is known."""
        return min(self._smallest_s, self._before_s) + mic_offset / MIC_HZ if self.is_known else 0.0

    def unix_us(self, mic_offset: int) -> int:
        """Return the same in microseconds, as messages have it."""
        return in_us(self.unix_s(mic_offset))


def in_us(unix_s: float) -> int:
    """Return a moment as messages have it."""
    return round(unix_s * MICROSECONDS)


def in_s(unix_us: int) -> float:
    """Return a moment of a message in seconds."""
    return unix_us / MICROSECONDS
