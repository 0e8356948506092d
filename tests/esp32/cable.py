"""A cable between device and server that can be pulled: nothing passes then, and nobody is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit


class Cable:
    """Relays TCP connections to a server's URL. While it is pulled, what was sent waits, as in a radio's dead spot."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        assert parts.hostname is not None
        assert parts.port is not None
        self.url = ""
        self._host, self._port, self._path = parts.hostname, parts.port, parts.path
        self._plugged = asyncio.Event()
        self._plugged.set()

    def pull(self) -> None:
        """Let nothing pass."""
        self._plugged.clear()

    def plug(self) -> None:
        """Let everything pass again, what waited first."""
        self._plugged.set()

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection; one that is made while the cable is pulled is answered when it no longer is."""
        await self._plugged.wait()
        try:
            far_reader, far_writer = await asyncio.open_connection(self._host, self._port)
        except OSError:
            writer.close()
            return
        with suppress(ConnectionError):
            await asyncio.gather(self._carry(reader, far_writer), self._carry(far_reader, writer))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                await self._plugged.wait()
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()


@asynccontextmanager
async def cable(target: str) -> AsyncIterator[Cable]:
    """Lay a cable from a free port to a URL."""
    laid = Cable(target)
    server = await asyncio.start_server(laid.relay, "127.0.0.1", 0)
    laid.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}{laid._path}"
    try:
        yield laid
    finally:
        server.close()
