"""Verdicts: vad's numbered words on who has the floor. vad alone authors them, so their numbers only grow."""

from __future__ import annotations

from typing import Final, TypeAlias

from parley.v1 import audio_pb2 as audio
from parley.v1 import session_pb2 as wire
from services.vad.content.words import SILENCING
from services.vad.interruption import Verdict, Why

Kind = wire.Interrupt
Cause: TypeAlias = "wire.Interrupt.Cause.ValueType"

CAUSES: Final[dict[Why, Cause]] = {
    Why.WORD: Kind.CAUSE_WORD,
    Why.PHRASE: Kind.CAUSE_SPEECH,
    Why.BACKCHANNEL: Kind.CAUSE_BACKCHANNEL,
    Why.NOISE: Kind.CAUSE_NOISE,
    Why.TIMEOUT: Kind.CAUSE_TIMEOUT,
}
"""How the wire calls the ear's reasons."""


class Verdicts:
    """Mints the Interrupts of one session. A release without a duck is none."""

    def __init__(self, session: str, lease: int) -> None:
        self._session = session
        self._lease = lease
        self._seq = 0
        self._ducked = False

    def go_on(self, lease: int, seq: int) -> None:
        """Speak under this lease from now on, with numbers above `seq`."""
        self._lease = max(self._lease, lease)
        self._seq = max(self._seq, seq)

    def duck(self, verdict: Verdict, now: int, playhead: audio.Playhead) -> wire.Interrupt:
        """Lower the reply."""
        self._ducked = True
        return self._mint(Kind.KIND_DUCK, Kind.CAUSE_SPEECH, verdict.onset_sample, now, playhead, verdict)

    def release(
        self, cause: Cause, onset: int, now: int, playhead: audio.Playhead, verdict: Verdict | None = None
    ) -> list[wire.Interrupt]:
        """Undo the duck, if there is one."""
        if not self._ducked:
            return []
        self._ducked = False
        return [self._mint(Kind.KIND_RELEASE, cause, onset, now, playhead, verdict)]

    def cancel(
        self, cause: Cause, onset: int, now: int, playhead: audio.Playhead, verdict: Verdict | None = None
    ) -> wire.Interrupt:
        """Stop the reply. It undoes a duck too."""
        self._ducked = False
        return self._mint(Kind.KIND_CANCEL, cause, onset, now, playhead, verdict)

    def _mint(
        self,
        kind: Kind.Kind.ValueType,
        cause: Cause,
        onset: int,
        now: int,
        playhead: audio.Playhead,
        verdict: Verdict | None,
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
            evidence=_evidence(verdict) if verdict is not None else None,
        )


def _evidence(verdict: Verdict) -> wire.VerdictEvidence:
    """Return what a verdict rests on, for logs and traces."""
    evidence = wire.VerdictEvidence(confidence=verdict.confidence, clarity_db=verdict.clarity_db)
    if (opinion := verdict.opinion) is not None:
        evidence.command, evidence.phrase = opinion.command, opinion.phrase
        evidence.backchannel, evidence.noise = opinion.backchannel, opinion.noise
        evidence.word = opinion.word if verdict.why is Why.WORD else ""
    return evidence


def silencing_word(verdict: Verdict) -> str:
    """Return the word that ended the reply, if it is one that asks for silence: alone, it is not answered."""
    word = verdict.opinion.word if verdict.why is Why.WORD and verdict.opinion is not None else ""
    return word if word in SILENCING else ""
