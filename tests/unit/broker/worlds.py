"""A model and a listener in a few lines, for random interleavings: both keep their own truth, and note every fault."""

from __future__ import annotations

import base64
from collections import deque
from dataclasses import dataclass
from typing import Any

from parley.v1 import egress_service_pb2 as egress
from tests.unit.broker.scene import MS

Event = dict[str, Any]

REFUSED = "rate_limit_exceeded"


@dataclass
class Spoken:
    """An item as the model remembers it."""

    id: str
    response: str
    samples: int = 0
    truncated_ms: int | None = None
    deleted: bool = False

    @property
    def believed(self) -> int:
        """Samples that the model believes were heard."""
        if self.deleted:
            return 0
        return self.samples if self.truncated_ms is None else self.truncated_ms * MS


class Model:
    """Takes client events in order and leaves server events in `outbox`; `step` lets the active response go on."""

    def __init__(self, items: int) -> None:
        self.outbox: deque[Event] = deque()
        self.items: dict[str, Spoken] = {}
        self.heard: dict[str, int] = {}
        """Samples of every item of the person's that it remembers."""
        self.refusals = 0
        """How many of the next requests it refuses."""
        self._buffered = 0
        self.faults: list[str] = []
        self.replies: dict[str, str] = {}
        """Reply number by response."""
        self._items = items
        self._active: str | None = None
        self._metadata: Event = {}
        self._script: deque[tuple[str, str]] = deque()
        self._commits = 0

    def take(self, event: Event) -> None:
        """Carry out a client event."""
        match event["type"]:
            case "input_audio_buffer.append":
                self._buffered += len(base64.b64decode(event["audio"])) // 2
            case "input_audio_buffer.clear":
                self._buffered = 0
            case "input_audio_buffer.commit":
                self._commits += 1
                item = f"u{self._commits}"
                self.heard[item], self._buffered = self._buffered, 0
                self._send("input_audio_buffer.committed", item_id=item)
                kind = "conversation.item.input_audio_transcription.completed"
                self._send(kind, item_id=item, transcript=f"words {self._commits}")
            case "response.create":
                self._create(event)
            case "response.cancel":
                self._cancel(event)
            case "conversation.item.delete" if event["item_id"] in self.heard:
                del self.heard[event["item_id"]]
            case "conversation.item.delete":
                if (found := self._find(event)) is not None:
                    found.deleted = True
            case "conversation.item.truncate":
                self._truncate(event)

    def step(self) -> None:
        """Generate a little more."""
        if not self._script:
            return
        kind, item = self._script.popleft()
        response = self._active or ""
        if kind == "created":
            self._send("response.created", response={"id": response, "metadata": self._metadata})
        elif kind == "added":
            self.items[item] = Spoken(item, response)
            self._send("response.output_item.added", response_id=response, item={"id": item, "type": "message"})
        elif kind == "audio":
            self.items[item].samples += 100 * MS + 7
            delta = base64.b64encode(bytes((100 * MS + 7) * 2)).decode()
            self._send("response.output_audio.delta", response_id=response, item_id=item, delta=delta)
        elif kind == "ended":
            self._send("response.output_audio.done", response_id=response, item_id=item)
        else:
            self._end("completed")

    def _create(self, event: Event) -> None:
        if self._active is not None:
            self.faults.append("a response was asked for while one was active")
            return
        if self.refusals:
            self.refusals -= 1
            self._send("error", error={"code": REFUSED, "event_id": event["event_id"]})
            return
        self._metadata = event["response"]["metadata"]
        number = self._metadata["reply"]
        self._active = f"r{number}"
        self.replies[self._active] = number
        self._script = deque([("created", "")])
        for index in range(self._items):
            item = f"{self._active}.{index}"
            self._script += [("added", item), ("audio", item), ("audio", item), ("audio", item), ("ended", item)]
        self._script.append(("done", ""))

    def _cancel(self, event: Event) -> None:
        if event.get("response_id") != self._active:
            error = {"code": "response_cancel_not_active", "event_id": event["event_id"]}
            self._send("error", error=error)
            return
        while self._script and self._script[0][0] == "audio":  # a straggler or two
            self.step()
        self._script.clear()
        self._end("cancelled")

    def _end(self, status: str) -> None:
        self._send("response.done", response={"id": self._active, "status": status})
        self._active = None

    def _truncate(self, event: Event) -> None:
        found = self._find(event)
        if found is None:
            return
        if not 0 < event["audio_end_ms"] * MS <= found.samples:
            self.faults.append(f"{found.id} cut at {event['audio_end_ms']} ms of {found.samples / MS} ms")
        found.truncated_ms = event["audio_end_ms"]

    def _find(self, event: Event) -> Spoken | None:
        found = self.items.get(event["item_id"])
        if found is None or found.deleted or found.truncated_ms is not None:
            self.faults.append(f"{event['type']} of {event['item_id']}, which is unknown or was dealt with before")
            return None
        return found

    def _send(self, kind: str, **fields: Any) -> None:
        self.outbox.append({"type": kind, **fields})


class Listener:
    """Plays what egress was given, and knows to the sample what was heard; `faults` notes what came after a floor."""

    def __init__(self) -> None:
        self.floor = 0
        self.given: dict[int, int] = {}
        self.heard: dict[int, int] = {}
        self.last = (0, 0)
        self.flushes: deque[tuple[int, tuple[int, int]]] = deque()
        self.faults: list[str] = []
        self._complete: set[int] = set()

    def take(self, request: egress.SpeakRequest) -> None:
        """Take a message of the Speak stream."""
        match request.WhichOneof("message"):
            case "interrupt":
                self.floor = max(self.floor, request.interrupt.floor)
                self.flushes.append((request.interrupt.seq, self.last))
            case "reply_started":
                self._check(request.reply_started.reply, "began")
                self.given[request.reply_started.reply] = 0
            case "audio":
                self._check(request.audio.reply, "sounded")
                self.given[request.audio.reply] += len(request.audio.pcm) // 2
            case "reply_ended":
                self._check(request.reply_ended.reply, "ended")
                self._complete.add(request.reply_ended.reply)
            case "caption" if request.caption.reply and not request.caption.final:
                self._check(request.caption.reply, "had words")

    def listen(self, samples: int) -> egress.Played | None:
        """Play on; return the report."""
        for number in sorted(self.given):
            if number > self.floor and self.heard.get(number, 0) < self.given[number]:
                heard = min(self.heard.get(number, 0) + samples, self.given[number])
                self.heard[number] = heard
                self.last = (number, heard)
                ended = number in self._complete and heard == self.given[number]
                return egress.Played(reply=number, position=heard, ended=ended)
            if number > self.floor and number not in self._complete:
                return None
        return None

    def _check(self, reply: int, what: str) -> None:
        if reply <= self.floor:
            self.faults.append(f"reply {reply} {what} although the floor was {self.floor}")
