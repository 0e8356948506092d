"""What became of one response, and how it shows on the wire."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from tests.fakes.realtime.conversation import Conversation, Item
from tests.fakes.realtime.script import Reply
from tests.fakes.realtime.usage import response_usage
from tests.fakes.realtime.wire import Event


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
    number: int
    """How many came before it on its connection."""
    modalities: list[str]
    items: list[Item] = field(default_factory=list)
    status: str = "in_progress"
    details: Event | None = None
    created_s: float | None = None
    first_audio_s: float | None = None
    done_s: float | None = None
    is_over: bool = False
    """It has said all it will, though perhaps not yet that it is done."""
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled_by: str = ""

    @property
    def sent_samples(self) -> int:
        """Audio of the track that went out."""
        return sum(item.generated_samples for item in self.items)

    @property
    def speaks(self) -> bool:
        """False: it answers in text."""
        return "audio" in self.modalities

    def cancel(self, why: str) -> None:
        """Have it end: `client_cancelled` or `turn_detected`."""
        self.cancelled_by = self.cancelled_by or why
        self.cancelled.set()

    def wire(self, session: Event, conversation: Conversation) -> Event:
        """Show the response as `response.created` and `response.done` do."""
        is_done = self.status != "in_progress"
        counts = is_done and self.status != "failed" and self.reply.has_usage
        every_other = self.number % 2 == 1  # caching is opportunistic
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": self.status,
            "status_details": self.details,
            "output": [item.wire for item in self.items],
            "conversation_id": "conv_fake" if self.in_conversation else None,
            "output_modalities": self.modalities,
            "max_output_tokens": session["max_output_tokens"],
            "audio": {"output": {name: session["audio"]["output"][name] for name in ("format", "voice")}},
            "usage": response_usage(session, conversation, self.items, every_other) if counts else None,
            "metadata": self.metadata,
        }
