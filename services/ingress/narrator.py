"""Narrator: tells the log of an interruption's steps at the client: what was dropped for it, and that it is silent."""

from __future__ import annotations

import logging

from parley.v1 import audio_pb2 as audio
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import session_pb2
from services.common import moments
from services.common.audio import REPLY_HZ
from services.common.traceparent import trace_id

log = logging.getLogger("parley.ingress")


class Narrator:
    """One session's."""

    def __init__(self) -> None:
        self._trace = ""
        self._awaited = 0
        """The flush that the client has yet to answer: a client that answers what nobody asked is not written down."""

    def verdict(self, interrupt: session_pb2.Interrupt) -> None:
        """A verdict has come; what follows is of its trace."""
        self._trace = trace_id(interrupt.traceparent)

    def cleared(self, session: str, flush: client.Flush, reply: int, waiting: int) -> None:
        """So many messages of a reply that waited for the client are dropped."""
        self._awaited = flush.seq
        words, known = f"{waiting} messages to the client", {"seq": flush.seq, "floor": flush.floor}
        moments.note(log, moments.BUFFERS_CLEARED, session, words, reply=reply, trace_id=self._trace, **known)

    def silent(self, session: str, flushed: audio.Flushed) -> None:
        """The client has fallen silent, at that sample of the ring's clock."""
        if not flushed.seq or flushed.seq != self._awaited:
            return
        self._awaited = 0
        words = f"{flushed.position * 1000 // REPLY_HZ} ms of the reply were heard"
        known = {"reply": flushed.reply, "seq": flushed.seq}
        moments.note(log, moments.CLIENT_SILENT, session, words, trace_id=self._trace, **known)
