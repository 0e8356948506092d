"""MicMemory: what the microphone heard, by sample offset, from the oldest sample anybody may still ask for."""

from __future__ import annotations

from typing import Final

from services.vad.voice import BYTES_PER_SAMPLE, SAMPLE_RATE_HZ

_TRIM_SAMPLES: Final = SAMPLE_RATE_HZ
"""Moving what is left costs; once a second is enough."""


class MicMemory:
    """A gapless stretch of 16 kHz PCM16 that grows at one end and is forgotten at the other."""

    def __init__(self, start: int = 0) -> None:
        self._start = start
        self._pcm = bytearray()

    @property
    def start(self) -> int:
        """Offset of the oldest sample held."""
        return self._start

    @property
    def end(self) -> int:
        """Offset after the newest sample."""
        return self._start + len(self._pcm) // BYTES_PER_SAMPLE

    def start_at(self, offset: int) -> None:
        """Begin anew, and empty, at `offset`."""
        self._start = offset
        self._pcm.clear()

    def append(self, pcm: bytes) -> None:
        """Add what comes next."""
        self._pcm += pcm

    def slice(self, since: int, until: int) -> bytes:
        """Return the samples of [since, until), as far as they are held."""
        low = max(since - self._start, 0) * BYTES_PER_SAMPLE
        high = max(until - self._start, 0) * BYTES_PER_SAMPLE
        return bytes(self._pcm[low:high])

    def forget_before(self, offset: int) -> None:
        """Let go of what is older than `offset`."""
        count = min(offset, self.end) - self._start
        if count >= _TRIM_SAMPLES:
            del self._pcm[: count * BYTES_PER_SAMPLE]
            self._start += count
