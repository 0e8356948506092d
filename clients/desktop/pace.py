"""How far ahead of its time the microphone may be sent: a program that was asleep has more to say than a server takes.

It wakes up to everything at once. A server ends a conversation whose microphone comes more than `limits.maxAheadMs`
ahead of its time, for good. So what is beyond that is not sent, and not counted: the microphone's clock stands still
for so long, as that of one that was switched off.
"""

from __future__ import annotations

from .sound import FRAME_MS

MARGIN_MS = 1_000
"""Left to the network, which may hold frames back for a while and deliver them together."""
CLOCK_TOLERANCE = 1.01
"""A sound card's clock may run fast by this much for ever; servers bear twice that."""


class Pace:
    """One conversation's: it fills by what is sent and leaks as time passes, as the server's own measure does."""

    def __init__(self) -> None:
        self.unsent_frames = 0
        """Frames that were not sent, since this program had slept for too long."""
        self._most_ms = 0.0
        self._level_ms = 0.0
        self._at_s = 0.0

    def begin(self, max_ahead_ms: int) -> None:
        """Begin with a server that takes so much ahead of its time; 0: it has not said."""
        self._most_ms = max(max_ahead_ms - MARGIN_MS, max_ahead_ms / 2)
        self._level_ms = 0.0

    def allows(self, now_s: float) -> bool:
        """Whether the next frame may be sent now; it counts as sent then."""
        leaked_ms = max(0.0, now_s - self._at_s) * 1000 * CLOCK_TOLERANCE
        self._level_ms, self._at_s = max(0.0, self._level_ms - leaked_ms), now_s
        if self._most_ms and self._level_ms + FRAME_MS > self._most_ms:
            self.unsent_frames += 1
            return False
        self._level_ms += FRAME_MS
        return True
