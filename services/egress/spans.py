"""Spans of egress: a reply's way from its first sample here to its last one at the client; how it is cut off."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from parley.v1 import audio_pb2 as audio
from parley.v1 import egress_service_pb2 as wire
from parley.v1 import session_pb2 as session
from services.common import names
from services.common.audio import REPLY_HZ
from services.common.bounded import Bounded
from services.common.tracing.mic_time import in_s
from services.common.tracing.tracing import SessionTracing, Tracing, Value, here

TOPIC: Final = "topic"
IN_BAND: Final = "in_band"


@dataclass
class _Reply:
    turn: str
    number: int
    first_audio_s: float
    first_sent_s: float = 0.0
    first_sample_s: float = 0.0
    """When the client's speaker began with it; 0: it has not."""
    is_over: bool = False


class Spans:
    """One session's. It is shown what the stage is told and what it gives, and changes nothing."""

    def __init__(
        self, name: str = "", tracing: Tracing | None = None, unix_clock: Callable[[], float] = time.time
    ) -> None:
        self._spans = SessionTracing(tracing or here(), name)
        self._clock = unix_clock
        self._replies: Bounded[int, _Reply] = Bounded()
        self._cancels: Bounded[int, float] = Bounded()
        """When each was first heard of."""

    # A reply.

    def begin(self, started: wire.ReplyStarted) -> None:
        """The broker begins with a reply."""
        if self._spans.is_on and started.reply not in self._replies:
            began_s = in_s(started.first_audio_us) or self._clock()
            self._replies[started.reply] = _Reply(started.traceparent, started.reply, began_s)

    def sent(self, piece: object) -> None:
        """Something goes to ingress."""
        if not self._spans.is_on or not isinstance(piece, audio.ReplyAudio) or piece.position:
            return
        reply = self._replies.get(piece.reply)
        if reply is not None and not reply.first_sent_s:
            reply.first_sent_s = self._clock()
            self._record(names.EGRESS_FIRST_FRAME, reply, reply.first_audio_s, reply.first_sent_s)

    def played(self, playback: audio.Playback) -> None:
        """The client's speaker has come so far."""
        reply = self._replies.get(playback.reply) if self._spans.is_on else None
        if reply is None or reply.is_over:
            return
        at_s = in_s(playback.at_us) or self._clock()
        if not reply.first_sample_s and reply.first_sent_s:
            reply.first_sample_s = at_s - playback.position / REPLY_HZ
            first_sample = playback.mic_offset - playback.position * 2 // 3  # on the microphone's clock: 16 of 24 kHz
            attributes = {"mic_offset": max(first_sample, 0), "is_estimated": playback.estimated}
            self._record(names.CLIENT_FIRST_SAMPLE, reply, reply.first_sent_s, reply.first_sample_s, **attributes)
        if playback.ended:
            self._over(reply, at_s, playback.position, playback.underruns)

    def silent(self, flushed: audio.Flushed) -> None:
        """The client has fallen silent in the middle of a reply."""
        reply = self._replies.get(flushed.reply) if self._spans.is_on else None
        if reply is not None and not reply.is_over:
            self._over(reply, in_s(flushed.at_us) or self._clock(), flushed.position, 0, is_cut_off=True)

    def _over(self, reply: _Reply, at_s: float, position: int, underruns: int, *, is_cut_off: bool = False) -> None:
        reply.is_over = True
        if reply.first_sample_s:
            known = {"played_ms": position * 1000 // REPLY_HZ, "underruns": underruns, "is_cut_off": is_cut_off}
            self._record(names.CLIENT_PLAYOUT, reply, reply.first_sample_s, at_s, **known)

    # An interruption.

    def cancelled(self, interrupt: session.Interrupt, way: str) -> None:
        """A cancel is heard of, by whichever way."""
        if not self._spans.is_on or interrupt.seq in self._cancels or not interrupt.traceparent:
            return
        self._cancels[interrupt.seq] = now_s = self._clock()
        decided_s = in_s(interrupt.decided_at_us) or now_s
        known: dict[str, Value] = {"seq": interrupt.seq, "stage": "egress", "way": way}
        self._spans.record(names.INTERRUPT_FANOUT, interrupt.traceparent, decided_s, now_s, **known)

    def flushed(self, interrupt: session.Interrupt, samples: int) -> None:
        """A cancel has come in band, and `samples` were dropped by it."""
        if self._spans.is_on and interrupt.seq in self._cancels:
            since_s = self._cancels[interrupt.seq]
            known = {"seq": interrupt.seq, "floor": interrupt.floor, "dropped_ms": samples * 1000 // REPLY_HZ}
            self._spans.record(names.EGRESS_FLUSH, interrupt.traceparent, since_s, self._clock(), **known)

    def _record(self, name: str, reply: _Reply, start_s: float, end_s: float, **attributes: int) -> None:
        self._spans.record(name, reply.turn, start_s, end_s, reply=reply.number, **attributes)
