"""The gRPC door of ingress: Converse."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final, TypeAlias

import grpc
from google.protobuf.message import DecodeError

from parley.v1 import conversation_service_pb2 as wire
from parley.v1 import stream_pb2
from services.common.boundary import contained_work
from services.common.errors import LimitFault, ParleyError, ProtocolFault
from services.common.reads import CANCELLED_READS, Reader
from services.ingress.call import Calls
from services.ingress.caller import Caller
from services.ingress.inbox import Inbox
from services.ingress.locks.knock import Knock, bearer, grpc_address

log = logging.getLogger("parley.ingress")

Context: TypeAlias = "grpc.aio.ServicerContext[wire.ConverseRequest, wire.ConverseResponse]"

SERVICE: Final = "parley.v1.ConversationService"

LINGER_S: Final = 0.5
"""How long a client that did not expect the end has to read why, before the stream closes."""


class ConversationServer:
    """Takes calls over gRPC. `tally` is the process's."""

    def __init__(self, calls: Calls, tally: Counter[str] | None = None) -> None:
        self._calls = calls
        self._tally = tally if tally is not None else Counter()
        self._max_message_bytes = calls.limits.max_message_bytes
        self._reading: set[asyncio.Task[None]] = set()

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
        inbox: Inbox[wire.ConverseRequest] = Inbox(self._calls.limits.max_at_once, lambda may: reader.may_send(may))
        reader = Reader(requests, inbox.put, inbox.close)
        self._begin(reader)
        knock = _knock(context)
        caller = Caller(self._calls, inbox, context.write, knock)
        try:
            await self._hold(caller, reader, knock)
        finally:
            knock.place.free()
            if reader.is_over.is_set() and not _has_ended(caller):
                self._tally[CANCELLED_READS] += 1  # the client went without a word, or did not wait for our end
            reader.leave()
            inbox.close()
        if caller.untold is not None:  # the status at least overtakes what it has not read
            limit = caller.untold.code == stream_pb2.Error.CODE_LIMIT
            context.set_code(grpc.StatusCode.RESOURCE_EXHAUSTED if limit else grpc.StatusCode.UNAVAILABLE)
            context.set_details(caller.untold.message)

    async def _hold(self, caller: Caller, reader: Reader[wire.ConverseRequest], knock: Knock) -> None:
        try:
            knock.place = self._calls.doorkeeper.threshold.come(knock.address)
            await caller.converse()
        except ParleyError as fault:
            await caller.turn_away(fault)
        if not _has_ended(caller) and caller.closed is not None:
            # A client that is sending when the stream closes may lose what it has not read: its own library's INTERNAL
            # takes the place of our words. One that has read them goes, and this ends.
            with suppress(TimeoutError):
                async with asyncio.timeout(LINGER_S):
                    await reader.is_over.wait()

    def _begin(self, reader: Reader[wire.ConverseRequest]) -> None:
        task = asyncio.create_task(contained_work(log, "what a client sends", reader.run()))
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

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


def _knock(context: Context) -> Knock:
    pairs = context.invocation_metadata() or ()
    shown = next((value for key, value in pairs if key == "authorization" and isinstance(value, str)), "")
    return Knock(grpc_address(context.peer()), bearer(shown))


def _has_ended(caller: Caller) -> bool:
    """Tell whether the client has said that it ends."""
    return caller.closed is not None and caller.closed.code == wire.Closed.CODE_CLIENT
