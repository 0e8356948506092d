"""A conversation's connection over gRPC."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import grpc
import grpc.aio

from parley.v1.conversation_service_pb2 import ConverseRequest, ConverseResponse
from parley.v1.conversation_service_pb2_grpc import ConversationServiceStub

from .connection_failures import Cause, ConnectionFailed
from .grpc_failures import failure_of
from .trust import Trust

if TYPE_CHECKING:  # a class that only the type stubs know
    from parley.v1.conversation_service_pb2_grpc import ConversationServiceAsyncStub

SCHEME = "grpcs://"
"""Before an address that is called over TLS."""
LOOPBACK = ("127.", "localhost", "[::1]", "::1", "unix:")


class GrpcTransport:
    """One call of Converse."""

    def __init__(self, call: grpc.aio.StreamStreamCall[ConverseRequest, ConverseResponse]) -> None:
        self._call = call
        self._responses = aiter(call)
        """Not `call.read`: once a write has met the call's end that refuses what has come before, the last word too."""

    async def send(self, request: ConverseRequest) -> None:
        """Send a request."""
        with _failures():
            await self._call.write(request)

    async def finish(self) -> None:
        """Close this direction of the stream."""
        with _failures():
            await self._call.done_writing()

    async def receive(self) -> ConverseResponse | None:
        """Return the next response; None at the end of the stream."""
        with _failures():
            return await anext(self._responses, None)

    def abandon(self) -> None:
        """Cancel the call."""
        self._call.cancel()


@asynccontextmanager
async def grpc_transport(server: str, trust: Trust) -> AsyncIterator[GrpcTransport]:
    """Call host:port, or over TLS grpcs://host:port. What could not be connected, the first message tells."""
    address = server.removeprefix(SCHEME)
    # A pool of its own: else a new channel to a server that is dead shares the dead connection, or its turn to wait.
    options = [("grpc.use_local_subchannel_pool", 1)]
    if address.startswith(LOOPBACK):
        options.append(("grpc.enable_http_proxy", 0))
    encrypted = server.startswith(SCHEME)
    async with (
        grpc.aio.secure_channel(address, trust.credentials(), options=options)
        if encrypted
        else grpc.aio.insecure_channel(address, options=options)
    ) as channel:
        await _try_to_connect(channel)
        stub: ConversationServiceAsyncStub = ConversationServiceStub(channel)
        call = stub.Converse()
        try:
            yield GrpcTransport(call)
        finally:
            call.cancel()


async def _try_to_connect(channel: grpc.aio.Channel) -> None:
    """Wait until it stands, or has failed once."""
    over = (grpc.ChannelConnectivity.READY, grpc.ChannelConnectivity.TRANSIENT_FAILURE)
    while (state := channel.get_state(try_to_connect=True)) not in over:
        await channel.wait_for_state_change(state)


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except grpc.aio.AioRpcError as error:
        raise failure_of(error.code(), error.details() or "") from None
    except asyncio.InvalidStateError:
        raise ConnectionFailed(Cause.REFUSED, "the call is over") from None
