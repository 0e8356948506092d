"""The gRPC door of ingress: Converse."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TypeAlias

import grpc

from parley.v1 import conversation_service_pb2 as wire
from parley.v1 import conversation_service_pb2_grpc as rpc
from services.ingress.call import Calls
from services.ingress.caller import Caller

Context: TypeAlias = "grpc.aio.ServicerContext[wire.ConverseRequest, wire.ConverseResponse]"


class ConversationServer(rpc.ConversationServiceServicer):
    """Takes calls over gRPC."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def Converse(  # type: ignore[override]
        self, requests: AsyncIterator[wire.ConverseRequest], context: Context
    ) -> None:
        """Hold one conversation."""
        await Caller(self._calls, requests, context.write).converse()
