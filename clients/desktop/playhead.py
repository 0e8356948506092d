"""Which sample of which reply leaves the speaker when: the map from the device's samples back to replies."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from .sound import SPEAKER_HZ, speaker_samples

STALL_MS = 400
"""A reply that has run dry without an end counts as audible this long: it may go on any moment."""
REMEMBERED_SAMPLES = 2 * SPEAKER_HZ
"""How far back a playhead can be asked for; more than any device's latency."""


class Playhead(NamedTuple):
    """So many samples of that reply have left the speaker. Reply 0: none has, of any."""

    reply: int
    position: int


NOWHERE = Playhead(0, 0)


class _Span(NamedTuple):
    """A run of samples of one reply, `at` counted in all samples ever given to the device."""

    at: int
    reply: int
    position: int
    samples: int

    @property
    def end(self) -> int:
        return self.at + self.samples

    def head(self, at: int) -> Playhead:
        return Playhead(self.reply, self.position + min(max(at - self.at, 0), self.samples))


class PlayheadLog:
    """Remembers what was given to the device. Moments are counts of samples given to (or played by) the device."""

    def __init__(self) -> None:
        self._spans: deque[_Span] = deque()
        self._over = 0

    @property
    def end(self) -> int:
        """The moment after the last sample of any reply."""
        return self._spans[-1].end if self._spans else 0

    @property
    def last(self) -> Playhead:
        """Where the last sample given to the device ends."""
        return self.at(self.end)

    def append(self, at: int, reply: int, position: int, samples: int) -> None:
        """Note that samples of a reply from `position` on stand at `at` in the device's samples."""
        last = self._spans[-1] if self._spans else None
        if last and last.end == at and last.head(at) == (reply, position):
            self._spans[-1] = last._replace(samples=last.samples + samples)
        else:
            self._spans.append(_Span(at, reply, position, samples))
        while len(self._spans) > 1 and self._spans[1].at < at - REMEMBERED_SAMPLES:
            self._spans.popleft()

    def over(self) -> None:
        """Note that the last reply has come to its end, or was cut: silence after it is no stall."""
        self._over = self.end

    def at(self, moment: int) -> Playhead:
        """Return the reply played last at that moment and how much of it had been played."""
        span = self._span(moment)
        return span.head(moment) if span else NOWHERE

    def audible_at(self, moment: int) -> Playhead:
        """Return the same, but nowhere when nothing was audible. A short stall in mid-reply counts as audible."""
        span = self._span(moment)
        if span is None:
            return NOWHERE
        silent = moment - span.end
        stalled = silent < speaker_samples(STALL_MS) and not (span.end <= self._over)
        return span.head(moment) if silent < 0 or stalled else NOWHERE

    def _span(self, moment: int) -> _Span | None:
        return next((span for span in reversed(self._spans) if span.at <= moment), None)
