"""The one address of all models over real sockets: who answers is found, whoever does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from local.redis_server import free_port
from tests.chaos.balancer import balancer

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
REQUEST = b"GET /v1/realtime HTTP/1.1\r\n\r\n"


def model(name: bytes) -> Serve:
    """A model that says its name, and then whatever is said to it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readuntil(b"\r\n\r\n") == REQUEST
        writer.write(name + b"\n")
        while data := await reader.read(100):
            writer.write(data)
        writer.close()

    return serve


async def frozen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One that takes calls and says nothing."""
    await reader.read()
    writer.close()


@asynccontextmanager
async def address_of_all(*models: Serve) -> AsyncIterator[tuple[int, list[str], Callable[[str], None]]]:
    """Run models behind one address, and one that is not there: its port, theirs, and what chooses one."""
    async with AsyncExitStack() as stack:
        addresses = [f"127.0.0.1:{free_port()}"]
        for serve in models:
            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            stack.callback(server.close)
            addresses.append(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
        port = free_port()
        here = await stack.enter_async_context(balancer("127.0.0.1", port, addresses))

        def prefer(address: str) -> None:
            here.preferred = address

        yield port, addresses, prefer


async def call(port: int) -> tuple[bytes, asyncio.StreamReader, asyncio.StreamWriter]:
    """Call, and return who answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(REQUEST)
    return await reader.readline(), reader, writer


async def test_calls_are_dealt_out_to_who_answers() -> None:
    """Neither the one that is not there gets one, nor the one that says nothing; both ways go on."""
    async with address_of_all(frozen, model(b"one"), model(b"two")) as (port, _, _):
        names = set()
        for _ in range(4):
            name, reader, writer = await call(port)
            names.add(name)
            writer.write(b"and on")
            assert await reader.readexactly(6) == b"and on"
            writer.close()
        assert names == {b"one\n", b"two\n"}


async def test_one_can_be_preferred() -> None:
    """As long as it answers."""
    async with address_of_all(model(b"one"), model(b"two")) as (port, addresses, prefer):
        for preferred, expected in ((addresses[2], {b"two\n"}), (addresses[0], {b"one\n", b"two\n"})):
            prefer(preferred)
            names = set()
            for _ in range(4):
                name, _, writer = await call(port)
                names.add(name)
                writer.close()
            assert names == expected


async def test_who_finds_nobody_is_hung_up_on() -> None:
    """And may call again."""
    async with address_of_all() as (port, _, _):
        for _ in range(2):
            name, _, writer = await call(port)
            writer.close()
            assert name == b""
