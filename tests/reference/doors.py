"""The reference server's two doors: WebSocket, and gRPC where it is wanted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import grpc.aio
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from parley.v1.conversation_service_pb2_grpc import (
    ConversationServiceServicer,
    add_ConversationServiceServicer_to_server,
)
from tests.reference.stage import LiveStage
from tests.vectors.sending import frame_of, response_of, sent_by, sent_in

Present = Callable[[], LiveStage | None]
"""The scene that is being played; None between two."""


class _WebSocketLine:
    def __init__(self, connection: ServerConnection) -> None:
        self._connection = connection

    async def say(self, message: dict[str, Any]) -> None:
        try:
            await self._connection.send(frame_of(message))
        except ConnectionClosed:
            return

    def cut(self) -> None:
        self._connection.transport.abort()

    async def hang_up(self) -> None:
        await self._connection.close()


@asynccontextmanager
async def websocket_door(host: str, port: int, present: Present) -> AsyncIterator[str]:
    """Open the door for WebSocket; give its URL."""

    async def hold(connection: ServerConnection) -> None:
        stage = present()
        if stage is None or (call := stage.rings(_WebSocketLine(connection))) is None:
            connection.transport.abort()
            return
        try:
            async for frame in connection:
                stage.takes(call, partial(sent_in, frame=frame))
        except ConnectionClosed:
            pass
        call.over = True

    protocols = [Subprotocol("parley.v1")]
    # A client that does not name the subprotocol is served as well.
    async with serve(hold, host, port, compression=None, subprotocols=protocols, select_subprotocol=_choose) as server:
        _, bound, *_ = next(iter(server.sockets)).getsockname()
        yield f"ws://{host}:{bound}/v1/converse"


def _choose(_: ServerConnection, offered: Any) -> Subprotocol | None:
    return Subprotocol("parley.v1") if "parley.v1" in offered else None


class _GrpcLine:
    def __init__(self, context: Any) -> None:
        self.ended = asyncio.Event()
        """Set when the call is to end."""
        self.broken = False
        """Whether it is not to end in order."""
        self._context = context

    async def say(self, message: dict[str, Any]) -> None:
        try:
            await self._context.write(response_of(message))
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            return

    def cut(self) -> None:
        self.broken = True
        self.ended.set()

    async def hang_up(self) -> None:
        self.ended.set()


class _GrpcDoor(ConversationServiceServicer):
    def __init__(self, present: Present) -> None:
        self._present = present

    async def Converse(self, request_iterator: Any, context: Any) -> None:  # type: ignore[override]
        stage = self._present()
        line = _GrpcLine(context)
        if stage is None or (call := stage.rings(line)) is None:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the network is away")
            return

        async def read() -> None:
            async for request in request_iterator:
                stage.takes(call, partial(sent_by, request=request))

        reading, ended = asyncio.create_task(read()), asyncio.create_task(line.ended.wait())
        try:
            await asyncio.wait([reading, ended], return_when=asyncio.FIRST_COMPLETED)
        finally:
            call.over = True
            for task in (reading, ended):
                task.cancel()
        if line.broken:  # a handler that is cancelled would tell the client nothing
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the connection broke off")


@asynccontextmanager
async def grpc_door(host: str, port: int, present: Present) -> AsyncIterator[str]:
    """Open the door for gRPC; give its address."""
    server = grpc.aio.server()
    add_ConversationServiceServicer_to_server(_GrpcDoor(present), server)
    bound = server.add_insecure_port(f"{host}:{port}")
    await server.start()
    try:
        yield f"{host}:{bound}"
    finally:
        await server.stop(0)
