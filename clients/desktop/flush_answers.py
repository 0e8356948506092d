"""Flushes that are not answered yet: the answer waits until the output is silent, and the last sample is known."""

from __future__ import annotations

from collections import deque

from .happenings import Silent
from .sound import speaker_samples

ANSWER_WITHIN_MS = 100
"""On a device slower than this (Bluetooth) a flush is answered before the device is silent: what it holds is known."""


class FlushAnswers:
    """One speaker's. Moments are counts of samples given to the device."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Silent, int]] = deque()

    def put(self, silent: Silent, handed: int) -> None:
        """Let an answer wait that was asked for when so many samples had been given."""
        self._waiting.append((silent, handed))

    def due(self, handed: int, latency: int) -> list[Silent]:
        """Return what is to be answered now, in order, when the device holds `latency` samples that can't be heard yet.

        That is when the last sample is heard before this frame ends, or the device holds it for too long to wait.
        """
        due = []
        while self._waiting:
            silent, asked_at = self._waiting[0]
            if handed - latency < silent.at and handed - asked_at < speaker_samples(ANSWER_WITHIN_MS):
                break
            due.append(self._waiting.popleft()[0])
        return due
