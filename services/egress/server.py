"""The gRPC face of egress: Speak for the broker, Attach for the ingress."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import TypeAlias

import grpc

from parley.v1 import egress_service_pb2 as wire
from parley.v1 import egress_service_pb2_grpc as rpc
from parley.v1 import stream_pb2
from services.common.boundary import session_boundary
from services.common.link import Link, tell
from services.common.outbox import Outbox
from services.common.ownership import Ownership, checked
from services.common.topic import Subscriber
from services.egress.session import Speaking
from services.egress.speakings import Speakings

log = logging.getLogger("parley.egress")

SpeakContext: TypeAlias = "grpc.aio.ServicerContext[wire.SpeakRequest, wire.SpeakResponse]"
AttachContext: TypeAlias = "grpc.aio.ServicerContext[wire.AttachRequest, wire.AttachResponse]"

_SUPERSEDED = stream_pb2.StreamEnd(reason=stream_pb2.StreamEnd.REASON_SUPERSEDED)
_OUTBOX_MESSAGES = 4000
"""Audio messages that may wait for one reader: more than a whole lead and every caption of a long reply."""


class EgressServer(rpc.EgressServiceServicer):
    """Joins the two streams of each session."""

    def __init__(self, speakings: Speakings, topic: Subscriber) -> None:
        self._speakings = speakings
        self._topic = topic
        self._speakers = Ownership()
        self._listeners = Ownership()

    async def Speak(  # type: ignore[override]
        self, requests: AsyncIterator[wire.SpeakRequest], context: SpeakContext
    ) -> None:
        """Take the replies of one session."""
        outbox: Outbox[wire.SpeakResponse] = Outbox(_OUTBOX_MESSAGES)

        async def refuse(error: stream_pb2.Error) -> None:
            await tell(context.write, wire.SpeakResponse(error=error))

        async with session_boundary(log, "Speak", refuse):
            first = await anext(requests, wire.SpeakRequest())
            opened = checked(first.WhichOneof("message"), first.open)
            link = Link("broker", requests, context.write, outbox, lambda n: wire.SpeakResponse(heartbeat=_beat(n)))
            async with AsyncExitStack() as stack:
                superseded = wire.SpeakResponse(end=_SUPERSEDED)
                stack.enter_context(self._speakers.claim(opened, lambda: outbox.close(superseded)))
                speaking = self._speakings.get(opened.session, resumes=opened.resumes)
                stack.callback(self._speakings.leave, speaking)
                stack.callback(speaking.leave_broker, outbox)
                speaking.join_broker(outbox, opened.lease)
                await link.run(lambda request: speaking.from_broker(request, outbox))

    async def Attach(  # type: ignore[override]
        self, requests: AsyncIterator[wire.AttachRequest], context: AttachContext
    ) -> None:
        """Give one session's replies to its ingress, in time."""
        outbox: Outbox[wire.AttachResponse] = Outbox(_OUTBOX_MESSAGES)

        async def refuse(error: stream_pb2.Error) -> None:
            await tell(context.write, wire.AttachResponse(error=error))

        async with session_boundary(log, "Attach", refuse):
            first = await anext(requests, wire.AttachRequest())
            opened = checked(first.WhichOneof("message"), first.open.open)
            link = Link("ingress", requests, context.write, outbox, lambda n: wire.AttachResponse(heartbeat=_beat(n)))
            async with AsyncExitStack() as stack:
                superseded = wire.AttachResponse(end=_SUPERSEDED)
                stack.enter_context(self._listeners.claim(opened, lambda: outbox.close(superseded)))
                speaking = self._speakings.get(opened.session, resumes=opened.resumes)
                stack.callback(self._speakings.leave, speaking)
                stack.callback(self._detach, speaking, outbox)
                stack.callback(self._topic.follow(opened.session, speaking.from_topic))
                speaking.join_ingress(outbox, first.open)
                await link.run(lambda request: speaking.from_ingress(request, outbox))

    def _detach(self, speaking: Speaking, outbox: Outbox[wire.AttachResponse]) -> None:
        speaking.leave_ingress(outbox)
        counters = speaking.playout.counters
        if counters:
            log.info("session %s: %s", speaking.session, ", ".join(f"{k} {v}" for k, v in sorted(counters.items())))


def _beat(number: int) -> stream_pb2.Heartbeat:
    return stream_pb2.Heartbeat(beat=number)
