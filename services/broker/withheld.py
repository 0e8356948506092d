"""Withheld: a response that was asked for before its turn was sure to be over. Nothing of it may be known yet."""

from __future__ import annotations

from dataclasses import dataclass, field

from services.broker.event import Event, table, text
from services.broker.reply import Reply


@dataclass
class Withheld:
    """A response's events as they came, to be taken in when it is released: so nothing of it can get out before."""

    reply: Reply
    events: list[tuple[str, Event]] = field(default_factory=list)
    is_over: bool = False
    """The model has ended it."""
    _speaks: bool = False
    _is_faulty: bool = False

    @property
    def is_usable(self) -> bool:
        """False once the model has refused it, lost it, or failed before it said anything: it must be asked anew."""
        return not self.reply.is_dead and not (self._is_faulty and not self._speaks)

    def takes(self, kind: str, event: Event) -> bool:
        """Keep a `response.…` event if it belongs to the response; say whether it does."""
        ended = kind == "response.done"
        response_id = text(table(event, "response"), "id") if ended else text(event, "response_id")
        if not response_id or response_id != self.reply.response_id:
            return False
        self.events.append((kind, event))
        self._speaks |= kind == "response.output_audio.delta"
        if ended:
            self.is_over = True
            self._is_faulty = text(table(event, "response"), "status") == "failed"
        return True
