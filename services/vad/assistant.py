"""Assistant: what the playheads on the microphone's frames say about the other side of the conversation."""

from __future__ import annotations

from typing import Final

from parley.v1 import audio_pb2 as audio
from services.common.audio import MIC_HZ, REPLY_HZ
from services.vad.voice import SAMPLES_PER_MS

RESUMABLE_SAMPLES: Final = 300 * REPLY_HZ // 1000
"""Until this much of a reply was heard, speech resumes the turn it answers; after that it interrupts the reply."""

_HANGOVER_SAMPLES: Final = 200 * SAMPLES_PER_MS
"""A reply that pauses for less than this is still the same reply being heard."""


class Assistant:
    """Is the assistant audible, and how much of its reply was heard? Time is the microphone's sample clock."""

    def __init__(self) -> None:
        self.playhead = audio.Playhead()
        self._dead_reply = 0
        self._last_audible = -_HANGOVER_SAMPLES

    def hear(self, offset: int, playhead: audio.Playhead) -> None:
        """Take the playhead of the frame that begins at `offset`. What a cancelled reply still plays counts not."""
        if playhead.reply > self._dead_reply:
            self.playhead.CopyFrom(playhead)
            self._last_audible = offset

    def is_audible(self, offset: int) -> bool:
        """Say whether it is audible at `offset`."""
        return offset - self._last_audible < _HANGOVER_SAMPLES

    def heard_at(self, offset: int, now: int, last_reply: int) -> int:
        """Return how much of the newest reply, one after `last_reply`, had been heard at an earlier `offset`."""
        if self.playhead.reply <= last_reply:
            return 0
        return max(self.playhead.position - (now - offset) * REPLY_HZ // MIC_HZ, 0)

    def cancel(self) -> None:
        """Its reply was cancelled: what is still heard of it is the past."""
        self._dead_reply = self.playhead.reply
        self._last_audible = -_HANGOVER_SAMPLES
