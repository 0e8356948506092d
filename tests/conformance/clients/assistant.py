"""A session of `openai-agents`, and what it and the engine said to each other."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

from agents.realtime import (  # type: ignore[import-not-found]  # of the clients' own environment
    RealtimeAgent,
    RealtimeRunner,
    RealtimeSession,
)

from tests.conformance.clients.stage import Facts, Stage, runs


class Assistant:
    """Runs an agent as its documentation says; a task of its own collects what the session tells.

    `kinds` are the events of the session, `raw` those of the engine as the SDK passes them on, `errors` all the SDK
    complained about. Use it as `async with Assistant(stage, agent) as assistant`.
    """

    def __init__(self, stage: Stage, agent: RealtimeAgent[Any], **settings: Any) -> None:
        self._runner = RealtimeRunner(agent)
        # Without a model's name of its own the SDK asks for OpenAI's, as whoever only swaps the URL does.
        self._config: Any = {"url": f"{stage.url}?model=parley-embedded", "api_key": "k"}
        if settings:
            self._config["initial_model_settings"] = settings
        self.session: RealtimeSession
        self.kinds: list[str] = []
        self.raw: list[dict[str, Any]] = []
        self.errors: list[str] = []
        self.tool_results: list[str] = []
        self.audio = b""
        self._news = asyncio.Condition()
        self._collecting: asyncio.Task[None]

    async def __aenter__(self) -> Assistant:
        self.session = await self._runner.run(model_config=self._config)
        await self.session.enter()
        self._collecting = asyncio.create_task(self._collect())
        return self

    async def __aexit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is not None:
            sent = runs(str(event.get("type")) for event in self.raw)
            error.add_note(f"The SDK complained of {self.errors}; the engine had sent {sent}")
        await self.session.close()
        await self._collecting

    async def _collect(self) -> None:
        async for event in self.session:
            async with self._news:
                self._note(event)
                self._news.notify_all()

    def _note(self, event: Any) -> None:
        if event.type == "raw_model_event":
            if event.data.type == "raw_server_event":
                self.raw.append(event.data.data)
            elif event.data.type == "exception":
                self.errors.append(f"{event.data.context}: {event.data.exception!r}")
            return
        self.kinds.append(event.type)
        if event.type == "error":
            self.errors.append(str(event.error))
        elif event.type == "audio":
            self.audio += event.audio.data
        elif event.type == "tool_end":
            self.tool_results.append(str(event.output))

    async def until(self, kind: str, times: int = 1) -> None:
        """Wait for an event of the session, or of the engine, to have come so many times."""
        async with self._news:
            await self._news.wait_for(lambda: self.count(kind) >= times)

    async def until_answered(self, outputs: int) -> None:
        """Wait for a reply that was begun when so many outputs of tools were known: the SDK may ask for one before."""
        async with self._news:
            await self._news.wait_for(lambda: self._is_answered(outputs))

    def _is_answered(self, outputs: int) -> bool:
        known, begun = 0, False
        for event in self.raw:
            if event["type"] == "conversation.item.added" and event["item"]["type"] == "function_call_output":
                known += 1
            elif event["type"] == "response.created":
                begun = known >= outputs
            elif event["type"] == "response.done" and begun:
                return True
        return False

    def count(self, kind: str) -> int:
        """How often an event has come."""
        return self.kinds.count(kind) + len(self.of(kind))

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The engine's events of a type."""
        return [event for event in self.raw if event.get("type") == kind]

    def history(self) -> list[Facts]:
        """The conversation as the SDK remembers it."""
        return [_short(item) for item in self.session._history]

    def said_until(self, item_id: str, end_ms: int) -> str:
        """The words of a reply whose audio begins before a position, by the order of its events."""
        text, samples = "", 0
        for event in self.raw:
            if event.get("item_id") != item_id:
                continue
            if event["type"] == "response.output_audio_transcript.delta" and samples < end_ms * 24:
                text += event["delta"]
            elif event["type"] == "response.output_audio.delta":
                samples += len(base64.b64decode(event["delta"])) // 2
        return text

    def said(self, item_id: str) -> str:
        """All words of a reply, heard or not."""
        deltas = self.of("response.output_audio_transcript.delta")
        return "".join(delta["delta"] for delta in deltas if delta["item_id"] == item_id)


def _short(item: Any) -> Facts:
    if item.type == "function_call":
        return {"type": item.type, "name": item.name, "output": item.output, "status": item.status}
    parts = [getattr(part, "text", None) or getattr(part, "transcript", None) or "" for part in item.content]
    return {"id": item.item_id, "type": item.type, "role": item.role, "text": " ".join(parts)}
