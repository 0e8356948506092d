"""Pace: whether a client sends no faster than a person can speak. Two leaky buckets; time is an argument."""

from __future__ import annotations

from typing import Final

from services.common.audio import FRAME_MS
from services.common.errors import LimitFault
from services.ingress.limits import BURST_S, Limits

_CLOCK_TOLERANCE: Final = 1.02
"""A device's sample clock may run fast by this much for ever: cheap ones are off by 0.1 %."""


class Pace:
    """One client's. `backlog_ms`: what one that resumes may have kept while it was away, and sends all at once."""

    def __init__(self, limits: Limits, now_s: float, backlog_ms: float = 0.0) -> None:
        self._limits = limits
        self._backlog_ms = backlog_ms
        self._backlog_messages = int(backlog_ms / FRAME_MS)
        self._messages = _Bucket(limits.max_messages_per_s, now_s)
        self._audio_ms = _Bucket(1000 * _CLOCK_TOLERANCE, now_s)

    def message(self, now_s: float) -> None:
        """Count a message of any kind. Raises LimitFault when they come too fast."""
        if self._backlog_messages > 0:
            self._backlog_messages -= 1
        elif self._messages.pour(1, now_s) > self._limits.max_at_once:
            raise LimitFault(
                f"more than {self._limits.max_messages_per_s} messages a second came over {BURST_S} s; "
                "send 20 ms of audio in each, and a playback report every 200 ms.",
                limit="message_rate",
            )

    def audio(self, ms: float, now_s: float) -> None:
        """Count audio. Raises LimitFault when more of it comes than time has passed, but for the allowance."""
        if self._backlog_ms > 0:
            self._backlog_ms -= ms
        elif self._audio_ms.pour(ms, now_s) > self._limits.max_ahead_ms:
            raise LimitFault(
                f"audio came more than {self._limits.max_ahead_ms / 1000:g} s ahead of its time; "
                "send it as fast as it is spoken, 20 ms every 20 ms.",
                limit="audio_rate",
            )


class _Bucket:
    """It leaks `per_s` a second and never holds less than nothing."""

    def __init__(self, per_s: float, now_s: float) -> None:
        self._per_s = per_s
        self._level = 0.0
        self._at_s = now_s

    def pour(self, amount: float, now_s: float) -> float:
        """Add to it and return what it holds."""
        self._level = max(self._level - (now_s - self._at_s) * self._per_s, 0.0) + amount
        self._at_s = now_s
        return self._level
