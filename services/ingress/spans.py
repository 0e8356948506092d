"""Spans of ingress: when a cancel came, and when the client was silent; and the wall clock of its microphone."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from parley.v1 import audio_pb2 as audio
from parley.v1 import session_pb2 as session
from services.common import names
from services.common.bounded import Bounded
from services.common.tracing.mic_time import MicTime, in_s
from services.common.tracing.tracing import SessionTracing, Tracing, Value, here

LISTEN: Final = "listen"
TOPIC: Final = "topic"
IN_BAND: Final = "in_band"


class Spans:
    """One session's. What the client reports gets its time by the wall clock, whether or not spans are sent here."""

    def __init__(self, tracing: Tracing | None = None, unix_clock: Callable[[], float] = time.time) -> None:
        self._tracing = tracing or here()
        self._spans = SessionTracing(self._tracing, "")
        self._clock = unix_clock
        self._mic = MicTime()
        self._cancels: Bounded[int, str] = Bounded()
        self._told: Bounded[int, float] = Bounded()

    def belongs_to(self, name: str) -> None:
        """The session has a name."""
        self._spans = SessionTracing(self._tracing, name)

    def hear(self, mic_offset: int) -> None:
        """The client's microphone has come so far, on the ring's clock."""
        self._mic.note(mic_offset, self._clock())

    def stamp(self, report: audio.Playback | audio.Flushed) -> None:
        """Put the wall clock's time into a report whose offsets are the ring's."""
        report.at_us = self._mic.unix_us(report.mic_offset)

    def cancelled(self, interrupt: session.Interrupt, way: str) -> None:
        """A cancel is heard of, by whichever way."""
        is_known = interrupt.seq in self._cancels
        if not self._spans.is_on or is_known or interrupt.kind != session.Interrupt.KIND_CANCEL:
            return
        self._cancels[interrupt.seq] = interrupt.traceparent
        now_s = self._clock()
        decided_s = in_s(interrupt.decided_at_us) or now_s
        known: dict[str, Value] = {"seq": interrupt.seq, "stage": "ingress", "way": way}
        self._spans.record(names.INTERRUPT_FANOUT, interrupt.traceparent, decided_s, now_s, **known)

    def told_flush(self, seq: int) -> None:
        """The client is told to be silent."""
        if self._spans.is_on:
            self._told[seq] = self._clock()

    def silent(self, flushed: audio.Flushed) -> None:
        """The client has fallen silent; it says itself when."""
        told_s = self._told.get(flushed.seq)
        if told_s is not None and self._spans.is_on:
            del self._told[flushed.seq]
            silent_s = in_s(flushed.at_us) or self._clock()
            known = {"seq": flushed.seq, "reply": flushed.reply, "mic_offset": flushed.mic_offset}
            turn = self._cancels.get(flushed.seq, "")
            self._spans.record(names.CLIENT_SILENT, turn, min(told_s, silent_s), silent_s, **known)
