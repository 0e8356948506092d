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

from tests.fakes.realtime.conversation import Conversation, Item
from tests.fakes.realtime.generation import Generation
from tests.fakes.realtime.hearing import Hearing
from tests.fakes.realtime.line import Director, Line, LineDead
from tests.fakes.realtime.memory import Remembered, memory_of
from tests.fakes.realtime.response import Response
from tests.fakes.realtime.script import ReplyRequest
from tests.fakes.realtime.session import default_session, transcription_session, updated_session
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

    `truncations`, `deletions` (item ids), `cancels` (response ids) and `results` (call id, output) hold what was
    carried out, in order; `responses` every response by its id.
    """

    def __init__(self, director: Director, websocket: ServerConnection, number: int, model: str, intent: str) -> None:
        super().__init__(director, websocket, number)
        session_id, expires_at = director.new_id("sess"), int(time.time() + director.lifetime_s)
        writes = intent == "transcription"
        self.session = (
            transcription_session(session_id, expires_at) if writes else default_session(session_id, model, expires_at)
        )
        self.conversation = Conversation()
        self.hearing = Hearing(self)
        self.truncations: list[Truncation] = []
        self.deletions: list[str] = []
        self.cancels: list[str] = []
        self.results: list[tuple[str, str]] = []
        self.responses: dict[str, Response] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._handlers: dict[str, Callable[[Event], Awaitable[None]]] = {
            "session.update": self._on_session_update,
            "input_audio_buffer.append": self.hearing.append,
            "input_audio_buffer.commit": self.hearing.commit,
            "input_audio_buffer.clear": self.hearing.clear,
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

    @property
    def commits(self) -> list[Item]:
        """The user's items, in the order of their commit."""
        return self.hearing.commits

    @property
    def memory(self) -> list[Remembered]:
        """What the model remembers."""
        return memory_of(self.conversation)

    async def serve(self) -> None:
        """Hold the conversation until the client goes, or its time is up."""
        try:
            with suppress(ConnectionClosed, LineDead):
                await self.send({"type": "session.created", "session": self.session})
                self.start(self._expire_in(self.director.lifetime_s))
                async for message in self._websocket:
                    await self._receive(message)
            await self._websocket.wait_closed()
        finally:
            self.closed = True
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self.director.notify()

    async def _expire_in(self, lifetime_s: float) -> None:
        await asyncio.sleep(lifetime_s)
        await self.expire()

    async def _receive(self, message: str | bytes) -> None:
        event: Event = {}
        try:
            event = self.read(message)
            kind = str(event.get("type"))
            handler = self._handlers.get(kind)
            event = self.judge(event, known=handler)
            self.director.notify()
            if await self._falls(kind, before=True, ours=False):
                raise LineDead
            if handler is not None and not self.director.faults.loses(event, self.number):
                await handler(event)
            await self._falls(kind, before=False, ours=False)
        except Refusal as refusal:
            await self.refuse(refusal, event.get("event_id"))
        self.director.notify()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something beside the reading, for as long as the connection lasts."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, LineDead):
            self.director.violations.append(f"the fake itself failed: {error!r}")

    async def acknowledge(self, item: Item, before: str | None) -> None:
        """Say that an item has been put into the conversation, whole."""
        for stage in ("added", "done"):
            await self.send({"type": f"conversation.item.{stage}", "previous_item_id": before, "item": item.wire})

    # Session and items.

    async def _on_session_update(self, event: Event) -> None:
        has_spoken = any(response.sent_samples for response in self.responses.values())
        self.session = updated_session(self.session, event["session"], has_spoken)
        await self.send({"type": "session.updated", "session": self.session})

    async def _on_item_create(self, event: Event) -> None:
        fresh = self.director.new_id("item")
        item = self.conversation.create(event["item"], fresh, event.get("previous_item_id"))
        if item.wire["type"] == "function_call_output":
            self.results.append((item.wire["call_id"], item.wire["output"]))
        await self.acknowledge(item, self.conversation.before(item.id))

    async def _on_item_delete(self, event: Event) -> None:
        item = self.conversation.delete(event["item_id"])
        self.deletions.append(item.id)
        await self.send({"type": "conversation.item.deleted", "item_id": item.id})

    async def _on_item_truncate(self, event: Event) -> None:
        if not self.face.can_truncate:
            return
        item_id, index, end_ms = event["item_id"], event["content_index"], event["audio_end_ms"]
        self.conversation.truncate(item_id, index, end_ms)
        self.truncations.append(Truncation(time.monotonic(), item_id, end_ms))
        address = {"item_id": item_id, "content_index": index}
        await self.send({"type": "conversation.item.truncated", **address, "audio_end_ms": end_ms})

    async def _on_item_retrieve(self, event: Event) -> None:
        item = self.conversation.retrieve(event["item_id"])
        await self.send({"type": "conversation.item.retrieved", "item": item.retrieved()})

    # Responses.

    async def _on_response_create(self, event: Event) -> None:
        if self.session["type"] == "transcription":
            raise Refusal("invalid_value", "A transcription session creates no responses.", "type")
        await self.respond(event)

    async def respond(self, event: Event) -> None:
        """Begin a response, for the client or of the server's own accord. Raises Refusal when one is in the way."""
        wanted = event.get("response") or {}
        in_conversation = wanted.get("conversation") != "none"
        if in_conversation and (active := self.active) is not None:
            message = f"Conversation already has an active response in progress: {active.id}. {_BUSY}"
            raise Refusal("conversation_already_has_active_response", message)
        track, user = self.director.new_track(), self.conversation.last_user()
        heard = (user.heard_text or user.text, user.audio) if user else ("", b"")
        reply = self.director.reply_for(ReplyRequest(self, track, event, *heard, self.conversation.last))
        response = Response(
            id=self.director.new_id("resp"),
            track=track,
            reply=reply,
            metadata=wanted.get("metadata"),
            in_conversation=in_conversation,
            requested_s=time.monotonic(),
            number=len(self.responses),
            modalities=wanted.get("output_modalities") or self.session.get("output_modalities", ["audio"]),
        )
        self.responses[response.id] = response
        generation = Generation(response, self.conversation, self.session, self.director.new_id, self.send)
        self.start(generation.run())

    def interrupt(self) -> None:
        """The server's own ear hears the person: cancel what is being said."""
        if (active := self.active) is not None and not active.is_over:
            active.cancel("turn_detected")

    async def _on_response_cancel(self, event: Event) -> None:
        if not self.face.can_cancel:
            return
        wanted = event.get("response_id")
        response = self.responses.get(wanted) if wanted else self.active
        if response is None or response.is_over or response.cancelled.is_set():
            raise Refusal("response_cancel_not_active", "Cancellation failed: no active response found")
        self.cancels.append(response.id)
        response.cancel("client_cancelled")
