"""The responses of a session: one at a time for the conversation, and some beside it.

The shell answers those it is asked to `Answer`, and reports back what it says; reports about a response that is over
(cancelled, or at its limit) are dropped, so that nothing follows a `response.done`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from services.engine.parts import Curtailed, PartError, ThoughtUsage, ToolCall
from services.engine.protocol.conversation import Conversation
from services.engine.protocol.errors import ClientError
from services.engine.protocol.events import Action, Answer, Event, Hush, sent
from services.engine.protocol.item import Item, Part
from services.engine.protocol.response import Response, Wish

_MAX_RESPONSES: Final = 8  # one of the conversation's own, the rest out of band


Ended = Callable[[Response], list[Action]]


class Responses:
    """Those that are active."""

    def __init__(self, conversation: Conversation, ended: Ended) -> None:
        """`ended` is asked what follows on the end of a response of the conversation's own."""
        self._conversation = conversation
        self._ended = ended
        self._active: dict[str, Response] = {}
        self.has_spoken = False
        """Whether any audio was made: then the voice is settled."""

    @property
    def current(self) -> Response | None:
        """The conversation's own, if one is active."""
        return next((response for response in self._active.values() if response.in_conversation), None)

    def find(self, response_id: str) -> Response | None:
        """A response while it is active."""
        return self._active.get(response_id)

    def context(self, response: Response) -> list[Item]:
        """The items to answer to, oldest first."""
        return list(self._conversation) if response.wish.given is None else response.wish.given

    # What starts and stops them

    def create(self, wish: Wish) -> list[Action]:
        """Begin a response. Raises ClientError when there is one in the conversation, or too many beside it."""
        current = self.current
        if wish.conversation_id is not None and current is not None:
            message = (
                f"Conversation already has an active response in progress: {current.id}. "
                "Wait until the response is finished before creating a new one."
            )
            raise ClientError("conversation_already_has_active_response", message)
        if len(self._active) >= _MAX_RESPONSES:
            raise ClientError("rate_limit_exceeded", f"At most {_MAX_RESPONSES} responses at a time")
        response = Response(wish, self._place, self._finished) if wish.conversation_id else Response(wish, _out, _out)
        self._active[response.id] = response
        return [sent(response.created()), Answer(response.id)]

    def cancel(self, response_id: object) -> list[Action]:
        """The client wants it no more. Raises ClientError if it is not active."""
        response = self.current if response_id is None else self._active.get(str(response_id))
        if response is None:
            message = "Cancellation failed: no active response found"
            raise ClientError("response_cancel_not_active", message, None if response_id is None else "response_id")
        return self._cancel(response, "client_cancelled")

    def interrupt(self) -> list[Action]:
        """The person speaks: the conversation's response ends."""
        return self._cancel(self.current, "turn_detected") if self.current is not None else []

    def truncated(self, part: Part) -> None:
        """A part was cut back; if it is being spoken, the rest will not be remembered."""
        for response in self._active.values():
            response.freeze(part)

    # Reports of the shell

    def word(self, response_id: str, word: str) -> list[Action]:
        """The next word of a response begins now."""
        response = self._active.get(response_id)
        return self._said(response, response.word(word)) if response else []

    def audio(self, response_id: str, pcm: bytes) -> list[Action]:
        """The next audio of a response."""
        response = self._active.get(response_id)
        if response is None:
            return []
        self.has_spoken = True
        return self._said(response, response.audio(pcm))

    def call(self, response_id: str, call: ToolCall) -> list[Action]:
        """A response wants a function called."""
        response = self._active.get(response_id)
        return self._said(response, response.call(call)) if response else []

    def thought(self, response_id: str, usage: ThoughtUsage) -> None:
        """What the thought took."""
        if response := self._active.get(response_id):
            response.thought = usage

    def finish(self, response_id: str, curtailed: Curtailed | None) -> list[Action]:
        """All was said, or all that could be."""
        response = self._active.get(response_id)
        if response is None:
            return []
        if curtailed is None:
            return self._end(response, "completed", None)
        return self._end(response, "incomplete", {"type": "incomplete", "reason": curtailed.reason})

    def fail(self, response_id: str, fault: PartError) -> list[Action]:
        """The response could not be made."""
        error = {"type": "server_error", "code": fault.code, "message": fault.message}
        response = self._active.get(response_id)
        return self._end(response, "failed", {"type": "failed", "error": error}) if response else []

    def _said(self, response: Response, events: list[Event]) -> list[Action]:
        actions: list[Action] = [sent(event) for event in events]
        if response.is_at_limit:
            actions.append(Hush(response.id))
            actions += self._end(response, "incomplete", {"type": "incomplete", "reason": "max_output_tokens"})
        return actions

    def _cancel(self, response: Response, reason: str) -> list[Action]:
        return [Hush(response.id), *self._end(response, "cancelled", {"type": "cancelled", "reason": reason})]

    def _end(self, response: Response, status: str, details: Event | None) -> list[Action]:
        del self._active[response.id]
        last = [sent(event) for event in response.end(status, details, self.context(response))]
        return [*last, *(self._ended(response) if response.in_conversation else [])]

    # The conversation's items

    def _place(self, item: Item) -> list[Event]:
        previous = self._conversation.add(item)
        return [{"type": "conversation.item.added", "item": item.as_dict(), "previous_item_id": previous}]

    def _finished(self, item: Item) -> list[Event]:
        if self._conversation.find(item.id) is not item:
            return []  # deleted meanwhile
        previous = self._conversation.before(item)
        return [{"type": "conversation.item.done", "item": item.as_dict(), "previous_item_id": previous}]


def _out(_: Item) -> list[Event]:
    """Out of band: the conversation has nothing of it."""
    return []
