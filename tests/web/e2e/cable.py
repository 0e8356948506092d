"""A cable between a browser and a server that can be pulled: what is sent then waits, both ways, until it is back."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Cable:
    """A TCP relay to `target` (host:port). Pulled, it breaks nothing and carries nothing, as a lost network does."""

    def __init__(self, target: str) -> None:
        self.address = ""
        self._host, _, self._port = target.rpartition(":")
        self._whole = asyncio.Event()
        self._whole.set()
        self._lines: set[asyncio.Task[None]] = set()

    def pull(self) -> None:
        """Carry nothing from now on."""
        self._whole.clear()

    def plug(self) -> None:
        """Carry on, first what has waited."""
        self._whole.set()

    def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Begin to carry a connection."""
        line = asyncio.create_task(self._line(reader, writer))
        self._lines.add(line)
        line.add_done_callback(self._lines.discard)

    async def close(self) -> None:
        """Cut all connections."""
        for line in self._lines:
            line.cancel()
        await asyncio.gather(*self._lines, return_exceptions=True)

    async def _line(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._whole.wait()
            far_reader, far_writer = await asyncio.open_connection(self._host, int(self._port))
            try:
                await asyncio.gather(self._carry(reader, far_writer), self._carry(far_reader, writer))
            finally:
                far_writer.close()
        except OSError:
            pass
        finally:
            writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            await self._whole.wait()
            writer.write(data)
            await writer.drain()
        with contextlib.suppress(OSError):
            writer.write_eof()


@asynccontextmanager
async def cable(target: str) -> AsyncIterator[Cable]:
    """Lay a cable to `target` from a free port."""
    laid = Cable(target)
    server = await asyncio.start_server(laid.take, "127.0.0.1", 0)
    laid.address = "{}:{}".format(*server.sockets[0].getsockname())
    try:
        yield laid
    finally:
        server.close()
        await laid.close()
