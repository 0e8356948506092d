"""A part that is an OpenAI-compatible HTTP server: requests, their answers as streams, and the bounds of both."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from services.engine.event_stream import EventCutter, EventTooLargeError
from services.engine.hosts import is_private
from services.engine.parts import PartError
from services.engine.remote_faults import RemoteName, bad_answer, mapped, refusal, too_slow

_CONNECT_S = 3.0
_SEND_S = 15.0
_MOST_ERROR_BYTES = 64 * 1024
_MOST_LIST_BYTES = 2**20
_MOST_CONNECTIONS = 64
_KEEP_S = 60.0  # an idle connection: between two turns of a conversation it should still be there


@dataclass(frozen=True, slots=True)
class RemoteSettings:
    """Where a server is, which of its models to use, the key, and how long it may send nothing."""

    url: str
    model: str
    key: str = ""
    patience_s: float = 30.0


class Remote:
    """One server: `async with Remote("the language model", "PARLEY_ENGINE_LLM", settings) as remote`.

    `prefix` is how the variables are named that set it. Connections are kept and shared by all sessions.
    """

    def __init__(self, what: str, prefix: str, settings: RemoteSettings) -> None:
        self.name = RemoteName(what, settings.url, settings.model, prefix)
        self.patience_s = settings.patience_s
        headers = {"User-Agent": "parley-engine"}
        if settings.key:
            headers["Authorization"] = f"Bearer {settings.key}"
        self._client = httpx.AsyncClient(
            headers=headers,
            timeout=httpx.Timeout(settings.patience_s, connect=_CONNECT_S, write=_SEND_S),
            limits=httpx.Limits(max_connections=_MOST_CONNECTIONS, keepalive_expiry=_KEEP_S),
            # What is near is spoken to directly, whatever proxy the environment names for the world.
            trust_env=not is_private(httpx.URL(settings.url).host),
        )
        self._url = settings.url.rstrip("/")

    async def __aenter__(self) -> Remote:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    @asynccontextmanager
    async def post(self, path: str, **content: Any) -> AsyncIterator[httpx.Response]:
        """Send a request; gives the answer, whose body has still to be read. Leaving the context closes it.

        `content` is what httpx takes: `json`, or `data` and `files`. A request whose connection broke before
        anything came back is sent once more, as a kept connection may just have been closed at the other end.
        Raises PartError.
        """
        with mapped(self.name, self.patience_s):
            response = await self._send(path, content)
            try:
                if response.status_code != httpx.codes.OK:
                    body = await self._some(response, _MOST_ERROR_BYTES)
                    raise refusal(self.name, response.status_code, body, response.headers.get("Retry-After", ""))
                yield response
            finally:
                await response.aclose()

    async def probe(self) -> str | None:
        """What is wrong with the server, as far as a look at its list of models tells; None if nothing is."""
        try:
            async with self.patience(), self._get("/models") as response:
                if response.status_code == httpx.codes.NOT_FOUND:
                    return None  # not every server has the list
                body = await self._some(response, _MOST_LIST_BYTES)
                if response.status_code != httpx.codes.OK:
                    return refusal(self.name, response.status_code, body).message
        except PartError as error:
            return error.message
        models = _names(body)
        if not models or self.name.model in models or f"{self.name.model}:latest" in models:
            return None
        return refusal(self.name, httpx.codes.NOT_FOUND, b"").message

    @asynccontextmanager
    async def _get(self, path: str) -> AsyncIterator[httpx.Response]:
        with mapped(self.name, self.patience_s):
            async with self._client.stream("GET", self._url + path) as response:
                yield response

    async def _send(self, path: str, content: Mapping[str, Any]) -> httpx.Response:
        request = self._client.build_request("POST", self._url + path, **content)
        try:
            return await self._client.send(request, stream=True)
        except (httpx.ReadError, httpx.RemoteProtocolError) as error:
            first = error
        try:
            again = self._client.build_request("POST", self._url + path, **content)
            return await self._client.send(again, stream=True)
        except httpx.ConnectError:
            raise first from None

    async def _some(self, response: httpx.Response, most_bytes: int) -> bytes:
        body = bytearray()
        async with aclosing(self.chunks(response)) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) > most_bytes:
                    break
        return bytes(body[:most_bytes])

    async def body(self, response: httpx.Response, most_bytes: int) -> bytes:
        """The whole body. Raises PartError if it has more bytes than that."""
        body = await self._some(response, most_bytes + 1)
        if len(body) > most_bytes:
            raise bad_answer(self.name, f"it is longer than {most_bytes} bytes")
        return body

    async def chunks(self, response: httpx.Response) -> AsyncGenerator[bytes, None]:
        """The body as it comes."""
        with mapped(self.name, self.patience_s):
            async for chunk in response.aiter_bytes():
                yield chunk

    async def events(self, response: httpx.Response) -> AsyncGenerator[str, None]:
        """The server-sent events of the body as they come. Raises PartError, also for an event without end."""
        cutter = EventCutter()
        try:
            async with aclosing(self.chunks(response)) as chunks:
                async for chunk in chunks:
                    for event in cutter.feed(chunk):
                        yield event
        except EventTooLargeError as error:
            raise bad_answer(self.name, "an event of its stream is too large") from error
        if (last := cutter.finish()) is not None:
            yield last

    @asynccontextmanager
    async def patience(self) -> AsyncIterator[asyncio.Timeout]:
        """Bounds the time in the context, whatever comes meanwhile that is no answer. Raises PartError."""
        try:
            async with asyncio.timeout(self.patience_s) as timeout:
                yield timeout
        except TimeoutError as error:
            raise too_slow(self.name, self.patience_s) from error


def _names(body: bytes) -> set[str]:
    """The models of a list; empty if it is none."""
    try:
        listed = json.loads(body)
    except (ValueError, RecursionError):
        return set()
    models = listed.get("data") if isinstance(listed, dict) else None
    return {str(model.get("id")) for model in models if isinstance(model, dict)} if isinstance(models, list) else set()
