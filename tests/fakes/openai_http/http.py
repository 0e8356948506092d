"""Just enough of an HTTP/1.1 server that it can also misbehave: requests in, bytes out, in the order a test wants."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP


@dataclass(frozen=True, slots=True)
class Request:
    """One request, whole."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def form(self) -> dict[str, bytes]:
        """The fields of a multipart form; a file counts by its content."""
        head = f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode()
        message = BytesParser(policy=HTTP).parsebytes(head + self.body)
        parts = message.iter_parts()
        return {str(part.get_param("name", header="content-disposition")): _content(part) for part in parts}


def _content(part: object) -> bytes:
    content = part.get_payload(decode=True)  # type: ignore[attr-defined]
    assert isinstance(content, bytes)
    return content


class Reply:
    """Writes the answer: a whole one, or one in chunks; `drop` ends the connection wherever it stands."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.dropped = False

    async def whole(self, status: int, body: bytes, kind: str = "application/json", **headers: str) -> None:
        """Answer at once."""
        self._head(status, {"Content-Type": kind, "Content-Length": str(len(body)), **headers})
        self._writer.write(body)
        await self._writer.drain()

    async def begin(self, kind: str) -> None:
        """Begin an answer in chunks."""
        self._head(200, {"Content-Type": kind, "Transfer-Encoding": "chunked"})
        await self._writer.drain()

    async def chunk(self, data: bytes) -> None:
        """Send a chunk. Raises ConnectionError once the client is gone."""
        self._writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        await self._writer.drain()

    async def end(self) -> None:
        """End an answer in chunks."""
        self._writer.write(b"0\r\n\r\n")
        await self._writer.drain()

    async def wait_until_gone(self) -> None:
        """Say nothing until the client closes the connection."""
        await self._reader.read(1)
        self.drop()

    def drop(self) -> None:
        """Close the connection now."""
        self.dropped = True
        self._writer.close()

    def _head(self, status: int, headers: Mapping[str, str]) -> None:
        lines = [f"HTTP/1.1 {status} .", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
        self._writer.write("\r\n".join([*lines, "", ""]).encode())


Handler = Callable[[Request, Reply], Awaitable[None]]


class HttpServer:
    """`async with HttpServer(handler) as server`: at `server.port` of the loopback; counts connections."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self.connections = 0

    async def __aenter__(self) -> HttpServer:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while (request := await _read(reader)) is not None:
                reply = Reply(reader, writer)
                await self._handler(request, reply)
                if reply.dropped:
                    break
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            self._tasks.discard(task)


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.rstrip().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, path, headers, body)
