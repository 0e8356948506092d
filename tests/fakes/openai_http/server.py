"""The fake server: `async with FakeOpenAI() as server`, `server.answer(Script(…))`, and a client at `server.url`."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Iterable
from typing import Any

from tests.fakes.openai_http import wire
from tests.fakes.openai_http.http import HttpServer, Reply, Request
from tests.fakes.openai_http.script import Script

_SLICE = 4801  # bytes of audio a chunk: odd on purpose


class FakeOpenAI:
    """Answers each request by the next script, the last one again and again; keeps the requests it understood.

    `problems` holds what was wrong with a request: a test ends with it empty. `asked` is set by a request; `gone` when
    a client has closed the connection in the middle of an answer. Set `release` to let a held answer go on.
    """

    def __init__(self, models: Iterable[str] = ("tiny",), key: str = "") -> None:
        self._server = HttpServer(self._handle)
        self._scripts: deque[Script] = deque([Script()])
        self._models = list(models)
        self._key = key
        self.requests: list[dict[str, Any]] = []
        self.problems: list[str] = []
        self.gone = asyncio.Event()
        self.asked = asyncio.Event()
        self.release = asyncio.Event()

    async def __aenter__(self) -> FakeOpenAI:
        await self._server.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.__aexit__()

    @property
    def url(self) -> str:
        """The base of its API."""
        return f"http://127.0.0.1:{self._server.port}/v1"

    @property
    def connections(self) -> int:
        """How many there have been."""
        return self._server.connections

    def answer(self, *scripts: Script) -> None:
        """What comes next."""
        self._scripts = deque(scripts)

    async def _handle(self, request: Request, reply: Reply) -> None:
        if self._key and request.headers.get("authorization") != f"Bearer {self._key}":
            await reply.whole(401, wire.error("Incorrect API key provided", "invalid_api_key"))
            return
        if request.path == "/v1/models":
            models = [{"id": model, "object": "model", "created": 1, "owned_by": "tests"} for model in self._models]
            await reply.whole(200, json.dumps({"object": "list", "data": models}).encode())
            return
        script = self._scripts.popleft() if len(self._scripts) > 1 else self._scripts[0]
        if script.status != 200:
            await reply.whole(script.status, wire.error(script.message), **script.headers)
            return
        try:
            await self._answer(request, reply, script)
        except ConnectionError:
            self.gone.set()
            raise

    async def _answer(self, request: Request, reply: Reply, script: Script) -> None:
        try:
            kind, parts = self._parts(request, script)
        except (AssertionError, KeyError, ValueError) as problem:
            self.problems.append(f"{request.path}: {problem!r}")
            await reply.whole(400, wire.error(f"not understood: {problem}"))
            return
        self.asked.set()
        if script.fault == "silent":
            await self._wait_until_gone(reply)
        elif script.fault == "hangs_up":
            reply.drop()
        elif not script.streams and not script.fault:
            await reply.whole(200, b"".join(parts), kind)
        else:
            await self._stream(reply, script, kind, parts)

    def _parts(self, request: Request, script: Script) -> tuple[str, list[bytes]]:
        if request.path == "/v1/chat/completions":
            body = wire.chat_request(request)
            self.requests.append(body)
            if not script.streams:
                return "application/json", [wire.completion(script, body["model"])]
            return "text/event-stream", list(wire.chat_chunks(script, body["model"]))
        if request.path == "/v1/audio/transcriptions":
            fields = wire.transcription_request(request)
            self.requests.append(fields)
            if fields.get("stream") == "true":
                return "text/event-stream", list(wire.transcription_events(script.texts))
            return "application/json", [wire.transcription("".join(script.texts))]
        if request.path == "/v1/audio/speech":
            self.requests.append(wire.speech_request(request))
            return script.kind, [script.pcm[at : at + _SLICE] for at in range(0, len(script.pcm), _SLICE)]
        raise ValueError("no such path")

    async def _stream(self, reply: Reply, script: Script, kind: str, parts: list[bytes]) -> None:
        await reply.begin(kind)
        cut = len(parts) // 2 if script.fault else len(parts)
        if script.fault in ("garbage", "endless", "pings"):
            cut = 0
        for index, part in enumerate(parts[:cut]):
            if index == script.hold_after:
                await self.release.wait()
            await reply.chunk(part)
        if script.fault == "stalls":
            await self._wait_until_gone(reply)
        elif script.fault == "pings":
            while True:
                await reply.chunk(b": still here\n\n")
                await asyncio.sleep(0.02)
        elif script.fault == "disconnects":
            reply.drop()
        elif script.fault == "endless":
            while True:
                await reply.chunk(b"data: " + bytes(1) * 65_536)
        elif script.fault == "garbage":
            await reply.chunk(wire.event(b'{"choices": [{"delta": '))
            await reply.end()
        elif script.fault == "error_in_stream":
            await reply.chunk(wire.event(wire.error("the model crashed")))
            await reply.end()
        else:
            await reply.end()

    async def _wait_until_gone(self, reply: Reply) -> None:
        await reply.wait_until_gone()
        self.gone.set()
