"""How one response goes out: items, captions and paced audio, up to its single `response.done`."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tests.fakes.position_code import RATE_HZ
from tests.fakes.realtime.conversation import Conversation, Item
from tests.fakes.realtime.script import Call, PlannedMessage, Reply, Word, plan_messages
from tests.fakes.realtime.wire import Event

_AHEAD = 3  # captions "ahead" run at this multiple of the audio
Send = Callable[[Event], Awaitable[None]]


@dataclass(slots=True)
class Response:
    """What became of one response."""

    id: str
    track: int
    reply: Reply
    metadata: Event | None
    in_conversation: bool
    requested_s: float
    """Monotonic time of the `response.create`, like the other times here."""
    items: list[Item] = field(default_factory=list)
    status: str = "in_progress"
    details: Event | None = None
    created_s: float | None = None
    first_audio_s: float | None = None
    done_s: float | None = None
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def sent_samples(self) -> int:
        """Audio of the track that went out."""
        return sum(item.generated_samples for item in self.items)

    def wire(self, session: Event) -> Event:
        """Show the response as `response.created` and `response.done` do."""
        done = self.status != "in_progress"
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": self.status,
            "status_details": self.details,
            "output": [item.wire for item in self.items],
            "conversation_id": "conv_fake" if self.in_conversation else None,
            "output_modalities": session["output_modalities"],
            "max_output_tokens": session["max_output_tokens"],
            "audio": {"output": {name: session["audio"]["output"][name] for name in ("format", "voice")}},
            "usage": self._usage() if done and self.status != "failed" else None,
            "metadata": self.metadata,
        }

    def _usage(self) -> Event:
        audio = self.sent_samples * 20 // RATE_HZ  # 1 token per 50 ms
        text = sum(len(item.words) for item in self.items)
        inputs = {"text_tokens": 100, "audio_tokens": 20, "image_tokens": 0, "cached_tokens": 0}
        return {
            "total_tokens": 120 + audio + text,
            "input_tokens": 120,
            "output_tokens": audio + text,
            "input_token_details": inputs,
            "output_token_details": {"text_tokens": text, "audio_tokens": audio},
        }


class _Ended(Exception):
    """The response ends before its script does."""


class Generation:
    """Plays the script of one response to one client. Cancel it with `response.cancelled.set()`."""

    def __init__(
        self, response: Response, conversation: Conversation, session: Event, new_id: Callable[[str], str], send: Send
    ) -> None:
        self._response = response
        self._reply = response.reply
        self._conversation = conversation
        self._session = session
        self._new_id = new_id
        self._send = send
        self._audio_from_s: float | None = None
        self._stragglers = response.reply.stragglers

    async def run(self) -> None:
        """Send everything from `response.created` to `response.done`."""
        response = self._response
        await self._wait_until(response.requested_s + self._reply.created_ms / 1000)
        response.created_s = time.monotonic()
        await self._send({"type": "response.created", "response": response.wire(self._session)})
        limit = {"name": "tokens", "limit": 40_000, "remaining": 39_000, "reset_seconds": 1.5}
        await self._send({"type": "rate_limits.updated", "rate_limits": [limit]})
        response.status, response.details = await self._play()
        response.done_s = time.monotonic()
        await self._send({"type": "response.done", "response": response.wire(self._session)})

    async def _play(self) -> tuple[str, Event | None]:
        try:
            await self._wait_until(self._response.requested_s + self._reply.think_ms / 1000)
            self._check()
            for message in plan_messages(self._reply):
                self._check()
                await self._message(message)
            for call in self._reply.calls:
                self._check()
                await self._call(call)
        except _Ended:
            return self._ending()
        return "completed", None

    def _ending(self) -> tuple[str, Event]:
        if self._response.cancelled.is_set():
            return "cancelled", {"type": "cancelled", "reason": "client_cancelled"}
        if self._reply.fail is not None:
            return "failed", {"type": "failed", "error": {"type": "server_error", "code": self._reply.fail}}
        return "incomplete", {"type": "incomplete", "reason": self._reply.incomplete}

    def _check(self) -> None:
        """Raises _Ended when the response was cancelled or its script ends it here."""
        at_ms = self._response.sent_samples * 1000 / RATE_HZ
        stops = self._reply.fail is not None or self._reply.incomplete is not None
        if self._response.cancelled.is_set() or (stops and at_ms >= self._reply.end_at_ms):
            raise _Ended

    async def _wait_until(self, at_s: float) -> None:
        """Sleep, but not through a cancel."""
        try:
            async with asyncio.timeout(at_s - time.monotonic()):
                await self._response.cancelled.wait()
        except TimeoutError:
            return

    async def _wait_for_release(self, hold: asyncio.Event) -> None:
        waits = [asyncio.ensure_future(event.wait()) for event in (hold, self._response.cancelled)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        self._audio_from_s = None  # what follows is paced from now on

    async def _message(self, plan: PlannedMessage) -> None:
        wire = {"type": "message", "role": "assistant", "content": []}
        item = await self._open_item(wire, plan.track_start)
        address = self._address(item) | {"content_index": 0}
        await self._send(
            {"type": "response.content_part.added", **address, "part": {"type": "audio", "transcript": ""}}
        )
        try:
            await self._speak(item, plan, address)
        except _Ended:
            await self._close_message(item, address, complete=False)
            raise
        await self._close_message(item, address, complete=True)

    async def _speak(self, item: Item, plan: PlannedMessage, address: Event) -> None:
        """Send the captions and the audio of a message, delta by delta."""
        delta_samples = self._reply.delta_ms * RATE_HZ // 1000
        words = list(plan.words)
        while item.generated_samples < plan.samples:
            await self._pace()
            size = min(delta_samples, plan.samples - item.generated_samples)
            horizon = (item.generated_samples + size) * (_AHEAD if self._reply.captions == "ahead" else 1)
            while words and words[0].at_sample < horizon:
                await self._caption(item, words.pop(0), address)
            await self._audio(item, size, address)
        for word in words:
            await self._caption(item, word, address)

    async def _pace(self) -> None:
        """Wait for the turn of the next delta. Raises _Ended, after the stragglers of a cancel."""
        response, reply = self._response, self._reply
        at_ms = response.sent_samples * 1000 / RATE_HZ
        if reply.hold is not None and at_ms >= reply.hold_at_ms and not reply.hold.is_set():
            await self._wait_for_release(reply.hold)
        if self._audio_from_s is None:
            self._audio_from_s = time.monotonic() - at_ms / 1000 / reply.speed
        await self._wait_until(self._audio_from_s + at_ms / 1000 / reply.speed)
        if response.cancelled.is_set() and self._stragglers > 0:
            self._stragglers -= 1
            return
        self._check()

    async def _caption(self, item: Item, word: Word, address: Event) -> None:
        item.words = (*item.words, word)
        await self._send({"type": "response.output_audio_transcript.delta", **address, "delta": word.text})

    async def _audio(self, item: Item, samples: int, address: Event) -> None:
        pcm = self._reply.pcm(item.track, samples, item.track_start + item.generated_samples)
        item.generated_samples += samples
        if self._response.first_audio_s is None:
            self._response.first_audio_s = time.monotonic()
        delta = base64.b64encode(pcm).decode()
        await self._send({"type": "response.output_audio.delta", **address, "delta": delta})

    async def _close_message(self, item: Item, address: Event, complete: bool) -> None:
        transcript = "".join(word.text for word in item.words)
        part = {"type": "audio", "transcript": transcript}
        if item.truncated_ms is None:  # a truncation has already deleted the transcript
            item.wire["content"] = [{"type": "output_audio", "transcript": transcript}]
        await self._send({"type": "response.output_audio.done", **address})
        await self._send({"type": "response.output_audio_transcript.done", **address, "transcript": transcript})
        await self._send({"type": "response.content_part.done", **address, "part": part})
        await self._close_item(item, complete)

    async def _call(self, call: Call) -> None:
        wire = {"type": "function_call", "name": call.name, "call_id": self._new_id("call"), "arguments": ""}
        item = await self._open_item(wire, 0)
        address = self._address(item) | {"call_id": wire["call_id"]}
        delta = {"type": "response.function_call_arguments.delta", **address, "delta": call.arguments}
        await self._send(delta)
        item.wire["arguments"] = call.arguments
        done = {"type": "response.function_call_arguments.done", **address}
        await self._send(done | {"name": call.name, "arguments": call.arguments})
        await self._close_item(item, complete=True)

    def _address(self, item: Item) -> Event:
        index = self._response.items.index(item)
        return {"response_id": self._response.id, "item_id": item.id, "output_index": index}

    async def _open_item(self, wire: Event, track_start: int) -> Item:
        response = self._response
        wire = {"object": "realtime.item", "id": self._new_id("item"), "status": "in_progress", **wire}
        item = Item(wire, response.id, response.track, track_start)
        response.items.append(item)
        place = {"response_id": response.id, "output_index": len(response.items) - 1}
        await self._send({"type": "response.output_item.added", **place, "item": item.wire})
        if response.in_conversation:
            before = self._conversation.add(item)
            await self._send({"type": "conversation.item.added", "previous_item_id": before, "item": item.wire})
        return item

    async def _close_item(self, item: Item, complete: bool) -> None:
        response = self._response
        item.wire["status"] = "completed" if complete else "incomplete"
        if response.in_conversation and not item.deleted:
            before = self._conversation.before(item.id)
            await self._send({"type": "conversation.item.done", "previous_item_id": before, "item": item.wire})
        place = {"response_id": response.id, "output_index": response.items.index(item)}
        await self._send({"type": "response.output_item.done", **place, "item": item.wire})
