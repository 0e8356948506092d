"""Narrator: tells the log what becomes of a session's turns and interruptions, each step by its name, and counts them.

It sees every event on its way out, once, and changes none.
"""

from __future__ import annotations

import logging
from typing import Any, Final

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import session_pb2 as session
from services.common import moments
from services.common.logs import may_tell_words
from services.common.traceparent import trace_id
from services.vad.events import Event
from services.vad.explanation import in_words
from services.vad.tally import BY_EAR, CANCEL, DUCK, Cause, Tally, cause_of

log = logging.getLogger("parley.vad")

Kind = session.Interrupt
_VERDICTS: Final = {
    Kind.KIND_DUCK: moments.SPEECH_OVER_REPLY,
    Kind.KIND_RELEASE: moments.REPLY_GOES_ON,
    Kind.KIND_CANCEL: moments.INTERRUPTED,
}
_LISTENS: Final = (
    session.CONVERSATION_STATE_IDLE,
    session.CONVERSATION_STATE_LISTENING,
    session.CONVERSATION_STATE_BARGE_IN,
)


class Narrator:
    """One session's."""

    def __init__(self, session_name: str, tally: Tally) -> None:
        self._session = session_name
        self._tally = tally
        self._turn = 0
        self._trace = ""
        self._cancel = session.Interrupt()
        """The one after which it is not yet known whether somebody spoke."""
        self._interrupting = 0
        """The turn that ended a reply."""
        self._awaits_listening = False

    def take(self, event: Event) -> None:
        """See an event on its way out."""
        match event:
            case session.Interrupt():
                self._take_verdict(event)
            case client.State():
                self._take_state(event)
            case broker.SpeechStarted():
                self._turn, self._trace = event.turn, trace_id(event.traceparent)
                self._interrupting = event.turn if self._cancel.seq else 0
            case broker.TurnEnded(tentative=False) | broker.TurnConfirmed():
                self._take_end(event)
            case broker.Typed():
                self._turn, self._trace, self._cancel = event.turn, "", session.Interrupt()
                moments.note(log, moments.TURN_ENDED, self._session, "typed", turn=event.turn)
            case broker.SpeechDismissed():
                self._tally.dismissed(event.why)
                if self._cancel.seq and event.turn == self._interrupting and self._cancel.cause in BY_EAR:
                    self._tally.taken_back(CANCEL, self._cancel.cause)
                self._cancel = session.Interrupt()

    def _take_verdict(self, verdict: session.Interrupt) -> None:
        self._count(verdict.kind, verdict.cause)
        if verdict.kind == Kind.KIND_CANCEL:
            self._cancel, self._interrupting, self._awaits_listening = verdict, 0, True
        moment = _VERDICTS.get(verdict.kind)
        if moment is None:
            return
        words = in_words(verdict, tells_word=may_tell_words())
        # Until the next turn begins, the newest is the one that the reply answers.
        known: dict[str, Any] = {
            "reply": verdict.playhead.reply,
            "seq": verdict.seq,
            "cause": cause_of(verdict.cause),
            "trace_id": trace_id(verdict.traceparent) or self._trace,
        }
        moments.note(log, moment, self._session, words, turn=self._turn, **known)

    def _count(self, kind: Kind.Kind.ValueType, cause: Cause) -> None:
        if kind == Kind.KIND_CANCEL:
            self._tally.cancelled(cause)
        elif kind == Kind.KIND_RELEASE:
            self._tally.taken_back(DUCK, cause)

    def _take_state(self, state: client.State) -> None:
        """After a cancel the person has the floor again."""
        if not self._awaits_listening or state.state not in _LISTENS:
            return
        self._awaits_listening = False
        seq, trace = self._cancel.seq, self._trace
        moments.note(log, moments.LISTENING_AGAIN, self._session, turn=state.turn, seq=seq, trace_id=trace)

    def _take_end(self, event: broker.TurnEnded | broker.TurnConfirmed) -> None:
        self._cancel = session.Interrupt()
        words = f"{event.waited_ms:.0f} ms of silence, p(complete) {event.confidence:.2f}"
        known: dict[str, Any] = {"waited_ms": round(event.waited_ms), "confidence": round(event.confidence, 2)}
        moments.note(log, moments.TURN_ENDED, self._session, words, turn=event.turn, trace_id=self._trace, **known)
