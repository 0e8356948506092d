"""The stop key, from its press until the server heeds it: a press may be lost on its way, or come at a bad moment.

It is lost with a connection that breaks, or that is left for another one. And a server to which the reply seemed to be
over, since it had run dry for a while or this program was asleep, has nothing to stop, though the reply goes on.
"""

from __future__ import annotations

from .sound import FRAME_MS

AGAIN_TICKS = 500 // FRAME_MS
"""So often the key is pressed again while the very reply still sounds."""
FORGET_TICKS = 3_000 // FRAME_MS
"""A press that nothing has answered by then, while no reply sounded, found nothing to stop."""


class StopKey:
    """One conversation's. Replies are named by their numbers; 0 is none. No clock: time is the device's ticks."""

    def __init__(self) -> None:
        self._is_pressed = False
        self._reply = 0
        self._ticks = 0
        self._is_away = False
        self._seq = 0

    def press(self, reply: int) -> None:
        """The person presses it while `reply` is the newest that is played, or waits to be."""
        self._is_pressed, self._reply, self._ticks = True, reply, 0

    def let_go(self) -> None:
        """The person took the floor otherwise: that stops the reply as well, and what comes then is its answer."""
        self._is_pressed = False

    def flushed(self, seq: int) -> None:
        """Take note of a flush; an old one, told again, answers no press."""
        if seq > self._seq:
            self._seq, self._is_pressed = seq, False

    def away(self) -> None:
        """The connection is lost, or about to be: so long no press can be answered."""
        self._is_away = True

    def back(self) -> bool:
        """Go on over another connection; return whether the key has to be pressed again."""
        self._is_away, self._ticks = False, 0
        return self._is_pressed

    def tick(self, reply: int) -> bool:
        """Let 20 ms pass in which `reply` was the newest; return whether the key has to be pressed again."""
        if not self._is_pressed or self._is_away:
            return False
        self._ticks += 1
        found_nothing = reply == 0 and self._ticks >= FORGET_TICKS
        if reply != self._reply or found_nothing:  # it ended, or another one began, which was not to be stopped
            self._is_pressed = False
        return self._is_pressed and reply > 0 and self._ticks % AGAIN_TICKS == 0
