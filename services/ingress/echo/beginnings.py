"""Beginnings: when the next reply will be heard, known from how long the last ones took from here to the speaker."""

from __future__ import annotations

from collections import deque
from statistics import median_low
from typing import Final

_KEPT: Final = 3


class Beginnings:
    """One session's. Clocks count samples of the microphone; a reply begins where its first stamp says so."""

    def __init__(self) -> None:
        self._reply = 0
        self._sent_at: int | None = None
        self._took: deque[int] = deque(maxlen=_KEPT)

    def sent(self, reply: int, clock: int, *, into_silence: bool) -> int | None:
        """Note a piece that is sent; of the first of a reply return where the reply will begin, if that is known.

        What is sent while another reply is heard, or is about to be, has to wait for its end: nothing is known of it.
        """
        if reply <= self._reply:
            return None
        at_once = into_silence and self._sent_at is None
        self._reply = reply
        self._sent_at = clock if at_once else None
        return clock + median_low(self._took) if self._took and at_once else None

    def forget(self) -> None:
        """What was sent was flushed."""
        self._sent_at = None

    def began(self, reply: int, clock: int) -> None:
        """Note the beginning of a reply."""
        if reply == self._reply and self._sent_at is not None:
            self._took.append(max(clock - self._sent_at, 0))
            self._sent_at = None
