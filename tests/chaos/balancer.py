"""The one address of all models, as in life: whoever dials it gets one that answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from typing import Final

ANSWERS_S: Final = 0.7
"""A model that has not said a word by then is passed over."""
_LOOK_BYTES: Final = 64 * 1024

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Balancer:
    """Deals connections out in turn. Who can't be reached, or says nothing to the first request, is passed over."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self.preferred = ""
        """The address that is tried first; "" for the next in turn."""
        self._addresses = list(addresses)
        self._tasks: set[asyncio.Task[None]] = set()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, to its end."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with suppress(
                asyncio.CancelledError, asyncio.IncompleteReadError, OSError
            ):  # the streams module takes a cancel for a fault
                await self._serve(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.close()

    async def close(self) -> None:
        """Break off every connection."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        found = await self._find(request)
        if found is None:
            return
        (source, target), first = found
        try:
            writer.write(first)
            ways = [asyncio.create_task(_carry(reader, target)), asyncio.create_task(_carry(source, writer))]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        finally:
            target.close()

    async def _find(self, request: bytes) -> tuple[Stream, bytes] | None:
        """Return a model that answers, and how it begins."""
        for address in self._order():
            host, _, port = address.rpartition(":")
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(ANSWERS_S):
                    source, target = await asyncio.open_connection(host, int(port))
                    with ExitStack() as unless_it_answers:
                        unless_it_answers.callback(target.close)
                        target.write(request)
                        if first := await source.read(_LOOK_BYTES):
                            unless_it_answers.pop_all()
                            return (source, target), first
        return None

    def _order(self) -> list[str]:
        self._addresses.append(self._addresses.pop(0))
        return sorted(self._addresses, key=lambda address: address != self.preferred)


@asynccontextmanager
async def balancer(host: str, port: int, addresses: Sequence[str]) -> AsyncIterator[Balancer]:
    """Run one."""
    here = Balancer(addresses)
    server = await asyncio.start_server(here.take, host, port)
    try:
        yield here
    finally:
        server.close()
        await here.close()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on what comes, until nothing more does."""
    while data := await reader.read(_LOOK_BYTES):
        writer.write(data)
        await writer.drain()
