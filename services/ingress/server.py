"""The gRPC door of ingress: Converse."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Final, TypeAlias

import grpc

from parley.v1 import conversation_service_pb2 as wire
from parley.v1 import conversation_service_pb2_grpc as rpc
from parley.v1 import stream_pb2
from services.common.boundary import session_boundary
from services.common.errors import ProtocolFault
from services.common.link import Link, tell
from services.ingress.call import Calls
from services.ingress.session import Session

log = logging.getLogger("parley.ingress")

Context: TypeAlias = "grpc.aio.ServicerContext[wire.ConverseRequest, wire.ConverseResponse]"

CLIENT_SILENT_S: Final = 10.0
"""A client that has sent neither audio nor a heartbeat for this long has gone."""


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
            first = await anext(requests, wire.ConverseRequest())
            kind = first.WhichOneof("message")
            if kind != "open":
                raise ProtocolFault(f"the first message of a conversation must be open, not {kind or 'empty'}.")

            async def client_link(session: Session) -> None:
                link = Link("client", requests, context.write, session.to_client, _beat, CLIENT_SILENT_S)
                await link.run(session.from_client)

            await self._calls.run(first.open, client_link)


def _beat(number: int) -> wire.ConverseResponse:
    return wire.ConverseResponse(heartbeat=stream_pb2.Heartbeat(beat=number))
