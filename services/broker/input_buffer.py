"""Input buffer: what the person says on its way into the model's, at the model's rate."""

from __future__ import annotations

import base64
from typing import Final

from services.broker.actions import Actions
from services.common.audio import MIC_HZ, SAMPLE_BYTES, samples_of
from services.common.resampler import Resampler

MIN_COMMIT_MS: Final = 120
"""The model refuses to commit less than 100 ms."""


class InputBuffer:
    """Mirrors the length of the model's input audio buffer. Sound comes in at 16 kHz, PCM16 mono."""

    def __init__(self, actions: Actions, hz: int, *, takes_commits: bool = True) -> None:
        """`takes_commits`: False for a server that ends turns by its own ear alone."""
        self._takes_commits = takes_commits
        self.appended = 0
        """Samples given to this connection altogether, at the model's rate."""
        self._actions = actions
        self.hz = hz
        self._resampler: Resampler | None = None
        self._buffered = 0

    def append(self, pcm: bytes) -> None:
        """Give it sound; while the model is away there is none to give it to."""
        if self._actions.model_away:
            return
        if self.hz == MIC_HZ:
            self._give(pcm)
            return
        if self._resampler is None:
            self._resampler = Resampler(MIC_HZ, self.hz)
        self._give(self._resampler.feed(pcm))

    def commit(self) -> str:
        """Flush what the resampler holds, fill up to what the model takes, and commit; return the event's id or ""."""
        if not self._takes_commits:
            return ""
        self.flush()
        missing = samples_of(MIN_COMMIT_MS, self.hz) - self._buffered
        if missing > 0 and not self._actions.model_away:
            self._give(bytes(missing * SAMPLE_BYTES))
        self._buffered = 0
        return self._actions.model("input_audio_buffer.commit")

    @property
    def is_empty(self) -> bool:
        """True when nothing was given since the last commit."""
        return not self._buffered and self._resampler is None

    def flush(self) -> None:
        """Give what the resampler still holds: silence follows."""
        if self._resampler is not None:
            self._give(self._resampler.finish())
            self._resampler = None

    def clear(self) -> None:
        """Take back what was not committed."""
        self._resampler = None
        if self._buffered:
            self._buffered = 0
            self._actions.model("input_audio_buffer.clear")

    def lose(self) -> None:
        """There is no such buffer any more; the next one is empty."""
        self._resampler = None
        self._buffered = self.appended = 0

    def _give(self, pcm: bytes) -> None:
        if pcm:
            self._buffered += len(pcm) // SAMPLE_BYTES
            self.appended += len(pcm) // SAMPLE_BYTES
            self._actions.append_audio(base64.b64encode(pcm).decode())
