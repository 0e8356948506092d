"""A Realtime model in virtual time: it answers with coded samples, obeys, and notes what it should never be asked."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.common.outbox import Outbox
from tests.unit.ring.wires import Timeline

Event = dict[str, Any]

LONGEST_SAMPLES = 240_000

HEARD_WORDS = "what about the weather tomorrow"
"""What it understands, whatever is said."""


@lru_cache(maxsize=64)
def _track(reply: int) -> NDArray[np.int16]:
    positions = np.arange(LONGEST_SAMPLES, dtype=np.int64)
    return (1_000 + (reply * 7_919 + positions * 31) % 20_011).astype(np.int16)


def coded(reply: int, start: int, samples: int) -> NDArray[np.int16]:
    """Return the samples of a reply: never 0, and each a function of its reply and position alone."""
    return _track(reply)[start : start + samples]


@dataclass(frozen=True)
class Plan:
    """How the model gives one response: when it begins, its items' lengths in samples, in which pieces, how fast."""

    created_ms: int = 20
    first_ms: int = 40
    items: tuple[int, ...] = (24_000,)
    delta_samples: int = 2_400
    speed: float = 5.0
    stragglers: int = 0
    """Deltas that still come after a cancel has arrived."""


@dataclass
class Item:
    """One item the model remembers, or remembered."""

    id: str
    start: int
    samples: int = 0
    words: list[tuple[int, str]] = field(default_factory=list)
    truncated_ms: int | None = None
    is_deleted: bool = False

    @property
    def believed(self) -> int:
        """How many of its samples the model believes were heard."""
        if self.is_deleted:
            return 0
        return self.samples if self.truncated_ms is None else min(self.truncated_ms * 24, self.samples)


@dataclass
class Response:
    """One response; `number` is the broker's number of the reply."""

    id: str
    number: int
    plan: Plan
    instructions: str = ""
    items: list[Item] = field(default_factory=list)
    is_created: bool = False
    is_cancelled: bool = False
    stragglers: int = 0

    @property
    def samples(self) -> int:
        """Samples generated so far."""
        return sum(item.samples for item in self.items)


