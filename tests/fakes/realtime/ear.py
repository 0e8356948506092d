"""The fake's own ear: server_vad and semantic_vad by loudness, on the clock of the audio appended in the session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tests.fakes.position_code import RATE_HZ
from tests.fakes.realtime.wire import Event, Refusal

FRAME_SAMPLES: Final = RATE_HZ // 50
LOUD: Final = 500.0
"""Root mean square, in steps of PCM16, from which on a frame is voiced."""

ONSET_FRAMES: Final = 3
_EAGERNESS_MS: Final = {"high": 300, "medium": 600, "auto": 600, "low": 1200}
"""Pause that ends a turn in semantic_vad: a fake has no idea whether a sentence is complete."""


@dataclass(frozen=True, slots=True)
class Boundary:
    """Speech began or ended, at so many samples of the session's audio."""

    starts: bool
    at_samples: int

    @property
    def at_ms(self) -> int:
        """The same in milliseconds."""
        return self.at_samples * 1000 // RATE_HZ


class Ear:
    """Voice activity detection after the session's `turn_detection`, from sample `start` of the session on."""

    def __init__(self, turns: Event, start: int) -> None:
        semantic = turns["type"] == "semantic_vad"
        silence_ms = _EAGERNESS_MS[turns.get("eagerness") or "auto"] if semantic else turns["silence_duration_ms"]
        self._prefix_samples = int(turns.get("prefix_padding_ms") or 300) * RATE_HZ // 1000
        self._silence_frames = -(-int(silence_ms) // 20)
        self._at = start
        self._rest = b""
        self._run = 0
        """Frames in a row that speak against the present state."""
        self._speaks = False

    def feed(self, pcm: bytes) -> list[Boundary]:
        """Take 24 kHz PCM16LE; give what was heard to begin and end."""
        pcm = self._rest + pcm
        whole = len(pcm) // (FRAME_SAMPLES * 2) * FRAME_SAMPLES * 2
        levels, self._rest = _levels(pcm[:whole]), pcm[whole:]
        return [boundary for level in levels if (boundary := self._frame(bool(level >= LOUD))) is not None]

    def _frame(self, voiced: bool) -> Boundary | None:
        self._at += FRAME_SAMPLES
        self._run = self._run + 1 if voiced is not self._speaks else 0
        if self._run < (self._silence_frames if self._speaks else ONSET_FRAMES):
            return None
        onset = self._at - self._run * FRAME_SAMPLES
        self._run, self._speaks = 0, not self._speaks
        if self._speaks:
            return Boundary(True, max(onset - self._prefix_samples, 0))
        return Boundary(False, self._at)


def is_audible(pcm: bytes) -> bool:
    """Say whether any frame of 24 kHz PCM16LE is voiced."""
    return bool((_levels(pcm[: len(pcm) // (FRAME_SAMPLES * 2) * FRAME_SAMPLES * 2]) >= LOUD).any())


def _levels(frames: bytes) -> npt.NDArray[np.float64]:
    samples = np.frombuffer(frames, "<i2").astype(np.float64).reshape(-1, FRAME_SAMPLES)
    return np.sqrt((samples**2).mean(axis=1)) if len(samples) else np.zeros(0)


class InputBuffer:
    """Audio appended and not yet committed, 24 kHz PCM16LE. Positions count all samples appended in the session."""

    def __init__(self) -> None:
        self.audio = bytearray()
        self.start = 0
        """Position of the first sample that is kept."""

    @property
    def end(self) -> int:
        """Samples appended in the session."""
        return self.start + len(self.audio) // 2

    def append(self, audio: bytes) -> None:
        """Add audio. Raises Refusal for half a sample."""
        if len(audio) % 2:
            raise Refusal("invalid_value", "Invalid 'audio'. Expected whole 16-bit samples.", "audio")
        self.audio += audio

    def commit(self) -> bytes:
        """Take the audio. Raises Refusal below 100 ms, and keeps it then."""
        ms = len(self.audio) / 2 * 1000 / RATE_HZ
        if ms < 100:
            message = f"buffer too small. Expected at least 100ms of audio, but buffer only has {ms:.2f}ms of audio."
            raise Refusal("input_audio_buffer_commit_empty", f"Error committing input audio buffer: {message}")
        return self.clear()

    def take(self, start: int, end: int) -> bytes:
        """Take the audio between two positions, as far as it is there; what is older is forgotten."""
        first, last = max(start - self.start, 0) * 2, max(end - self.start, 0) * 2
        taken = bytes(self.audio[first:last])
        del self.audio[:last]
        self.start += last // 2
        return taken

    def clear(self) -> bytes:
        """Empty the buffer; give what was in it."""
        return self.take(self.start, self.end)
