"""A Realtime server without sockets or time, for random worlds: one connection to it, whose memory ends with it.

It keeps its items as the fake server does, refuses what that refuses, and holds its own events to the official types.
What no client may ever do is noted in `faults`.
"""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.fakes.realtime.conversation import Conversation, Item
from tests.fakes.realtime.memory import Remembered, memory_of
from tests.fakes.realtime.plan import Word
from tests.fakes.realtime.wire import Refusal, server_faults
from tests.unit.broker.scene import MS

Event = dict[str, Any]
PIECE_MS = 100
"""A delta of a reply, and the word that is heard with it."""

STEP = 100
"""By the loudness of its sound, in steps of PCM16, a turn is told from another."""


def sound_of(turn: int, ms: int) -> bytes:
    """Give sound at 16 kHz by which the model knows the turn again."""
    return np.full(ms * 16, turn * STEP, "<i2").tobytes()


def turn_of(pcm: bytes) -> int:
    """Read which turn it was."""
    return round(float(np.median(np.frombuffer(pcm, "<i2"))) / STEP)


class FaultyModel:
    """Takes client events in order and leaves server events in `outbox`; `step` lets the active response go on.

    A script is the items of a response: a number is a message of so many pieces, a name a call of that function. What
    comes after "!" is how the response ends, where it doesn't end well.
    """

    def __init__(self, number: int, script: Callable[[], list[int | str]]) -> None:
        self.outbox: deque[Event] = deque()
        self.conversation = Conversation()
        self.replies: dict[str, int] = {}
        """Number of the reply by response, as its `response.create` says it."""
        self.generated: dict[str, int] = {}
        """Samples by item."""
        self.results: list[str] = []
        self.faults: list[str] = []
        self.refuses = 0
        """How many of the next requests are refused as busy, for no reason that a client could see."""
        self._number = number
        self._script = script
        self._ids = 0
        self._buffer = bytearray()
        self._active = ""
        self._metadata: Event = {}
        self._plan: deque[tuple[str, Any]] = deque()
        self._items: list[Item] = []

    @property
    def memory(self) -> list[Remembered]:
        """What it remembers."""
        return memory_of(self.conversation)

    @property
    def is_active(self) -> bool:
        """True while a response is under way."""
        return bool(self._active)

    def take(self, event: Event) -> None:
        """Carry out a client event."""
        try:
            self._carry_out(event)
        except Refusal as refusal:
            error = {"type": refusal.type, "code": refusal.code, "message": refusal.message}
            self._send("error", error=error | {"event_id": event.get("event_id"), "param": refusal.param})

    def _carry_out(self, event: Event) -> None:
        match event["type"]:
            case "input_audio_buffer.append":
                self._buffer += base64.b64decode(event["audio"])
            case "input_audio_buffer.clear":
                self._buffer.clear()
            case "input_audio_buffer.commit":
                self._commit()
            case "response.create":
                self._create(event)
            case "response.cancel":
                self._cancel(event)
            case "conversation.item.create":
                item = self.conversation.create(event["item"], self._new_id("i"), event.get("previous_item_id"))
                if item.wire["type"] == "function_call_output":
                    self.results.append(str(item.wire["call_id"]))
            case "conversation.item.delete":
                self.conversation.delete(event["item_id"])
            case "conversation.item.truncate":
                self._truncate(event)

    def _commit(self) -> None:
        pcm = bytes(self._buffer)
        self._buffer.clear()
        words = f"turn {turn_of(pcm)} of {round(len(pcm) / 48 / PIECE_MS)}"
        content = [{"type": "input_audio", "transcript": None}]
        wire = {"id": self._new_id("u"), "type": "message", "role": "user", "status": "completed", "content": content}
        item = Item(wire, audio=pcm, heard_text=words)
        self.conversation.add(item)
        self._send("input_audio_buffer.committed", item_id=item.id)
        kind = "conversation.item.input_audio_transcription.completed"
        usage = {"type": "duration", "seconds": len(pcm) / 48_000}
        self._send(kind, item_id=item.id, content_index=0, transcript=words, usage=usage)

    def _truncate(self, event: Event) -> None:
        try:
            self.conversation.truncate(event["item_id"], event["content_index"], event["audio_end_ms"])
        except Refusal as refusal:
            self.faults.append(f"{event['item_id']} cut at {event['audio_end_ms']} ms: {refusal.message}")

    # Responses.

    def _create(self, event: Event) -> None:
        if self._active:
            self.faults.append("a response was asked for while one was active")
        if self._active or self.refuses:
            self.refuses -= bool(self.refuses)
            raise Refusal("conversation_already_has_active_response", "There is an active response.")
        self._metadata = event["response"]["metadata"]
        self._active = self._new_id("r")
        self.replies[self._active] = int(self._metadata["reply"])
        self._items = []
        self._plan = deque([("created", None)])
        how = "completed"
        for part in self._script():
            if isinstance(part, int):
                self._plan += [("message", None), *[("audio", n) for n in range(part)], ("said", None)]
            elif part.startswith("!"):
                how = part[1:]
            else:
                self._plan += [("call", part), ("called", None)]
        self._plan.append(("done", how))

    def _cancel(self, event: Event) -> None:
        if event.get("response_id") not in (self._active, None) or not self._active:
            raise Refusal("response_cancel_not_active", "Cancellation failed: no active response found")
        if self._plan and self._plan[0][0] == "audio":  # a straggler
            self.step()
        self._plan.clear()
        self._end("cancelled")

    def step(self) -> None:
        """Generate a little more."""
        if not self._plan:
            return
        what, much = self._plan.popleft()
        address = {"response_id": self._active, "output_index": 0, "content_index": 0}
        if what == "created":
            self._send("response.created", response={"id": self._active, "metadata": self._metadata})
        elif what == "message":
            self._open({"type": "message", "role": "assistant", "content": []})
        elif what == "audio":
            item, number = self._items[-1], self.replies[self._active]
            word = f" {number}.{len(self._items)}.{much}"
            item.words = (*item.words, Word(word, much * PIECE_MS * MS))
            address |= {"item_id": item.id}
            self._send("response.output_audio_transcript.delta", **address, delta=word)
            item.generated_samples += PIECE_MS * MS
            self.generated[item.id] = item.generated_samples
            delta = base64.b64encode(bytes(PIECE_MS * MS * 2)).decode()
            self._send("response.output_audio.delta", **address, delta=delta)
        elif what == "said":
            item = self._items[-1]
            self._send("response.output_audio.done", **address, item_id=item.id)
            self._close(item)
        elif what == "call":
            call_id = self._new_id("c")
            self._open({"type": "function_call", "name": much, "call_id": call_id, "arguments": ""})
        elif what == "called":
            item = self._items[-1]
            item.wire["arguments"] = f'{{"for": "{item.wire["call_id"]}"}}'
            self._close(item)
        else:
            self._end(much)

    def _open(self, wire: Event) -> None:
        item = Item({"id": self._new_id("a"), "status": "in_progress", **wire}, self._active)
        self._items.append(item)
        self.conversation.add(item)
        self._send("response.output_item.added", response_id=self._active, output_index=0, item=dict(item.wire))

    def _close(self, item: Item) -> None:
        item.wire["status"] = "completed"
        self._send("response.output_item.done", response_id=self._active, output_index=0, item=dict(item.wire))

    def _end(self, how: str) -> None:
        details: Event | None = None
        if how == "failed":
            details = {"type": "failed", "error": {"type": "invalid_request_error", "code": "no_more"}}
        elif how == "incomplete":
            details = {"type": "incomplete", "reason": "max_output_tokens"}
        response = {"id": self._active, "status": how, "status_details": details}
        self._send("response.done", response=response | {"output": [dict(item.wire) for item in self._items]})
        self._active = ""

    def _new_id(self, kind: str) -> str:
        self._ids += 1
        return f"{kind}{self._number}.{self._ids}"

    def _send(self, kind: str, **fields: Any) -> None:
        event = {"type": kind, "event_id": self._new_id("e"), **fields}
        self.faults += [f"the model itself sent {kind}: {fault}" for fault in server_faults(event)]
        self.outbox.append(event)
