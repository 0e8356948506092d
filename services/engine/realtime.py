"""One Realtime session without I/O: client events in, server events and work for the shell out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from services.engine.client_event import decode_audio, event_id_of, parse
from services.engine.configuration import Configuration
from services.engine.conversation import Conversation, Item, parse_item
from services.engine.events import (
    Action,
    Answer,
    ClientError,
    Event,
    Forget,
    Hear,
    Hush,
    Send,
    Understand,
    error_event,
    new_id,
)
from services.engine.response import Response
from services.engine.response_request import ResponseRequest
from services.engine.speech import RATE_HZ, SAMPLES_PER_MS

SESSION_LIMIT_S = 3600  # as at OpenAI
_MIN_COMMIT_MS = 100
_MAX_BUFFER_S = 300  # one turn; 14 MB
_MAX_RESPONSES = 8  # one of the conversation's own, the rest out of band


class RealtimeSession:
    """The state of one client's session.

    The shell carries out the actions in order and reports back: `transcribed` for each `Understand`,
    `speak…` and then `finish` or `fail` for each `Answer` that is not taken back by `Hush`.
    """

    def __init__(self, model: str, now_s: int) -> None:
        self.configuration = Configuration(new_id("sess"), model, now_s + SESSION_LIMIT_S)
        self.conversation = Conversation()
        self._conversation_id = new_id("conv")
        self._buffer = bytearray()
        self._responses: dict[str, Response] = {}
        self._has_spoken = False
        self._handlers: dict[str, Callable[[Event], list[Action]]] = {
            "session.update": self._update,
            "input_audio_buffer.append": self._append,
            "input_audio_buffer.commit": self._commit,
            "input_audio_buffer.clear": self._clear,
            "conversation.item.create": self._create_item,
            "conversation.item.delete": self._delete_item,
            "conversation.item.retrieve": self._retrieve_item,
            "conversation.item.truncate": self._truncate_item,
            "response.create": self._create_response,
            "response.cancel": self._cancel_response,
        }

    def open(self) -> list[Action]:
        """What to send to a client that has just connected."""
        return [_send("session.created", session=self.configuration.as_dict())]

    def expire(self) -> list[Action]:
        """The session's hour is over; the shell closes the connection."""
        error = ClientError("session_expired", "Your session hit the maximum duration of 60 minutes.")
        return [_sent(error_event(error, None))]

    def receive(self, message: str | bytes) -> list[Action]:
        """Take one message of the client. What is wrong with it is answered with an `error` event."""
        event_id: str | None = None
        try:
            event = parse(message)
            event_id = event_id_of(event)
            return self._handler(event)(event)
        except ClientError as error:
            return [_sent(error_event(error, event_id))]

    def _handler(self, event: Event) -> Callable[[Event], list[Action]]:
        kind = event.get("type")
        if not isinstance(kind, str):
            raise ClientError("invalid_event", "The event has no 'type'", "type")
        if handler := self._handlers.get(kind):
            return handler
        known = ", ".join(self._handlers)
        raise ClientError("invalid_value", f"Unknown event type '{kind}'. Supported are: {known}", "type")

    # The session and the input buffer

    def _update(self, event: Event) -> list[Action]:
        self.configuration.update(event.get("session"), self._has_spoken)
        return [_send("session.updated", session=self.configuration.as_dict())]

    def _append(self, event: Event) -> list[Action]:
        pcm = decode_audio(event.get("audio"))
        if len(self._buffer) + len(pcm) > _MAX_BUFFER_S * RATE_HZ * 2:
            message = f"A turn may last {_MAX_BUFFER_S} s: commit or clear the input audio buffer"
            raise ClientError("input_audio_buffer_full", message, "audio")
        self._buffer += pcm
        return [Hear(pcm)] if pcm else []

    def _commit(self, event: Event) -> list[Action]:
        buffered_ms = len(self._buffer) / 2 / SAMPLES_PER_MS
        if buffered_ms < _MIN_COMMIT_MS:
            message = (
                "Error committing input audio buffer: buffer too small. Expected at least "
                f"{_MIN_COMMIT_MS}ms of audio, but buffer only has {buffered_ms:.2f}ms of audio."
            )
            raise ClientError("input_audio_buffer_commit_empty", message)
        pcm, self._buffer = self._buffer, bytearray()
        item = Item(
            id=new_id("item"),
            role="user",
            is_audio=True,
            samples=len(pcm) // 2,
            pcm=pcm,
            transcribed=False,
        )
        previous = self.conversation.add(item)
        committed = _send("input_audio_buffer.committed", item_id=item.id, previous_item_id=previous)
        return [committed, *_announce(item, previous), Understand(item.id)]

    def _clear(self, event: Event) -> list[Action]:
        self._buffer.clear()
        return [Forget(), _send("input_audio_buffer.cleared")]

    def transcribed(self, item_id: str, text: str) -> list[Action]:
        """What was said in a committed item; empty if nothing was understood."""
        item = self.conversation.find(item_id)
        if item is None:
            return []  # deleted meanwhile
        item.text, item.transcribed = text, True
        if self.configuration.transcription is None:
            return []
        kind = "conversation.item.input_audio_transcription"
        where = {"item_id": item_id, "content_index": 0}
        usage = {"type": "duration", "seconds": round(item.samples / RATE_HZ, 3)}
        completed = _send(f"{kind}.completed", **where, transcript=text, usage=usage)
        return [_send(f"{kind}.delta", **where, delta=text), completed] if text else [completed]

    def transcription_failed(self, item_id: str, message: str) -> list[Action]:
        """The recogniser broke; for the conversation nothing was understood."""
        item = self.conversation.find(item_id)
        if item is None:
            return []
        item.transcribed = True
        if self.configuration.transcription is None:
            return []
        error = {"type": "server_error", "code": "transcription_failed", "message": message}
        kind = "conversation.item.input_audio_transcription.failed"
        return [_send(kind, item_id=item_id, content_index=0, error=error)]

    # The conversation's items

    def _create_item(self, event: Event) -> list[Action]:
        item = parse_item(event.get("item"))
        previous = self.conversation.add(item, event.get("previous_item_id"))
        return _announce(item, previous)

    def _delete_item(self, event: Event) -> list[Action]:
        self.conversation.delete(event.get("item_id"))
        return [_send("conversation.item.deleted", item_id=event["item_id"])]

    def _retrieve_item(self, event: Event) -> list[Action]:
        item = self.conversation.get(event.get("item_id"), "retrieve")
        return [_send("conversation.item.retrieved", item=item.as_dict(with_audio=True))]

    def _truncate_item(self, event: Event) -> list[Action]:
        audio_end_ms = event.get("audio_end_ms")
        item = self.conversation.truncate(event.get("item_id"), event.get("content_index"), audio_end_ms)
        for response in self._responses.values():
            if response.item is item:
                response.freeze()
        fields = {"item_id": item.id, "content_index": 0, "audio_end_ms": audio_end_ms}
        return [_send("conversation.item.truncated", **fields)]

    # Responses

    def _create_response(self, event: Event) -> list[Action]:
        request = ResponseRequest(self.configuration, self.conversation, self._conversation_id, self._has_spoken)
        response = request.parse(event.get("response"))
        active = self._active()
        if response.in_conversation and active is not None:
            message = (
                f"Conversation already has an active response in progress: {active.id}. "
                "Wait until the response is finished before creating a new one."
            )
            raise ClientError("conversation_already_has_active_response", message)
        if len(self._responses) >= _MAX_RESPONSES:
            raise ClientError("rate_limit_exceeded", f"At most {_MAX_RESPONSES} responses at a time")
        self._responses[response.id] = response
        return [_sent(response.created()), Answer(response.id)]

    def _active(self) -> Response | None:
        return next((response for response in self._responses.values() if response.in_conversation), None)

    def _cancel_response(self, event: Event) -> list[Action]:
        wanted = event.get("response_id")
        response = self._active() if wanted is None else self._responses.get(str(wanted))
        if response is None:
            message = "Cancellation failed: no active response found"
            raise ClientError("response_cancel_not_active", message, "response_id" if wanted else None)
        details = {"type": "cancelled", "reason": "client_cancelled"}
        return [Hush(response.id), *self._end(response, "cancelled", details)]

    # Reports of the shell about a response it was asked to answer

    def response(self, response_id: str) -> Response | None:
        """The response while it is active."""
        return self._responses.get(response_id)

    def context(self, response_id: str) -> list[Item]:
        """The items to answer to, oldest first."""
        response = self._responses[response_id]
        return list(self.conversation) if response.given_context is None else response.given_context

    def speak_word(self, response_id: str, word: str) -> list[Action]:
        """The next word of a response begins now; nothing happens if the response is over."""
        response = self._responses.get(response_id)
        if response is None:
            return []
        return [*self._begin(response), _sent(response.say_word(word))]

    def speak_audio(self, response_id: str, pcm: bytes) -> list[Action]:
        """The next audio of a response; nothing happens if the response is over."""
        response = self._responses.get(response_id)
        if response is None:
            return []
        self._has_spoken = True
        return [*self._begin(response), _sent(response.say_audio(pcm))]

    def finish(self, response_id: str) -> list[Action]:
        """All was said."""
        response = self._responses.get(response_id)
        return self._end(response, "completed", None) if response else []

    def fail(self, response_id: str, code: str, message: str) -> list[Action]:
        """The response could not be made."""
        error = {"type": "server_error", "code": code, "message": message}
        details = {"type": "failed", "error": error}
        response = self._responses.get(response_id)
        return self._end(response, "failed", details) if response else []

    def _begin(self, response: Response) -> list[Action]:
        if response.item is not None:
            return []
        actions = [_sent(response.begin())]
        assert response.item is not None
        if response.in_conversation:
            previous = self.conversation.add(response.item)
            actions.append(_send("conversation.item.added", item=response.item.as_dict(), previous_item_id=previous))
        return [*actions, _sent(response.begin_content())]

    def _end(self, response: Response, status: str, details: Event | None) -> list[Action]:
        context = self.context(response.id)
        del self._responses[response.id]
        events = response.end_content()
        response.close(status, details, context)
        if response.in_conversation and response.item and self.conversation.find(response.item.id):
            events.append({"type": "conversation.item.done", "item": response.item.as_dict()})
        events += [*response.end_item(), response.done()]
        return [_sent(event) for event in events]


def _sent(event: Event) -> Send:
    return Send({"event_id": new_id("event"), **event})


def _send(kind: str, **fields: Any) -> Send:
    return _sent({"type": kind, **fields})


def _announce(item: Item, previous: str | None) -> list[Action]:
    fields = {"item": item.as_dict(), "previous_item_id": previous}
    return [_send("conversation.item.added", **fields), _send("conversation.item.done", **fields)]
