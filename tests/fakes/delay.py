"""A slow wire: a TCP relay that holds every byte back for a settable time, both ways, and keeps their order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class SlowWire:
    """Relays to `target` (host:port, to be set before the first connection); `delay_s` may change at any time."""

    def __init__(self) -> None:
        self.address = ""
        self.target = ""
        self.delay_s = 0.0

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection."""
        host, _, port = self.target.rpartition(":")
        try:
            far_reader, far_writer = await asyncio.open_connection(host, int(port))
        except OSError:
            writer.close()
            return
        async with asyncio.TaskGroup() as group:
            group.create_task(self._carry(reader, far_writer))
            group.create_task(self._carry(far_reader, writer))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        clock = asyncio.get_running_loop().time
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def deliver() -> None:
            while True:
                due, data = await waiting.get()
                await asyncio.sleep(max(due - clock(), 0))
                if not data:
                    return
                writer.write(data)

        delivering = asyncio.create_task(deliver())
        try:
            while data := await reader.read(65_536):
                waiting.put_nowait((clock() + self.delay_s, data))
        except ConnectionError:
            pass
        waiting.put_nowait((clock() + self.delay_s, b""))
        try:
            await delivering
        finally:
            delivering.cancel()
            writer.close()


@asynccontextmanager
async def slow_wire() -> AsyncIterator[SlowWire]:
    """Open a slow wire on a free port."""
    wire = SlowWire()
    server = await asyncio.start_server(wire.relay, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    wire.address = f"127.0.0.1:{port}"
    try:
        yield wire
    finally:
        server.close()
