"""One response of the model: what was asked of it, its items, and its outcome."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from services.engine.parts import ThoughtUsage, ToolCall
from services.engine.protocol.events import Event, new_id
from services.engine.protocol.fields import Fields
from services.engine.protocol.item import Item, Part
from services.engine.protocol.output import Call, Message, Output, Place
from services.engine.protocol.usage import input_tokens, spoken_tokens, text_tokens, usage


@dataclass(frozen=True, slots=True)
class Wish:
    """What a response is to be like: the session's settings, with those that were asked for in their place.

    `given` are the items to answer to instead of the conversation. `conversation_id` None keeps the response out of it.
    """

    modality: str
    audio: Fields
    instructions: str
    tools: list[Fields]
    tool_choice: str | Fields
    max_output_tokens: int | str
    conversation_id: str | None
    metadata: dict[str, str] | None = None
    given: list[Item] | None = None


@dataclass(slots=True)
class Response:
    """A response from `response.created` to `response.done`. Its methods give the events to send.

    `place` puts a new item into the conversation, `finished` says there that it is whole; both do nothing out of band.
    """

    wish: Wish
    place: Place
    finished: Place
    id: str = field(default_factory=lambda: new_id("resp"))
    status: str = "in_progress"
    outputs: list[Output] = field(default_factory=list)
    thought: ThoughtUsage | None = None
    _open: Message | None = None
    _details: Event | None = None
    _usage: Event | None = None

    @property
    def in_conversation(self) -> bool:
        """Whether its items become part of the conversation."""
        return self.wish.conversation_id is not None

    @property
    def samples(self) -> int:
        """Samples of audio it has made."""
        return sum(output.samples for output in self.outputs if isinstance(output, Message))

    @property
    def is_at_limit(self) -> bool:
        """Whether it has said as much as it may."""
        limit = self.wish.max_output_tokens
        return isinstance(limit, int) and sum(self._written()) >= limit

    def as_dict(self) -> dict[str, Any]:
        """The response object."""
        output = {"format": self.wish.audio["format"], "voice": self.wish.audio["voice"]}
        return {
            "id": self.id,
            "object": "realtime.response",
            "status": self.status,
            "status_details": self._details,
            "output": [output.item.as_dict() for output in self.outputs],
            "conversation_id": self.wish.conversation_id,
            "output_modalities": [self.wish.modality],
            "max_output_tokens": self.wish.max_output_tokens,
            "audio": {"output": output},
            "usage": self._usage,
            "metadata": self.wish.metadata,
        }

    def created(self) -> Event:
        """`response.created`."""
        return {"type": "response.created", "response": self.as_dict()}

    def word(self, word: str) -> list[Event]:
        """The next word begins now."""
        message, begun = self._message()
        return [*begun, *message.word(word)]

    def audio(self, pcm: bytes) -> list[Event]:
        """The next audio: PCM16LE mono at 24 kHz."""
        message, begun = self._message()
        return [*begun, *message.audio(pcm)]

    def call(self, call: ToolCall) -> list[Event]:
        """The client is to call a function; what was being said before is complete."""
        closed = self._close_message("completed")
        output = Call(self.id, len(self.outputs), call)
        self.outputs.append(output)
        begun = output.begin(self.place)
        output.item.status = "completed"
        return [*closed, *begun, *output.done(self.finished)]

    def freeze(self, part: Part) -> None:
        """A part was truncated; if it is being spoken here, what is to come of it will not be remembered."""
        if self._open is not None:
            self._open.freeze(part)

    def end(self, status: str, details: Event | None, context: list[Item]) -> list[Event]:
        """The outcome: completed, incomplete, cancelled or failed; and the last events of the response."""
        events = self._close_message("completed" if status == "completed" else "incomplete")
        self.status, self._details = status, details
        if status != "failed" or self.outputs:
            own = {output.item.id for output in self.outputs}
            before = [item for item in context if item.id not in own]
            self._usage = usage(input_tokens(before, self.wish.instructions), self._written(), self.thought)
        return [*events, {"type": "response.done", "response": self.as_dict()}]

    def _message(self) -> tuple[Message, list[Event]]:
        """The message that is being made, and the events that begin it if it is new."""
        if self._open is not None:
            return self._open, []
        message = self._open = Message(self.id, len(self.outputs), self.wish.modality, self.wish.audio["format"])
        self.outputs.append(message)
        return message, message.begin(self.place)

    def _close_message(self, status: str) -> list[Event]:
        message, self._open = self._open, None
        if message is None:
            return []
        events = message.end()
        message.item.status = status
        return [*events, *message.done(self.finished)]

    def _written(self) -> tuple[int, int]:
        text = sum(text_tokens(len(output.said)) for output in self.outputs if isinstance(output, Message))
        text += sum(text_tokens(len(value)) for output in self.outputs for value in output.item.call.values())
        return text, spoken_tokens(self.samples)
