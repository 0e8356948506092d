"""A device without sound: its microphone says what it is given, its speaker is recorded, and it keeps real time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from .device import MADE_GOOD_S
from .meters import Levels, Meter
from .recording import Recording
from .sound import FRAME_MS, MIC_FRAME_SAMPLES, SAMPLE_BYTES, speaker_samples

FRAME_BYTES = MIC_FRAME_SAMPLES * SAMPLE_BYTES
FRAME_S = FRAME_MS / 1000


class HeadlessDevice:
    """Ticks by the monotonic clock without drift: a late tick is followed by early ones until time is made good.

    Of a sleep of more than 8 s so much is made good; for the rest microphone and speaker stood still.

    `latency_ms` imitates a sound card that plays a frame so long after it took it. `clock` and `sleep` are there for
    tests in virtual time.
    """

    input_latency_samples = 0

    def __init__(
        self,
        latency_ms: float = 0,
        *,
        keep_recording: bool = True,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.output_latency_samples = speaker_samples(latency_ms)
        self.late_ticks = 0
        """Ticks that came more than a frame after their time."""
        self.worst_lag_ms = 0.0
        """How late the latest of them was: the load of this machine, not of the server."""
        self.slept_s = 0.0
        """Time that was not made good."""
        self.mic_offset = 0
        """Samples captured so far."""
        self._clock, self._sleep = clock, sleep
        self._due_s = 0.0
        self._words = bytearray()
        self._mic, self._speaker = Meter(), Meter()
        self._recording = Recording() if keep_recording else None
        if self._recording:
            self._recording.delay_samples += self.output_latency_samples

    def say(self, pcm: bytes) -> int:
        """Say this next (16 kHz PCM16), after what is still being said; return the mic_offset of its first sample."""
        begins = self.mic_offset + len(self._words) // SAMPLE_BYTES
        self._words += pcm[: len(pcm) // SAMPLE_BYTES * SAMPLE_BYTES]
        return begins

    def hush(self) -> None:
        """Say no more of what is still to be said."""
        self._words.clear()

    @property
    def talking(self) -> bool:
        """Whether something is still to be said."""
        return bool(self._words)

    @property
    def levels(self) -> Levels:
        """How loud it is just now. What it says and what is sent are the same."""
        return Levels(self._mic.db, self._mic.db, self._speaker.db)

    def start(self) -> None:
        """Begin: the first tick is due in 20 ms."""
        self._due_s = self._clock()

    async def tick(self) -> bytes:
        """Wait until the next 20 ms are over and return what was said in them, silence where nothing was."""
        self._due_s += FRAME_S
        lag_s = self._clock() - self._due_s
        if lag_s < 0:
            await self._sleep(-lag_s)
            lag_s = self._clock() - self._due_s
        else:
            await self._sleep(0)
        self._note_lag(lag_s)
        if (asleep_s := lag_s - MADE_GOOD_S) > 0:
            self.slept_s += asleep_s
            self._due_s += asleep_s
        pcm = bytes(self._words[:FRAME_BYTES]).ljust(FRAME_BYTES, b"\0")
        del self._words[:FRAME_BYTES]
        self.mic_offset += MIC_FRAME_SAMPLES
        self._mic.feed(pcm)
        if self._recording:
            self._recording.heard(pcm)
        return pcm

    def play(self, pcm: bytes) -> None:
        """Play into the recording."""
        self._speaker.feed(pcm)
        if self._recording:
            self._recording.played(pcm)

    def stop(self) -> None:
        """Nothing to let go of; the recording stays."""

    def recording(self) -> Recording:
        """Return what was said and played so far; empty when the device was told not to keep it."""
        return self._recording or Recording()

    def write_stereo(self, path: Path | str) -> None:
        """Write the recording as a 24 kHz stereo WAV: the person left, the assistant right."""
        self.recording().write_stereo(path)

    def _note_lag(self, lag_s: float) -> None:
        self.late_ticks += lag_s > FRAME_S
        self.worst_lag_ms = max(self.worst_lag_ms, lag_s * 1000)
