"""A mind that is a chat server: any that speaks `POST /chat/completions`, such as Ollama, vLLM, llama.cpp, OpenAI."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Any

import httpx

from services.engine.minds.chat_answer import ChatAnswer
from services.engine.minds.chat_request import chat_request
from services.engine.parts import Context, Thought
from services.engine.remote import Remote
from services.engine.remote_faults import bad_answer, broken_off, told_in_stream

PREAMBLE = "What you write is spoken aloud. Answer in a few short, plain sentences, without lists, markup or emoji."
_MOST_BODY_BYTES = 4 * 2**20
_DONE = "[DONE]"
_LAST_BYTES_S = 0.1  # what may come between that and the end of the answer comes at once, or never


class ChatMind:
    """Thinks at a chat server. The reply streams; closing `think` closes the request, and the server stops."""

    def __init__(self, remote: Remote, preamble: str = PREAMBLE, extra: Mapping[str, Any] | None = None) -> None:
        self._remote = remote
        self._preamble = preamble
        self._extra = extra or {}
        # OpenAI's newer models refuse the older name, other servers may not know the newer one.
        host = httpx.URL(remote.name.url).host
        self._limit_field = "max_completion_tokens" if host.endswith("openai.com") else "max_tokens"

    async def think(self, context: Context) -> AsyncGenerator[Thought, None]:
        """Give the reply as the server writes it. Raises PartError."""
        remote = self._remote
        body = chat_request(context, remote.name.model, self._preamble, self._limit_field, self._extra)
        answer = ChatAnswer()
        async with aclosing(self._chunks(body, answer)) as chunks:
            while True:
                # Bounds the wait for something to say, whatever else the server sends meanwhile.
                async with remote.patience():
                    thoughts = await self._next(chunks, answer)
                if thoughts is None:
                    break
                for thought in thoughts:
                    yield thought
        if not answer.ended:
            raise broken_off(remote.name)
        for thought in self._checked(answer.finish):
            yield thought

    async def _next(self, chunks: AsyncGenerator[dict[str, Any], None], answer: ChatAnswer) -> list[Thought] | None:
        before = answer.progress
        async for chunk in chunks:
            thoughts = self._checked(answer.feed, chunk)
            if answer.progress > before:
                return thoughts
        return None

    def _checked(self, step: Callable[..., list[Thought]], *arguments: object) -> list[Thought]:
        try:
            return step(*arguments)
        except ValueError as error:
            raise bad_answer(self._remote.name, str(error)) from error

    async def _chunks(self, body: dict[str, Any], answer: ChatAnswer) -> AsyncGenerator[dict[str, Any], None]:
        remote = self._remote
        async with remote.post("/chat/completions", json=body) as response:
            if "text/event-stream" not in response.headers.get("Content-Type", ""):
                yield self._parse(await remote.body(response, _MOST_BODY_BYTES))
                return
            async with aclosing(remote.events(response)) as events:
                async for event in events:
                    if event.strip() == _DONE:
                        answer.ended = True
                        await _read_out(events)
                        return
                    yield self._parse(event)

    def _parse(self, text: str | bytes) -> dict[str, Any]:
        try:
            chunk = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise bad_answer(self._remote.name, "it is no JSON") from error
        if not isinstance(chunk, dict):
            raise bad_answer(self._remote.name, "it is no JSON object")
        if chunk.get("error"):
            raise told_in_stream(self._remote.name, chunk)
        return chunk


async def _read_out(events: AsyncGenerator[str, None]) -> None:
    """Read to the end of the answer, so that the connection can be used again."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LAST_BYTES_S):
            async for _ in events:
                pass
