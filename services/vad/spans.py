"""Spans of vad: what it decided and why, in the turn's trace; and the contexts that its messages carry."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import session_pb2 as session
from parley.v1 import stream_pb2
from services.common import names
from services.common.bounded import Bounded
from services.common.errors import ParleyError, RemoteFault, Superseded
from services.common.tracing.context import mint
from services.common.tracing.mic_time import MicTime, in_s, in_us
from services.common.tracing.tracing import Failure, SessionTracing, Tracing, Value, here
from services.vad.events import Event
from services.vad.parting import BrokerLeaves, NobodyCameBack

Kind = session.Interrupt

_SPANS: Final = {
    Kind.KIND_DUCK: names.VAD_DUCK,
    Kind.KIND_RELEASE: names.VAD_RELEASE,
    Kind.KIND_CANCEL: names.INTERRUPT_DETECT,
}
_PROBABILITIES: Final = ("confidence", "command", "phrase", "backchannel", "noise", "clarity_db")


class Spans:
    """One session's. Messages are stamped whether or not this process sends spans: another one may."""

    def __init__(
        self, name: str = "", tracing: Tracing | None = None, unix_clock: Callable[[], float] = time.time
    ) -> None:
        self._spans = SessionTracing(tracing or here(), name)
        self._clock = unix_clock
        self._mic = MicTime()
        self._turns: Bounded[int, str] = Bounded()
        self._replies: Bounded[int, str] = Bounded()
        self._newest = ""
        self._tentative: broker.TurnEnded | None = None
        self._over = 0
        """The newest turn whose end was no tentative one."""
        self._went_on_s: dict[int, float] = {}

    def hear(self, mic_offset: int) -> None:
        """All samples before this have come."""
        self._mic.note(mic_offset, self._clock())

    def go_on(self, past: stream_pb2.Past) -> None:
        """Begin in the midst of a session."""
        if past.traceparent:
            self._turns[past.turn] = self._newest = past.traceparent
            self._over = past.turn

    def progress(self, progress: broker.TurnProgress) -> None:
        """A reply was begun: an interruption of it belongs to its turn."""
        if progress.reply and progress.traceparent:
            self._replies[progress.reply] = progress.traceparent

    def failed(self, fault: ParleyError) -> None:
        """The session ends here by a fault, or its broker is lost: its newest turn is the one that suffers."""
        is_told = isinstance(fault, RemoteFault) and fault.error.code != stream_pb2.Error.CODE_INTERNAL
        if not is_told and not isinstance(fault, (Superseded, NobodyCameBack, BrokerLeaves)) and self._newest:
            now_s = self._clock()
            self._spans.record(names.RING_FAULT, self._newest, now_s, now_s, Failure.of(fault), stage="vad")

    def stamp(self, event: Event, basis: Callable[[], Mapping[str, float]]) -> None:
        """Put into an event what a trace needs, and record what has been decided. `basis`: what an end rests on."""
        match event:
            case broker.SpeechStarted():
                self._turns[event.turn] = self._newest = event.traceparent
            case broker.Typed():
                event.traceparent = event.traceparent or mint()
                self._turns[event.turn] = self._newest = event.traceparent
                event.decided_at_us = in_us(self._clock())
                self._over = event.turn
            case broker.TurnEnded():
                event.spoken_until_us = self._mic.unix_us(event.end_offset)
                event.decided_at_us = in_us(self._clock())
                self._tentative = event if event.tentative else None
                if not event.tentative:
                    self._ended(event, event.waited_ms, event.confidence, event.decided_at_us, basis)
            case broker.TurnConfirmed():
                event.decided_at_us = in_us(self._clock())
                if (ended := self._tentative) is not None and ended.turn == event.turn:
                    self._ended(ended, event.waited_ms, event.confidence, event.decided_at_us, basis)
                self._tentative = None
            case broker.TurnResumed():
                self._tentative = None
                if event.turn == self._over:
                    self._went_on_s[event.turn] = self._clock()
            case Kind():
                self._decided(event)

    def _ended(
        self,
        ended: broker.TurnEnded,
        waited_ms: float,
        p: float,
        decided_at_us: int,
        basis: Callable[[], Mapping[str, float]],
    ) -> None:
        self._over = ended.turn
        went_on_s = self._went_on_s.pop(ended.turn, None)
        if not self._spans.is_on:
            return
        turn, spoken_until_s = self._turns.get(ended.turn, ""), in_s(ended.spoken_until_us)
        if went_on_s is not None:
            self._spans.record(names.PERSON_SPEECH, turn, went_on_s, spoken_until_s, turn=ended.turn)
        self._spans.record(
            names.VAD_ENDPOINT,
            turn,
            spoken_until_s,
            in_s(decided_at_us),
            turn=ended.turn,
            waited_ms=round(waited_ms, 1),
            p_complete=round(p, 3),
            speech_ms=ended.speech_ms,
            is_interruption=ended.interruption,
            **self._word("stop_word", ended.stop_word),
            **{f"end__{name}": value for name, value in basis().items()},
        )

    def _decided(self, verdict: session.Interrupt) -> None:
        now_s = self._clock()
        verdict.traceparent = self._replies.get(verdict.playhead.reply, "") or self._newest
        verdict.decided_at_us = in_us(now_s)
        if not self._spans.is_on:
            return
        onset_s = self._mic.unix_s(verdict.onset_offset) or now_s
        seen: dict[str, Value] = {}
        if verdict.HasField("evidence"):
            seen = {f"ear__{name}": round(getattr(verdict.evidence, name), 3) for name in _PROBABILITIES}
            seen |= self._word("ear__word", verdict.evidence.word)
        self._spans.record(
            _SPANS.get(verdict.kind, names.INTERRUPT_DETECT),
            verdict.traceparent,
            min(onset_s, now_s),
            now_s,
            seq=verdict.seq,
            cause=Kind.Cause.Name(verdict.cause).removeprefix("CAUSE_").lower(),
            reply=verdict.playhead.reply,
            reply_position_ms=verdict.playhead.position // 24,
            **seen,
        )

    def _word(self, name: str, word: str) -> dict[str, Value]:
        """Return a word of the person's as an attribute, where words may be told."""
        return {name: word} if word and self._spans.tracing.tells_words else {}
