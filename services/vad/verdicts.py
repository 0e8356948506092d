"""Verdicts: vad's numbered words on who has the floor. vad alone authors them, so their numbers only grow."""

from __future__ import annotations

from typing import TypeAlias

from parley.v1 import audio_pb2 as audio
from parley.v1 import session_pb2 as wire

Kind = wire.Interrupt
Cause: TypeAlias = "wire.Interrupt.Cause.ValueType"


class Verdicts:
    """Mints the Interrupts of one session. A release without a duck is none."""

    def __init__(self, session: str, lease: int) -> None:
        self._session = session
        self._lease = lease
        self._seq = 0
        self._ducked = False

    def duck(self, onset: int, now: int, playhead: audio.Playhead) -> wire.Interrupt:
        """Lower the reply."""
        self._ducked = True
        return self._mint(Kind.KIND_DUCK, Kind.CAUSE_SPEECH, onset, now, playhead)

    def release(self, cause: Cause, onset: int, now: int, playhead: audio.Playhead) -> list[wire.Interrupt]:
        """Undo the duck, if there is one."""
        if not self._ducked:
            return []
        self._ducked = False
        return [self._mint(Kind.KIND_RELEASE, cause, onset, now, playhead)]

    def cancel(self, cause: Cause, onset: int, now: int, playhead: audio.Playhead) -> wire.Interrupt:
        """Stop the reply. It undoes a duck too."""
        self._ducked = False
        return self._mint(Kind.KIND_CANCEL, cause, onset, now, playhead)

    def _mint(
        self, kind: Kind.Kind.ValueType, cause: Cause, onset: int, now: int, playhead: audio.Playhead
    ) -> wire.Interrupt:
        self._seq += 1
        return wire.Interrupt(
            session=self._session,
            lease=self._lease,
            seq=self._seq,
            kind=kind,
            cause=cause,
            onset_offset=onset,
            decided_offset=now,
            playhead=playhead,
        )
