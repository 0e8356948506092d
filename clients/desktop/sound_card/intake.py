"""The microphone's frames between the sound card's thread and the client: 20 ms each, and when they were captured."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from ..sound import MIC_FRAME_SAMPLES, MIC_HZ, SAMPLE_BYTES

FRAME_BYTES = MIC_FRAME_SAMPLES * SAMPLE_BYTES
LARGEST_BACKLOG_FRAMES = 50
"""1 s of microphone for a client that is not scheduled; beyond it the oldest is dropped and counted."""


class MicFrame(NamedTuple):
    """20 ms of the microphone, and when its first sample was in the air (`time.monotonic`)."""

    pcm: bytes
    captured_s: float


class Intake:
    """One open microphone's."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Callable[[], float] = time.monotonic) -> None:
        self.latency_s = 0.0
        """What the driver says; for callbacks that do not know the time."""
        self.dropped_frames = 0
        self.heard_s = clock()
        """When the card last called."""
        self.ready = asyncio.Event()
        self._clock, self._loop = clock, loop
        self._frames: deque[MicFrame] = deque(maxlen=LARGEST_BACKLOG_FRAMES)
        self._rest = b""

    @property
    def waiting(self) -> int:
        """How many frames wait."""
        return len(self._frames)

    def take(self) -> MicFrame | None:
        """Return the oldest frame that waits."""
        return self._frames.popleft() if self._frames else None

    def hear(self, pcm: bytes, age_s: float | None) -> None:
        """Take what the microphone heard. In the sound card's thread."""
        if age_s is None:
            age_s = max(self.latency_s, len(pcm) / SAMPLE_BYTES / MIC_HZ)
        captured_s = self._clock() - age_s
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._cut, pcm, captured_s)

    def _cut(self, pcm: bytes, captured_s: float) -> None:
        """Cut what came into frames; a card may give other sizes than were asked for."""
        self.heard_s = self._clock()
        begins_s = captured_s - len(self._rest) / SAMPLE_BYTES / MIC_HZ
        self._rest += pcm
        while len(self._rest) >= FRAME_BYTES:
            self.dropped_frames += len(self._frames) == LARGEST_BACKLOG_FRAMES
            self._frames.append(MicFrame(self._rest[:FRAME_BYTES], begins_s))
            self._rest = self._rest[FRAME_BYTES:]
            begins_s += MIC_FRAME_SAMPLES / MIC_HZ
        if self._frames:
            self.ready.set()
