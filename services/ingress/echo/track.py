"""Track: which sample of which reply left the speaker at any moment of the microphone's clock, by the playhead stamps.

Stamps are what a client's program knows of its sound card: they move in steps of a block, come late by a few
milliseconds, jump after a stall, or are guesses. A canceller needs a reference that runs on evenly. So a stamp
that agrees with the ones before it within some milliseconds changes nothing, a lasting difference is followed, and a
jump needs a second witness.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt
from typing import Final

from parley.v1 import audio_pb2 as audio
from services.common.audio import MIC_HZ, REPLY_HZ

_MS: Final = MIC_HZ // 1000

PAUSED: Final = 60 * _MS
"""A position that stands still for so long does so because the speaker has run dry."""

KEPT: Final = 1_000 * _MS
"""Samples of the microphone's past that can be asked for."""

AWAITED: Final = 300 * _MS
"""A reply that is expected and has not begun so long after its time is expected no more."""

NEW_REPLY: Final = 500 * _MS
"""A reply first seen beyond this position was resumed there, not begun."""


@dataclass(frozen=True, slots=True)
class _Trust:
    """How far stamps are believed.

    `off`: samples by which the mean of `stamps` stamps may be off before it is followed; fewer may be further off.
    `jump`: samples that are a jump, to be followed at once.
    """

    off: int
    jump: int
    stamps: int


_KNOWN: Final = _Trust(off=5 * _MS, jump=60 * _MS, stamps=25)
_ESTIMATED: Final = _Trust(off=15 * _MS, jump=150 * _MS, stamps=50)
_LEAST_STAMPS: Final = 5


@dataclass(frozen=True, slots=True)
class Stretch:
    """`samples` of the speaker's output: those of `reply` from `position` (at 16 kHz) on; of reply 0: silence."""

    reply: int
    position: int
    samples: int


@dataclass(frozen=True, slots=True)
class _Run:
    """From `start` of the microphone's clock on, `reply` stands at clock + `shift`."""

    start: int
    reply: int
    shift: int


class Track:
    """One speaker's. Clock and positions count samples at 16 kHz."""

    def __init__(self) -> None:
        self.began: int | None = None
        """Where on the clock the reply of the last stamp began, if that stamp was the first of it."""
        self._runs: deque[_Run] = deque([_Run(0, 0, 0)])
        self._expected: _Run | None = None
        self._highest = 0
        self._off: deque[int] = deque()
        self._off_sum = 0
        self._jumped: int | None = None
        self._still_since = 0
        self._stamped = -1

    @property
    def audible(self) -> bool:
        """Whether a reply is leaving the speaker."""
        return self._runs[-1].reply > 0

    @property
    def reply(self) -> int:
        """The highest reply seen so far; 0: none has been."""
        return self._highest

    def expect(self, reply: int, start: int) -> None:
        """Take `reply` to begin at `start` of the clock, until a stamp says better."""
        self._expected = _Run(max(start, self._runs[-1].start), reply, -start)

    def expect_nothing(self) -> None:
        """What is expected will not come: it was flushed."""
        self._expected = None

    def stamp(self, clock: int, playhead: audio.Playhead) -> None:
        """Take the playhead of a microphone frame that begins at `clock`."""
        self.began = None
        if self._expected and (playhead.reply or clock > self._expected.start + AWAITED):
            self._expected = None
        position = playhead.position * MIC_HZ // REPLY_HZ
        if not playhead.reply:
            self._run(clock, 0, 0)
        elif playhead.reply != self._runs[-1].reply:
            self._take_up(clock, playhead.reply, position)
        elif position == self._stamped and clock - self._still_since >= PAUSED:
            self._run(clock, 0, 0)
        else:
            self._follow(clock, position, _ESTIMATED if playhead.estimated else _KNOWN)
        if position != self._stamped or not playhead.reply:
            self._still_since = clock
        self._stamped = position if playhead.reply else -1
        while len(self._runs) > 1 and self._runs[1].start <= clock - KEPT:
            self._runs.popleft()

    def stretches(self, start: int, samples: int) -> Iterator[Stretch]:
        """Yield what left, or will leave, the speaker during [start, start + samples) of the clock."""
        last = self._expected or self._runs[-1]
        if start >= last.start:
            yield Stretch(last.reply, start + last.shift, samples)
            return
        runs = [*self._runs, self._expected] if self._expected else list(self._runs)
        ends = [*(run.start for run in runs[1:]), start + samples]
        for run, end in zip(runs, ends, strict=True):
            stop = min(end, start + samples)
            if stop > start:
                yield Stretch(run.reply, start + run.shift, stop - start)
                samples -= stop - start
                start = stop

    def position(self, clock: int) -> int:
        """Return the position in the present reply at `clock`; of silence it means nothing."""
        return clock + self._runs[-1].shift

    def _take_up(self, clock: int, reply: int, position: int) -> None:
        """A reply is audible that was not at the last stamp."""
        if position == self._stamped and reply == self._highest:
            return  # it ran dry, and still is
        new = reply > self._highest and position <= NEW_REPLY
        start = max(clock - position, self._runs[-1].start + 1) if new else clock
        self._run(start, reply, position - clock)
        self._highest = max(self._highest, reply)
        if new:
            self.began = start

    def _follow(self, clock: int, position: int, trust: _Trust) -> None:
        off = position - self.position(clock)
        if abs(off) > trust.jump:
            if self._jumped is not None and abs(off - self._jumped) <= trust.jump // 3:
                self._run(clock, self._runs[-1].reply, position - clock)
            else:
                self._jumped = off
            return
        self._jumped = None
        self._off.append(off)
        self._off_sum += off
        while len(self._off) > trust.stamps:
            self._off_sum -= self._off.popleft()
        lasting = self._off_sum / len(self._off)
        bearable = trust.off * sqrt(trust.stamps / len(self._off))
        if len(self._off) >= _LEAST_STAMPS and abs(lasting) > bearable:
            self._run(clock, self._runs[-1].reply, self._runs[-1].shift + round(lasting))

    def _run(self, start: int, reply: int, shift: int) -> None:
        self._off.clear()
        self._off_sum = 0
        self._jumped = None
        last = self._runs[-1]
        if (reply, shift if reply else 0) != (last.reply, last.shift if last.reply else 0):
            self._runs.append(_Run(max(start, last.start), reply, shift if reply else 0))
