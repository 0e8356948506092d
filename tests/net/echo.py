"""`python -m tests.net.echo HOST:PORT`: sends back whatever it is sent. Something to be in a pod."""

from __future__ import annotations

import asyncio
import sys
from typing import Final

_AT_ONCE: Final = 65536


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send everything back until the other end closes."""
    try:
        while data := await reader.read(_AT_ONCE):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def serve(address: str) -> None:
    """Serve until killed."""
    host, _, port = address.rpartition(":")
    async with await asyncio.start_server(echo, host, int(port)) as server:
        print(f"ready echo {address}", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
