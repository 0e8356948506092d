"""Playout: the simulated loudspeaker of one client. It plays what has come, by the clock. No I/O, no audio."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

HZ: Final = 24_000
PREBUFFER_S: Final = 0.060
"""Playout of a reply begins this long after its first piece came."""

REPORT_EVERY_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Report:
    """What the client tells of its playback."""

    reply: int
    begun_s: float
    """When its first sample left the speaker; told to nobody but the tape."""
    position: int
    buffered_ms: int
    underruns: int
    ended: bool


@dataclass(slots=True)
class _Reply:
    number: int
    origin_s: float
    """When its first sample leaves the speaker, as if it had never run dry."""
    begun_s: float
    """When its first sample leaves the speaker."""
    received: int = 0
    total: int | None = None
    is_told: bool = False

    def position(self, now_s: float) -> int:
        return min(max(int((now_s - self.origin_s) * HZ), 0), self.received)


class Playout:
    """Replies are played one after another; where one runs dry it goes on when more comes."""

    def __init__(self) -> None:
        self.underruns = 0
        self._waiting: deque[_Reply] = deque()
        self._floor = 0
        self._last: tuple[int, int] = (0, 0)
        self._told_s = 0.0

    def feed(self, now_s: float, reply: int, position: int, samples: int) -> bool:
        """Take a piece; return False for one that a flush has killed."""
        if reply <= self._floor:
            return False
        last = self._waiting[-1] if self._waiting else None
        if last is None or last.number != reply:
            last = _Reply(reply, now_s + PREBUFFER_S, now_s + PREBUFFER_S, received=position)
            self._waiting.append(last)
        elif last.origin_s + last.received / HZ < now_s:
            self.underruns += 1
            last.origin_s = now_s - last.received / HZ
        last.received = max(last.received, position + samples)
        return True

    def end(self, reply: int, samples: int) -> None:
        """Note how long a reply is."""
        for waiting in self._waiting:
            if waiting.number == reply:
                waiting.total = samples

    def flush(self, now_s: float, floor: int) -> tuple[int, int]:
        """Fall silent; return (reply, position) of what was audible, or was last."""
        reply, position = self.playhead(now_s)
        if reply:
            self._last = reply, position
        self._floor = max(self._floor, floor)
        while self._waiting and self._waiting[0].number <= self._floor:
            self._waiting.popleft()
        return self._last

    def playhead(self, now_s: float) -> tuple[int, int]:
        """Return (reply, position) of what is audible, or (0, 0)."""
        if not self._waiting or now_s < self._waiting[0].origin_s:
            return 0, 0
        current = self._waiting[0]
        return current.number, current.position(now_s)

    def poll(self, now_s: float) -> Report | None:
        """Return what is to be reported now: the first sample, every 200 ms, the end."""
        if not self._waiting or now_s < self._waiting[0].origin_s:
            return None
        current = self._waiting[0]
        position = current.position(now_s)
        ended = current.total is not None and position >= current.total
        if ended:
            self._waiting.popleft()
            self._last = current.number, position
            if self._waiting:
                following = self._waiting[0]
                following.origin_s = following.begun_s = max(following.origin_s, now_s)
        elif current.is_told and now_s - self._told_s < REPORT_EVERY_S:
            return None
        current.is_told, self._told_s = True, now_s
        buffered_ms = (current.received - position) * 1000 // HZ
        return Report(current.number, current.begun_s, position, buffered_ms, self.underruns, ended)
