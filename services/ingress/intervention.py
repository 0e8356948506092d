"""Intervention: what an operator does to a session of this ingress: have something said, stop the assistant, end it."""

from __future__ import annotations

import logging
import uuid
from weakref import WeakKeyDictionary

from parley.v1 import conversation_service_pb2 as client
from parley.v1 import operator_service_pb2 as wire
from parley.v1 import session_pb2
from parley.v1 import vad_service_pb2 as vad
from services.common.recent import Recent
from services.ingress.session import Session

log = logging.getLogger("parley.ingress")


class Interventions:
    """Each goes its way behind the microphone's audio, so that vad takes it in its place among what was said."""

    def __init__(self) -> None:
        self._said: WeakKeyDictionary[Session, Recent] = WeakKeyDictionary()

    def say(self, session: Session, request: wire.SayRequest) -> wire.SayResponse:
        """Have something said; a request that is sent again under its name changes nothing."""
        name = request.id or uuid.uuid4().hex
        if self._said.setdefault(session, Recent()).is_news(name):
            if request.interrupt:
                self.interrupt(session)
            announcement = session_pb2.Announcement(id=name, text=request.text.strip())
            session.uplink.keep(vad.ListenRequest(announcement=announcement))
            session.counters["operator_announcements"] += 1
            log.info("session %s: an operator has announcement %s said", request.session, name)
        return wire.SayResponse(id=name)

    def interrupt(self, session: Session) -> wire.InterruptResponse:
        """Stop what the assistant is saying, and what it was yet to announce."""
        session.uplink.retention.forget_announcements()
        session.uplink.press(vad.ListenRequest(operator_interrupt=vad.OperatorInterrupt()), at_once=False)
        session.counters["operator_interrupts"] += 1
        return wire.InterruptResponse()

    def end(self, session: Session, reason: str) -> wire.EndResponse:
        """Hang up, and say why."""
        session.parting.say_farewell(client.Closed.CODE_OPERATOR, reason)
        session.counters["operator_ends"] += 1
        return wire.EndResponse()
