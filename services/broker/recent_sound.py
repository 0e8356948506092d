"""Recent sound: what the microphone has heard lately, by its own clock."""

from __future__ import annotations

from services.common.audio import SAMPLE_BYTES


class RecentSound:
    """Keeps the last `samples` of a stream without holes, PCM16 mono. Offsets are the user's samples of the session."""

    def __init__(self, samples: int) -> None:
        self.start = 0
        """The first sample that is kept."""
        self._bytes = samples * SAMPLE_BYTES
        self._pcm = bytearray()

    @property
    def end(self) -> int:
        """After the last sample: the microphone's clock."""
        return self.start + len(self._pcm) // SAMPLE_BYTES

    def add(self, offset: int, pcm: bytes) -> None:
        """Take what was heard from `offset` on."""
        if not self._pcm:
            self.start = offset
        self._pcm += pcm
        if (surplus := len(self._pcm) - self._bytes) > 0:
            del self._pcm[:surplus]
            self.start += surplus // SAMPLE_BYTES

    def between(self, start: int, end: int) -> bytes:
        """Return what was heard between two offsets, as far as it is kept."""
        low = max(start - self.start, 0) * SAMPLE_BYTES
        return bytes(self._pcm[low : max(end - self.start, 0) * SAMPLE_BYTES])
