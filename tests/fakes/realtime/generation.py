"""How one response goes out: items, captions and paced audio, up to its single `response.done`."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable

from tests.fakes.position_code import RATE_HZ
from tests.fakes.realtime.conversation import Conversation, Item
from tests.fakes.realtime.line import LineDead
from tests.fakes.realtime.plan import PlannedMessage, Word, pieces_of, plan_items
from tests.fakes.realtime.response import Response
from tests.fakes.realtime.script import Call
from tests.fakes.realtime.wire import Event

_AHEAD = 3  # captions "ahead" run at this multiple of the audio
_RATE_LIMITS_EVERY = 3
Send = Callable[[Event], Awaitable[None]]


class _Ended(Exception):
    """The response ends before its script does."""


class Generation:
    """Plays the script of one response to one client. Cancel it with `response.cancel`."""

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
        await self._send({"type": "response.created", "response": self._shown()})
        if response.number % _RATE_LIMITS_EVERY == 0:
            limit = {"name": "tokens", "limit": 40_000, "remaining": 39_000, "reset_seconds": 1.5}
            await self._send({"type": "rate_limits.updated", "rate_limits": [limit]})
        status, details = await self._play()
        response.is_over = True
        await asyncio.sleep(self._reply.done_ms / 1000)
        response.status, response.details, response.done_s = status, details, time.monotonic()
        await self._send({"type": "response.done", "response": self._shown()})

    def _shown(self) -> Event:
        return self._response.wire(self._session, self._conversation)

    async def _play(self) -> tuple[str, Event | None]:
        try:
            await self._wait_until(self._response.requested_s + self._reply.think_ms / 1000)
            self._check()
            for item in plan_items(self._reply):
                self._check()
                await (self._call(item) if isinstance(item, Call) else self._message(item))
        except _Ended:
            return self._ending()
        return self._ending() if self._ends_badly else ("completed", None)

    @property
    def _ends_badly(self) -> bool:
        return self._reply.fail is not None or self._reply.incomplete is not None

    def _ending(self) -> tuple[str, Event]:
        if self._response.cancelled.is_set():
            return "cancelled", {"type": "cancelled", "reason": self._response.cancelled_by}
        if self._reply.fail is not None:
            error = {"type": self._reply.fail_type, "code": self._reply.fail}
            return "failed", {"type": "failed", "error": error}
        return "incomplete", {"type": "incomplete", "reason": self._reply.incomplete}

    def _check(self) -> None:
        """Raises _Ended when the response was cancelled or its script ends it here."""
        at_ms = self._response.sent_samples * 1000 / RATE_HZ
        if self._response.cancelled.is_set() or (self._ends_badly and at_ms >= self._reply.end_at_ms):
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

    # A message.

    async def _message(self, plan: PlannedMessage) -> None:
        item = await self._open_item({"type": "message", "role": "assistant", "content": []}, plan.track_start)
        address = self._address(item) | {"content_index": 0}
        if not self._response.speaks:
            await self._write(item, plan, address)
            return
        part = {"type": "audio", "transcript": ""}
        await self._send({"type": "response.content_part.added", **address, "part": part})
        try:
            await self._speak(item, plan, address)
        except _Ended:
            await self._close_message(item, address, complete=False)
            raise
        await self._close_message(item, address, complete=True)

    async def _write(self, item: Item, plan: PlannedMessage, address: Event) -> None:
        """Send a message of text."""
        text = "".join(word.text for word in plan.words)
        await self._send({"type": "response.content_part.added", **address, "part": {"type": "text", "text": ""}})
        for word in plan.words:
            await self._send({"type": "response.output_text.delta", **address, "delta": word.text})
        item.wire["content"] = [{"type": "output_text", "text": text}]
        await self._send({"type": "response.output_text.done", **address, "text": text})
        await self._send({"type": "response.content_part.done", **address, "part": {"type": "text", "text": text}})
        await self._close_item(item, complete=True)

    async def _speak(self, item: Item, plan: PlannedMessage, address: Event) -> None:
        """Send the captions and the audio of a message, delta by delta."""
        delta_samples = self._reply.delta_ms * RATE_HZ // 1000
        words = list(plan.words)
        while item.generated_samples < plan.samples:
            await self._pace()
            size = min(delta_samples, plan.samples - item.generated_samples)
            if self._reply.captions == "aligned":  # no delta holds the beginning of a word but as its own
                begins = (word.at_sample - item.generated_samples for word in words)
                size = min([size, *(ahead for ahead in begins if ahead > 0)])
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
        try:
            await self._send({"type": "response.output_audio.delta", **address, "delta": delta})
        except LineDead:
            item.generated_samples -= samples
            raise

    async def _close_message(self, item: Item, address: Event, complete: bool) -> None:
        transcript = "".join(word.text for word in item.words)
        part = {"type": "audio", "transcript": transcript}
        if item.truncated_ms is None:  # a truncation has already deleted the transcript
            item.wire["content"] = [{"type": "output_audio", "transcript": transcript}]
        await self._send({"type": "response.output_audio.done", **address})
        await self._send({"type": "response.output_audio_transcript.done", **address, "transcript": transcript})
        await self._send({"type": "response.content_part.done", **address, "part": part})
        await self._close_item(item, complete)

    # A function call.

    async def _call(self, call: Call) -> None:
        call_id = call.call_id or self._new_id("call")
        item = await self._open_item(
            {"type": "function_call", "name": call.name, "call_id": call_id, "arguments": ""}, 0
        )
        address = self._address(item) | {"call_id": call_id}
        for piece in pieces_of(call.arguments, call.pieces):
            await self._send({"type": "response.function_call_arguments.delta", **address, "delta": piece})
        item.wire["arguments"] = call.arguments
        done = {"type": "response.function_call_arguments.done", **address}
        await self._send(done | {"name": call.name, "arguments": call.arguments})
        await self._close_item(item, complete=True)

    # Items as such.

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
