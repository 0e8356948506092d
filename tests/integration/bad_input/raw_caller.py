"""Raw callers: clients that send whatever they like, at either door, and keep what they hear."""

from __future__ import annotations

import asyncio
import socket
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Self
from urllib.parse import urlsplit

import grpc
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from clients.desktop import websocket_frames
from local.ring import Ring
from parley.v1 import conversation_service_pb2 as wire

Such = Callable[[wire.ConverseResponse], bool]
DOORS = ("grpc", "websocket")
CONVERSE = "/parley.v1.ConversationService/Converse"
_READS_BYTES = 4_096
"""A small receive buffer: a caller that does not read shows soon."""


class RawCaller(ABC):
    """One connection. It reads all the while, as a gRPC client must to be told why it was closed, or not at all."""

    door: str

    def __init__(self) -> None:
        self.responses: list[wire.ConverseResponse] = []
        self.ending = ""
        """How it ended: the gRPC status, or the close code."""
        self._may_read = asyncio.Event()
        self._may_read.set()
        self._news = asyncio.Condition()
        self._reader = asyncio.create_task(self._keep_reading())

    @abstractmethod
    async def send(self, request: wire.ConverseRequest) -> None:
        """Send a request as the door wants it."""

    @abstractmethod
    async def send_raw(self, message: bytes | str) -> None:
        """Send a message as it is."""

    @abstractmethod
    async def vanish(self) -> None:
        """Break the connection without a word."""

    @abstractmethod
    async def _read(self) -> wire.ConverseResponse | None:
        """Return the next response; None at the end, with `ending` set."""

    async def until(self, kind: str, such: Such = lambda response: True) -> None:
        """Read until such a response has come; AssertionError when the end comes first."""
        async with self._news:
            await self._news.wait_for(lambda: self.ending or self.has_heard(kind, such))
        assert self.has_heard(kind, such), (
            f"no {kind}, but the end ({self.ending}) after {self.kinds()[-5:]}: {self.responses[-2:]}"
        )

    async def until_any(self, *kinds: str) -> None:
        """Read until a response of one of these kinds has come, or the end."""
        async with self._news:
            await self._news.wait_for(lambda: self.ending or any(map(self.has_heard, kinds)))

    async def hear(self) -> None:
        """Read to the end."""
        self._may_read.set()
        await self._reader

    def stop_reading(self) -> None:
        """Read one more response at most, until `hear`."""
        self._may_read.clear()

    async def opens(self, **fields: object) -> None:
        """Send a good Open and wait for the answer."""
        await self.send(wire.ConverseRequest(open=wire.Open(protocol=1, **fields)))  # type: ignore[arg-type]
        await self.until("opened")

    @property
    def session(self) -> str:
        """The session's name; empty if none began."""
        return next((r.opened.session for r in self.responses if r.HasField("opened")), "")

    def has_heard(self, kind: str, such: Such = lambda response: True) -> bool:
        """Say whether such a response has come."""
        return any(response.WhichOneof("message") == kind and such(response) for response in self.responses)

    def kinds(self) -> list[str | None]:
        """Return what kinds of responses came, but for sound and signs of life."""
        kinds = [response.WhichOneof("message") for response in self.responses]
        return [kind for kind in kinds if kind not in ("audio", "heartbeat")]

    async def _keep_reading(self) -> None:
        while not self.ending:
            await self._may_read.wait()
            response = await self._read()
            async with self._news:
                if response is not None:
                    self.responses.append(response)
                self._news.notify_all()


class GrpcCaller(RawCaller):
    """Over the generic channel, so that any bytes can be sent."""

    door = "grpc"

    def __init__(self, channel: grpc.aio.Channel, relay: Relay) -> None:
        self._relay = relay
        self._one_writer = asyncio.Lock()  # two writes at once end a call
        self._call: grpc.aio.StreamStreamCall[bytes, wire.ConverseResponse] = channel.stream_stream(
            CONVERSE, request_serializer=None, response_deserializer=wire.ConverseResponse.FromString
        )()
        super().__init__()

    async def send(self, request: wire.ConverseRequest) -> None:
        await self.send_raw(request.SerializeToString())

    async def send_raw(self, message: bytes | str) -> None:
        assert isinstance(message, bytes)
        if self.has_heard("closed"):
            return
        async with self._one_writer:
            with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):  # told by what is heard
                await self._call.write(message)

    async def vanish(self) -> None:
        await self._relay.cut()

    async def _read(self) -> wire.ConverseResponse | None:
        with suppress(grpc.aio.AioRpcError):
            response = await self._call.read()
            if isinstance(response, wire.ConverseResponse):
                return response
        self.ending = (await self._call.code()).name
        return None


class WebSocketCaller(RawCaller):
    """Over the WebSocket library's client."""

    door = "websocket"

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        super().__init__()

    async def send(self, request: wire.ConverseRequest) -> None:
        await self.send_raw(websocket_frames.encode(request))

    async def send_raw(self, message: bytes | str) -> None:
        with suppress(ConnectionClosed):  # told by what is heard
            await self._connection.send(message)

    async def vanish(self) -> None:
        self._connection.transport.abort()

    async def _read(self) -> wire.ConverseResponse | None:
        try:
            frame = await self._connection.recv()
        except ConnectionClosed:
            self.ending = str(self._connection.close_code)
            return None
        return websocket_frames.decode(frame)


class Relay:
    """Carries TCP connections to host:port, so that they can be cut: `async with Relay(target) as relay`."""

    def __init__(self, target: str) -> None:
        self._host, _, self._port = target.rpartition(":")
        self._ends: list[asyncio.StreamWriter] = []
        self._in_use = asyncio.Event()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._break()

    @property
    def address(self) -> str:
        """Where it takes connections."""
        assert self._server is not None
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def cut(self) -> None:
        """Break the connection, when there is one, and take no other."""
        await self._in_use.wait()
        self._break()

    def _break(self) -> None:
        if self._server is not None:
            self._server.close()
        for end in self._ends:
            end.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(self._host, int(self._port))
        self._ends += [writer, far_writer]
        self._in_use.set()
        await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


@asynccontextmanager
async def raw_caller(door: str, ring: Ring) -> AsyncIterator[RawCaller]:
    """Connect at a door ("grpc" or "websocket") of the ring's (first) ingress."""
    if door == "grpc":
        # Small windows: what a caller does not read shows soon, instead of filling its library's buffers.
        windows = [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", _READS_BYTES)]
        options = [("grpc.max_send_message_length", -1), *windows]
        async with Relay(ring.ingress) as relay, grpc.aio.insecure_channel(relay.address, options=options) as channel:
            yield GrpcCaller(channel, relay)
        return
    url = urlsplit(ring.websocket)
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _READS_BYTES)
        line.setblocking(False)
        await asyncio.get_running_loop().sock_connect(line, (url.hostname, url.port))
        async with connect(
            ring.websocket, sock=line, proxy=None, compression=None, max_queue=1, ping_interval=None, close_timeout=1
        ) as connection:
            yield WebSocketCaller(connection)
