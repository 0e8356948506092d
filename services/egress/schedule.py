"""Schedule: when which sample of one reply may be sent. Pure arithmetic on a monotonic clock."""

from __future__ import annotations

from typing import Final

from services.common.audio import FRAME_MS, REPLY_HZ, samples_of

_RESERVE_MS: Final = 40
"""What the listener still holds when the next piece is due: it carries them over a late message."""

_MAX_CHUNK_MS: Final = 80
"""Messages cost, not bytes: after the first, pieces are as long as the lead allows, up to this."""


class Schedule:
    """Sample p should leave the client's speaker p / 24000 s after the start; it may be sent the lead earlier."""

    def __init__(self, start_s: float, position: int, lead_ms: int) -> None:
        self._origin_s = start_s - position / REPLY_HZ
        self._lead = samples_of(lead_ms, REPLY_HZ)
        self._chunk = samples_of(min(max(lead_ms - _RESERVE_MS, FRAME_MS), _MAX_CHUNK_MS), REPLY_HZ)
        self._dry = False
        self.stalls = 0

    def heard(self, now_s: float) -> int:
        """Return how many samples should have left the speaker."""
        return int((now_s - self._origin_s) * REPLY_HZ)

    def sendable(self, now_s: float, sent: int, available: int) -> int:
        """Return how many samples are to be sent now: nothing, a whole piece or more, or what is left.

        `sent` and `available` count samples of the reply. When the listener has heard all that was sent, the model, or
        this process, was slower than they: the schedule goes on from here, it does not try to catch up.
        """
        if available > sent:
            self._origin_s = max(self._origin_s, now_s - sent / REPLY_HZ)
            self._dry = False
        ready = max(min(self.heard(now_s) + self._lead, available) - sent, 0)
        return ready if ready >= self._chunk or sent + ready == available else 0

    def heard_s(self, position: int) -> float:
        """Return when `position` should leave the speaker."""
        return self._origin_s + position / REPLY_HZ

    def due_s(self, sent: int, available: int) -> float:
        """Return when the next piece of a reply is to be sent, as far as is known."""
        return self.heard_s(min(sent + self._chunk, available) - self._lead)

    def note_dry(self, now_s: float, sent: int) -> None:
        """Note that everything given so far has been sent although the reply goes on."""
        if not self._dry and self.heard(now_s) >= sent:
            self._dry = True
            self.stalls += 1
