"""A door that answers a device as a test tells it to, frame by frame: what no well-behaved server would do."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from tests.vectors.scenes import USUAL_OPENED

TEXT: Final = 1
BINARY: Final = 2
CLOSE: Final = 8
PING: Final = 9
PONG: Final = 10
FIN: Final = 0x80
UPGRADE: Final = (
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
    "Sec-WebSocket-Protocol: parley.v1\r\n"
)
_GUID: Final = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

OPENED: Final = {"opened": {name: it for name, it in USUAL_OPENED.items() if not name.startswith("resume")}}
"""What it answers: a session that is not taken up again."""
OPENED_BYTES: Final = json.dumps(OPENED).encode()


@dataclass
class Caller:
    """One connection of a device."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def request(self) -> dict[str, str]:
        """Read the handshake's request; return its headers."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        assert head[0] == "GET /v1/converse HTTP/1.1"
        return {name: value for name, _, value in (line.partition(": ") for line in head[1:] if line)}

    def answer(self, text: str) -> None:
        """Answer with this, whatever it is."""
        self.writer.write(text.encode())

    async def upgrade(self, head: str = UPGRADE) -> None:
        """Open the WebSocket; `head` is the answer but for the key's digest, which comes last."""
        headers = await self.request()
        digest = hashlib.sha1((headers["Sec-WebSocket-Key"] + _GUID).encode()).digest()
        self.answer(f"{head}Sec-WebSocket-Accept: {base64.b64encode(digest).decode()}\r\n\r\n")

    def send(self, opcode: int, payload: bytes = b"", *, fin: bool = True) -> None:
        """Send a frame."""
        size = len(payload)
        length = struct.pack("!B", size) if size < 126 else struct.pack("!BH", 126, size)
        if size > 65_535:
            length = struct.pack("!BQ", 127, size)
        self.writer.write(bytes([opcode | (FIN if fin else 0)]) + length + payload)

    async def frame(self) -> tuple[int, bytes]:
        """Read a frame of the device's: its opcode, and its payload unmasked."""
        first, second = await self.reader.readexactly(2)
        assert first & FIN
        assert second & 0x80, "a client masks"
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", await self.reader.readexactly(2))
        mask = await self.reader.readexactly(4)
        payload = await self.reader.readexactly(size)
        return first & 0x0F, bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))

    async def frame_of(self, opcode: int) -> bytes:
        """Read on to a frame of this kind; return its payload."""
        while True:
            kind, payload = await self.frame()
            if kind == opcode:
                return payload


@asynccontextmanager
async def door(
    serve: Callable[[Caller], Awaitable[None]], tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[str]:
    """Serve each connection like this; yields the door's URL."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(Caller(reader, writer))
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connected, host, 0, ssl=tls)
    try:
        yield f"{'wss' if tls else 'ws'}://{host}:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def takes_the_call(caller: Caller) -> None:
    """Open the conversation, and hear whatever comes from then on."""
    await caller.upgrade()
    await caller.frame_of(TEXT)
    caller.send(TEXT, OPENED_BYTES)
    while True:
        await caller.frame()
