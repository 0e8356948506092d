"""An HTTP endpoint on a real socket, for tools and webhooks: it does as a test tells it, and remembers what came."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Writer: TypeAlias = asyncio.StreamWriter
Deed: TypeAlias = Callable[["Got", Writer], Awaitable[None]]


@dataclass(frozen=True)
class Got:
    """One request."""

    method: str
    target: str
    headers: dict[str, str]
    """With their names in small letters."""
    body: bytes

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


@dataclass
class Endpoint:
    """Where it is and what came. `deeds` are done one a request; the last goes on being done."""

    url: str
    got: list[Got] = field(default_factory=list)
    deeds: list[Deed] = field(default_factory=list)
    connections: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        """Answer the requests of one connection."""
        self.connections += 1
        try:
            while (request := await _read(reader)) is not None:
                self.got.append(request)
                deed = self.deeds.pop(0) if len(self.deeds) > 1 else self.deeds[0]
                await deed(request, writer)
                if writer.is_closing():
                    break
        except ConnectionError:
            pass  # the client has left
        finally:
            writer.close()


@asynccontextmanager
async def endpoint(*deeds: Deed) -> AsyncIterator[Endpoint]:
    """Run one; without deeds it answers {"ok": true}."""
    here = Endpoint("", deeds=list(deeds) or [answer({"ok": True})])
    tasks: set[asyncio.Task[None]] = set()

    async def take(reader: asyncio.StreamReader, writer: Writer) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with suppress(asyncio.CancelledError):  # the streams module takes it for a fault
            await here.serve(reader, writer)
        tasks.discard(task)

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    here.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield here
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def answer(body: object = None, status: int = 200, **headers: str) -> Deed:
    """Answer with JSON, or bytes as they are; `content_type="…"` and the like are headers."""
    data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    given = {"content-type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}

    async def deed(_: Got, writer: Writer) -> None:
        lines = [
            f"HTTP/1.1 {status} Fake",
            f"content-length: {len(data)}",
            *(f"{k}: {v}" for k, v in given.items() if v),
        ]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
        await writer.drain()

    return deed


async def hang_up(_: Got, writer: Writer) -> None:
    """Close the connection instead of answering: the request may have been carried out."""
    writer.close()


async def never(_: Got, __: Writer) -> None:
    """Say nothing, for ever."""
    await asyncio.Event().wait()


async def flood(_: Got, writer: Writer) -> None:
    """Answer without end, as fast as it is read."""
    writer.write(b"HTTP/1.1 200 Fake\r\ncontent-type: text/plain\r\n\r\n")
    while True:
        writer.write(b"more " * 4_000)
        await writer.drain()


async def drip(_: Got, writer: Writer) -> None:
    """Answer a byte at a time, without end: no single wait is long."""
    writer.write(b"HTTP/1.1 200 Fake\r\ncontent-type: text/plain\r\n\r\n")
    while True:
        writer.write(b".")
        await writer.drain()
        await asyncio.sleep(0.01)


async def gibberish(_: Got, writer: Writer) -> None:
    """Answer something that is no HTTP."""
    writer.write(b"220 smtp ready\r\n")
    await writer.drain()
    writer.close()


async def _read(reader: asyncio.StreamReader) -> Got | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    return Got(method, target, headers, await reader.readexactly(int(headers.get("content-length", "0"))))
