"""The gRPC door of ingress: Converse."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import TypeAlias

import grpc

from parley.v1 import conversation_service_pb2 as wire
from parley.v1 import conversation_service_pb2_grpc as rpc
from parley.v1 import stream_pb2
from services.common.boundary import session_boundary
from services.common.link import Link, tell
from services.ingress.call import Calls
from services.ingress.session import Session

log = logging.getLogger("parley.ingress")

Context: TypeAlias = "grpc.aio.ServicerContext[wire.ConverseRequest, wire.ConverseResponse]"


class ConversationServer(rpc.ConversationServiceServicer):
    """Takes calls over gRPC."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def Converse(  # type: ignore[override]
        self, requests: AsyncIterator[wire.ConverseRequest], context: Context
    ) -> None:
        """Hold one conversation."""

        async def refuse(error: stream_pb2.Error) -> None:
            await tell(context.write, wire.ConverseResponse(error=error))
            await tell(context.write, wire.ConverseResponse(closed=wire.Closed(reason=error.message)))

        async with session_boundary(log, "a call", refuse):

            async def client_link(session: Session) -> None:
                link = Link(
                    "client", requests, context.write, session.to_client, _beat, self._calls.limits.client_silent_s
                )
                await link.run(session.from_client)

            await self._calls.answer(requests, client_link)


def _beat(number: int) -> wire.ConverseResponse:
    return wire.ConverseResponse(heartbeat=stream_pb2.Heartbeat(beat=number))
