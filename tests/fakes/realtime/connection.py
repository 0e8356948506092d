"""One client's conversation: what each of its events does, and what was carried out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from tests.fakes.realtime.conversation import Conversation, InputBuffer, Item
from tests.fakes.realtime.generation import Generation, Response
from tests.fakes.realtime.line import Director, Line
from tests.fakes.realtime.script import ReplyRequest
from tests.fakes.realtime.session import default_session, updated_session
from tests.fakes.realtime.wire import Event, Refusal

_BUSY = "Wait until the response is finished before creating a new one."


@dataclass(frozen=True, slots=True)
class Truncation:
    """A truncation that the server carried out."""

    at_s: float
    item_id: str
    audio_end_ms: int


class Connection(Line):
    """A conversation with one client, and the record of it (see Line for the events as such).

    `truncations`, `deletions` (item ids) and `cancels` (response ids) hold what was carried out, `commits` the
    user items in order of their commit, `responses` every response by its id.
    """

    def __init__(self, director: Director, websocket: ServerConnection, number: int, model: str) -> None:
        super().__init__(director, websocket, number)
        self.session = default_session(director.new_id("sess"), model)
        self.conversation = Conversation()
        self.buffer = InputBuffer()
        self.truncations: list[Truncation] = []
        self.deletions: list[str] = []
        self.cancels: list[str] = []
        self.commits: list[Item] = []
        self.responses: dict[str, Response] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._handlers: dict[str, Callable[[Event], Awaitable[None]]] = {
            "session.update": self._on_session_update,
            "input_audio_buffer.append": self._on_append,
            "input_audio_buffer.commit": self._on_commit,
            "input_audio_buffer.clear": self._on_clear,
            "conversation.item.create": self._on_item_create,
            "conversation.item.delete": self._on_item_delete,
            "conversation.item.truncate": self._on_item_truncate,
            "conversation.item.retrieve": self._on_item_retrieve,
            "response.create": self._on_response_create,
            "response.cancel": self._on_response_cancel,
        }

    @property
    def active(self) -> Response | None:
        """The response in progress in the default conversation."""
        running = (r for r in self.responses.values() if r.done_s is None and r.in_conversation)
        return next(running, None)

    async def serve(self) -> None:
        """Hold the conversation until the client goes."""
        await self.send({"type": "session.created", "session": self.session})
        try:
            with suppress(ConnectionClosed):
                async for message in self._websocket:
                    await self._receive(message)
        finally:
            self.closed = True
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._director.notify()

    async def _receive(self, message: str | bytes) -> None:
        event: Event = {}
        try:
            event = self.read(message)
            handler = self._handlers.get(str(event.get("type")))
            self.judge(event, known=handler)
            if handler is not None:
                await handler(event)
        except Refusal as refusal:
            await self.refuse(refusal, event.get("event_id"))
        self._director.notify()

    def _require_manual_mode(self) -> None:
        if self.session["audio"]["input"]["turn_detection"] is not None:
            self.violation("turn_detection is not null, and this fake plays manual turn mode only")

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._director.violations.append(f"the fake itself failed: {error!r}")

    async def _on_session_update(self, event: Event) -> None:
        has_spoken = any(response.sent_samples for response in self.responses.values())
        self.session = updated_session(self.session, event["session"], has_spoken)
        self._require_manual_mode()
        await self.send({"type": "session.updated", "session": self.session})

    async def _on_append(self, event: Event) -> None:
        self.buffer.append(event["audio"])

    async def _on_clear(self, _event: Event) -> None:
        self.buffer.clear()
        await self.send({"type": "input_audio_buffer.cleared"})

    async def _on_commit(self, _event: Event) -> None:
        self._require_manual_mode()
        audio = self.buffer.commit()
        content = [{"type": "input_audio", "transcript": None}]
        wire: Event = {"object": "realtime.item", "id": self._director.new_id("item"), "type": "message"}
        wire |= {"status": "completed", "role": "user", "content": content}
        item = Item(wire, audio=audio, heard_text=self._director.transcript_for(audio, self))
        before = self.conversation.add(item)
        self.commits.append(item)
        await self.send({"type": "input_audio_buffer.committed", "item_id": item.id, "previous_item_id": before})
        await self._acknowledge(item, before)
        if self.session["audio"]["input"]["transcription"]:
            self._start(self._transcribe(item))

    async def _acknowledge(self, item: Item, before: str | None) -> None:
        for stage in ("added", "done"):
            await self.send({"type": f"conversation.item.{stage}", "previous_item_id": before, "item": item.wire})

    async def _transcribe(self, item: Item) -> None:
        text = item.heard_text
        await asyncio.sleep(self._director.transcript_delay_ms / 1000)
        kind = "conversation.item.input_audio_transcription"
        address = {"item_id": item.id, "content_index": 0}
        if text is None:
            error = {"type": "server_error", "code": "transcription_failed", "message": "Input transcription failed."}
            await self.send({"type": f"{kind}.failed", **address, "error": error})
            return
        item.wire["content"] = [{"type": "input_audio", "transcript": text}]
        usage = {"type": "duration", "seconds": len(item.audio) / 48_000}
        await self.send({"type": f"{kind}.delta", **address, "delta": text})
        await self.send({"type": f"{kind}.completed", **address, "transcript": text, "usage": usage})

    async def _on_item_create(self, event: Event) -> None:
        fresh = self._director.new_id("item")
        item = self.conversation.create(event["item"], fresh, event.get("previous_item_id"))
        await self._acknowledge(item, self.conversation.before(item.id))

    async def _on_item_delete(self, event: Event) -> None:
        item = self.conversation.delete(event["item_id"])
        self.deletions.append(item.id)
        await self.send({"type": "conversation.item.deleted", "item_id": item.id})

    async def _on_item_truncate(self, event: Event) -> None:
        item_id, index, end_ms = event["item_id"], event["content_index"], event["audio_end_ms"]
        self.conversation.truncate(item_id, index, end_ms)
        self.truncations.append(Truncation(time.monotonic(), item_id, end_ms))
        address = {"item_id": item_id, "content_index": index}
        await self.send({"type": "conversation.item.truncated", **address, "audio_end_ms": end_ms})

    async def _on_item_retrieve(self, event: Event) -> None:
        item = self.conversation.retrieve(event["item_id"])
        await self.send({"type": "conversation.item.retrieved", "item": item.retrieved()})

    async def _on_response_create(self, event: Event) -> None:
        wanted = event.get("response") or {}
        in_conversation = wanted.get("conversation") != "none"
        if in_conversation and (active := self.active) is not None:
            message = f"Conversation already has an active response in progress: {active.id}. {_BUSY}"
            raise Refusal("conversation_already_has_active_response", message)
        if wanted.get("output_modalities", self.session["output_modalities"]) != ["audio"]:
            self.violation("asked for text, and this fake only speaks")
        track, user = self._director.new_track(), self.conversation.last_user()
        heard = (user.heard_text or user.text, user.audio) if user else ("", b"")
        reply = self._director.reply_for(ReplyRequest(self, track, event, *heard))
        metadata, now = wanted.get("metadata"), time.monotonic()
        response = Response(self._director.new_id("resp"), track, reply, metadata, in_conversation, now)
        self.responses[response.id] = response
        generation = Generation(response, self.conversation, self.session, self._director.new_id, self.send)
        self._start(generation.run())

    async def _on_response_cancel(self, event: Event) -> None:
        wanted = event.get("response_id")
        response = self.responses.get(wanted) if wanted else self.active
        if response is None or response.done_s is not None or response.cancelled.is_set():
            raise Refusal("response_cancel_not_active", "Cancellation failed: no active response found")
        self.cancels.append(response.id)
        response.cancelled.set()
