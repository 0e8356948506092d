"""The gRPC door of ingress: Converse."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final, TypeAlias

import grpc
from google.protobuf.message import DecodeError

from parley.v1 import conversation_service_pb2 as wire
from parley.v1 import stream_pb2
from services.common.errors import LimitFault, ProtocolFault
from services.ingress.call import Calls
from services.ingress.caller import Caller

Context: TypeAlias = "grpc.aio.ServicerContext[wire.ConverseRequest, wire.ConverseResponse]"

SERVICE: Final = "parley.v1.ConversationService"

LINGER_S: Final = 0.5
"""How long a client that did not expect the end has to read why, before the stream closes."""


class ConversationServer:
    """Takes calls over gRPC."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._max_message_bytes = calls.limits.max_message_bytes

    def add_to(self, server: grpc.aio.Server) -> None:
        """Open the door. It decodes by itself: what gRPC's own way of it cannot is told in our words."""
        converse = grpc.stream_stream_rpc_method_handler(
            self.Converse,
            request_deserializer=self._decode,
            response_serializer=wire.ConverseResponse.SerializeToString,
        )
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"Converse": converse}),))

    async def Converse(self, requests: AsyncIterator[wire.ConverseRequest], context: Context) -> None:
        """Hold one conversation."""
        caller = Caller(self._calls, requests, context.write)
        await caller.converse()
        if caller.closed is not None and caller.closed.code != wire.Closed.CODE_CLIENT:
            # A client that is sending when the stream closes may lose what it has not read: its own library's INTERNAL
            # takes the place of our words. One that has read them goes, and this ends.
            await asyncio.sleep(LINGER_S)
        if caller.untold is not None:  # the status at least overtakes what it has not read
            limit = caller.untold.code == stream_pb2.Error.CODE_LIMIT
            context.set_code(grpc.StatusCode.RESOURCE_EXHAUSTED if limit else grpc.StatusCode.UNAVAILABLE)
            context.set_details(caller.untold.message)

    def _decode(self, message: bytes) -> wire.ConverseRequest:
        """Return a request. Raises LimitFault or ProtocolFault, where the request was to be read."""
        if len(message) > self._max_message_bytes:
            raise LimitFault(
                f"a message of {len(message)} bytes is larger than {self._max_message_bytes} bytes; "
                "send 20 ms of audio in each.",
                limit="message_size",
            )
        try:
            return wire.ConverseRequest.FromString(message)
        except DecodeError as error:
            raise ProtocolFault(
                f"a message of {len(message)} bytes is no ConverseRequest in protobuf; see "
                "protos/parley/v1/conversation_service.proto."
            ) from error