class ScriptedModel:
    """Feed it client events; what it answers stands in `outbox`. `violations` must stay empty."""

    def __init__(self, timeline: Timeline, plans: Sequence[Plan]) -> None:
        self.outbox: Outbox[Event] = Outbox(100_000)
        self.responses: dict[int, Response] = {}
        self.violations: list[str] = []
        self.active: Response | None = None
        self._timeline = timeline
        self._plans = plans
        self.heard_ms: dict[str, float] = {}
        """Length of every item of the person's that it remembers."""
        self._commits = 0
        self._buffered_samples = 0

    def receive(self, event: Event) -> None:
        """Take a client event."""
        match event["type"]:
            case "response.create":
                self._create(event)
            case "response.cancel":
                self._cancel(event)
            case "conversation.item.truncate":
                self._truncate(event["item_id"], event["audio_end_ms"])
            case "conversation.item.delete":
                self._delete(event["item_id"])
            case "conversation.item.create":
                self._say("conversation.item.added", item={**event["item"], "id": f"typed_{event['event_id']}"})
            case "input_audio_buffer.append":
                self._buffered_samples += len(base64.b64decode(event["audio"])) // 2
            case "input_audio_buffer.clear":
                self._buffered_samples = 0
            case "input_audio_buffer.commit":
                self._commits += 1
                self._commit(f"heard_{self._commits}")

    def find(self, item_id: str) -> Item | None:
        """Return an item of its own."""
        items = (item for response in self.responses.values() for item in response.items)
        return next((item for item in items if item.id == item_id), None)

    def _say(self, type_: str, **fields: Any) -> None:
        self.outbox.audio({"type": type_, **fields})

    def _refuse(self, code: str, event: Event) -> None:
        self._say("error", error={"type": "invalid_request_error", "code": code, "event_id": event["event_id"]})

    def _commit(self, item_id: str) -> None:
        self.heard_ms[item_id], self._buffered_samples = self._buffered_samples / 24, 0
        self._say("input_audio_buffer.committed", item_id=item_id)
        kind = "conversation.item.input_audio_transcription.completed"
        self._say(kind, item_id=item_id, transcript=HEARD_WORDS)

    def _create(self, event: Event) -> None:
        if self.active is not None:
            self.violations.append("a second response was asked for while one was active")
            self._refuse("conversation_already_has_active_response", event)
            return
        number = int(event["response"]["metadata"]["reply"])
        plan = self._plans[len(self.responses) % len(self._plans)]
        instructions = event["response"].get("instructions", "")
        response = Response(f"resp_{number}", number, plan, instructions, stragglers=plan.stragglers)
        self.responses[number] = self.active = response
        self._go_on(response, self._steps(response))

    def _cancel(self, event: Event) -> None:
        active = self.active
        if active is None or not active.is_created or event.get("response_id") not in (None, active.id):
            self._refuse("response_cancel_not_active", event)
        else:
            active.is_cancelled = True

    def _truncate(self, item_id: str, end_ms: int) -> None:
        item = self.find(item_id)
        if item is None or item.is_deleted or not item.samples:
            self.violations.append(f"truncate of {item_id}, of which there is no audio")
        elif end_ms * 24 > item.samples:
            self.violations.append(f"truncate of {item_id} at {end_ms} ms, beyond its {item.samples / 24} ms")
        else:
            item.truncated_ms = end_ms

    def _delete(self, item_id: str) -> None:
        if self.heard_ms.pop(item_id, None) is not None:
            return
        item = self.find(item_id)
        if item is None or item.is_deleted:
            self.violations.append(f"delete of {item_id}, which is not there")
        else:
            item.is_deleted = True

    # Generation: each step waits, then says one thing.

    def _go_on(self, response: Response, steps: Iterator[tuple[float, Event]]) -> None:
        step = next(steps, None)
        if step is not None:
            self._timeline.after(step[0], lambda: self._take_step(response, steps, step[1]))

    def _take_step(self, response: Response, steps: Iterator[tuple[float, Event]], event: Event) -> None:
        if response.is_cancelled and event["type"] != "response.done":
            response.stragglers -= 1
            if response.stragglers < 0:
                self._finish(response, "cancelled")
                return
        if event["type"] == "response.done":
            self._finish(response, "cancelled" if response.is_cancelled else "completed")
            return
        self._utter(response, event)
        self._go_on(response, steps)

    def _utter(self, response: Response, event: Event) -> None:
        if event["type"] == "response.created":
            response.is_created = True
        elif event["type"] == "response.output_item.added":
            response.items.append(Item(event["item"]["id"], response.samples))
        elif event["type"] == "response.output_audio_transcript.delta":
            response.items[-1].words.append((response.items[-1].samples, event["delta"]))
        elif event["type"] == "response.output_audio.delta":
            response.items[-1].samples += len(base64.b64decode(event["delta"])) // 2
        self.outbox.audio(event)

    def _finish(self, response: Response, status: str) -> None:
        self.active = None
        self._say("response.done", response={"id": response.id, "status": status})

    def _steps(self, response: Response) -> Iterator[tuple[float, Event]]:
        plan, number = response.plan, response.number
        metadata = {"reply": str(number)}
        yield plan.created_ms, {"type": "response.created", "response": {"id": response.id, "metadata": metadata}}
        wait_ms: float = plan.first_ms
        for index, length in enumerate(plan.items):
            place = {"response_id": response.id, "item_id": f"item_{number}_{index}", "content_index": 0}
            added = {"response_id": response.id, "item": {"id": place["item_id"], "type": "message"}}
            yield wait_ms, {"type": "response.output_item.added", **added}
            for start in range(0, length, plan.delta_samples):
                size = min(plan.delta_samples, length - start)
                word = f"r{number}i{index}w{start // plan.delta_samples} "
                pcm = base64.b64encode(coded(number, response.samples, size).astype("<i2").tobytes()).decode()
                yield 0, {"type": "response.output_audio_transcript.delta", **place, "delta": word}
                yield 0, {"type": "response.output_audio.delta", **place, "delta": pcm}
                wait_ms = size / 24 / plan.speed
                yield wait_ms, {"type": "rate_limits.updated"}
            yield 0, {"type": "response.output_audio.done", **place}
        yield 0, {"type": "response.done"}
