"""Taken: how far the person's turns have been decided upon, for a vad, or a broker, that goes on from there."""

from __future__ import annotations

from typing import Final

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import session_pb2 as session
from services.broker import journal
from services.broker.actions import Actions, Mark
from services.common.audio import MIC_HZ, SAMPLE_BYTES

_SAMPLES_PER_MS: Final = MIC_HZ // 1000


class Taken:
    """One conversation's. Offsets are the user's samples since the session began."""

    def __init__(self, actions: Actions) -> None:
        self.turn = 0
        """The newest turn whose end was taken."""
        self.offset = 0
        """What sounded before this is decided upon."""
        self.audio_offset = 0
        """Where the model listens all the time: it was given everything before this."""
        self._actions = actions

    def hear(self, audio: broker.TurnAudio) -> None:
        """Take a piece of sound that the model is given."""
        self.audio_offset = audio.mic_offset + len(audio.pcm) // SAMPLE_BYTES

    def end(self, ended: broker.TurnEnded) -> int:
        """Take the end of a turn; return up to where all is decided by it."""
        offset = ended.end_offset + round(ended.waited_ms * _SAMPLES_PER_MS)
        return self._take(journal.taken(ended.turn, offset, waited_ms=ended.waited_ms))

    def type(self, typed: broker.Typed) -> int:
        """Take a turn that was typed; return up to where all is decided by it."""
        return self._take(journal.taken(typed.turn, typed.mic_offset, name=typed.id))

    def _take(self, mark: session.HistoryItem) -> int:
        self.known(mark.turn, mark.mic_offset)
        self._actions.add(Mark(mark))
        return mark.mic_offset

    def known(self, turn: int, offset: int = 0) -> None:
        """A turn was taken, at some time, by some broker."""
        self.turn, self.offset = max(self.turn, turn), max(self.offset, offset)
