"""The speaker's samples between the client and the sound card's thread, and how many of them nobody has heard yet."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from ..sound import SAMPLE_BYTES, SPEAKER_FRAME_SAMPLES, SPEAKER_HZ
from .stream_clock import StreamClock

FRAME_BYTES = SPEAKER_FRAME_SAMPLES * SAMPLE_BYTES
HEAD_START_FRAMES = 2
"""Frames of silence in the queue at the start: they cover the jitter between the card's calls and ours."""
TRIM_FRAMES = 4
"""From here on a silent frame is left out: the two cards' clocks drift, and pauses make good for it unheard."""
LARGEST_QUEUE_FRAMES = 10
"""More than this is never queued. Who asks `is_full` before each frame, and gives a silent one then, loses no speech;
else the oldest is dropped, audibly but once, and counted."""
GIVEN_BLOCKS = 200
"""Blocks remembered for whoever wants to know what was given; the oldest go when nobody does."""
TRIMS = 256
"""Places remembered at which silence was left out: more than there can be between the queue and the air."""


class Outlet:
    """One call's: what one speaker did not take is there for the next."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.latency_s = 0.0
        """What the driver says; for callbacks that do not know the time, and until the first."""
        self.dropped_frames = 0
        self.starved_calls = 0
        """Times the card asked and the queue was empty: this machine is too busy."""
        self.asked_s = clock()
        """When the card last called."""
        self._now = clock
        self._lock = threading.Lock()
        self._queue = bytearray()
        self._put_count = 0
        self._trims: deque[tuple[int, int]] = deque(maxlen=TRIMS)
        self._clock = StreamClock(SPEAKER_HZ)
        self._given_count = 0
        self._ours_end = 0
        self._given: deque[tuple[bytes, float]] = deque(maxlen=GIVEN_BLOCKS)

    def begin(self) -> None:
        """Note that a speaker is about to be opened, which goes on with what the one before has not taken."""
        with self._lock:
            self._queue = bytearray(max(0, HEAD_START_FRAMES * FRAME_BYTES - len(self._queue))) + self._queue
            self._clock = StreamClock(SPEAKER_HZ)
            self._given_count = self._ours_end = 0
            self._given.clear()
            self.asked_s = self._now()

    @property
    def is_full(self) -> bool:
        """Whether the card takes less than it is given just now: what is to be heard should wait."""
        with self._lock:
            return len(self._queue) >= LARGEST_QUEUE_FRAMES * FRAME_BYTES

    def put(self, pcm: bytes) -> None:
        """Queue the next 20 ms."""
        with self._lock:
            queued = len(self._queue) // FRAME_BYTES
            if queued >= TRIM_FRAMES and not any(pcm):
                self._leave_out(len(pcm) // SAMPLE_BYTES)
                return
            if queued >= LARGEST_QUEUE_FRAMES:
                del self._queue[:FRAME_BYTES]
                self.dropped_frames += 1
            self._queue += pcm
            self._put_count += len(pcm) // SAMPLE_BYTES

    def supply(self, count: int, lead_s: float | None) -> bytes:
        """Give the card so many samples, silence where there are none. In the sound card's thread."""
        now_s = self._now()
        heard_s = now_s + (self.latency_s if lead_s is None else lead_s)
        wanted = count * SAMPLE_BYTES
        with self._lock:
            ours = bytes(self._queue[:wanted])
            del self._queue[:wanted]
            self._clock.tell(self._given_count, heard_s)
            if ours:
                self._ours_end = self._given_count + len(ours) // SAMPLE_BYTES
            self._given_count += count
            self.starved_calls += len(ours) < wanted
            self.asked_s = now_s
            pcm = ours.ljust(wanted, b"\0")
            self._given.append((pcm, heard_s))
        return pcm

    def unheard_samples(self) -> int:
        """Return how many of the samples put cannot be heard yet: those queued, those on their way in the card, and
        silence that was left out behind them.
        """
        with self._lock:
            unheard = len(self._queue) // SAMPLE_BYTES
            if self._clock.known:
                unheard += max(0, round(self._ours_end - self._clock.count_at(self._now())))
            else:
                unheard += round(self.latency_s * SPEAKER_HZ)
            while self._trims and self._trims[0][0] <= self._put_count - unheard:
                self._trims.popleft()
            return unheard + sum(samples for _, samples in self._trims)

    def given(self) -> list[tuple[bytes, float]]:
        """Return what the card was given since the last call, block by block, and when each is heard."""
        with self._lock:
            given = list(self._given)
            self._given.clear()
        return given

    def _leave_out(self, samples: int) -> None:
        """Note silence that stands at the queue's end without being there: its time comes with what is before it."""
        if self._trims and self._trims[-1][0] == self._put_count:
            samples += self._trims.pop()[1]
        self._trims.append((self._put_count, samples))
