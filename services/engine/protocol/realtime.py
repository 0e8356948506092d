"""One Realtime session without I/O: client events in; server events, and work for the shell, out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from services.engine.parts import Context, Curtailed, PartError, ThoughtUsage, ToolCall
from services.engine.protocol.client_event import event_id_of, kind_of, parse
from services.engine.protocol.configuration import Configuration
from services.engine.protocol.context import context_of
from services.engine.protocol.conversation import Conversation, announced
from services.engine.protocol.errors import ClientError, error_event
from services.engine.protocol.events import Action, AwaitSpeech, Event, StopAwaiting, new_id, send, sent
from services.engine.protocol.fields import needed
from services.engine.protocol.formats import RATE_HZ
from services.engine.protocol.input_audio import InputAudio
from services.engine.protocol.item import Item
from services.engine.protocol.item_request import parse_item
from services.engine.protocol.response import Response
from services.engine.protocol.response_request import ResponseRequest
from services.engine.protocol.responses import Responses
from services.engine.protocol.transcripts import Transcripts
from services.vad.silero import SileroModel

SESSION_LIMIT_S: Final = 3600  # as at OpenAI

_Handler = Callable[[Event], list[Action]]


class RealtimeSession:
    """The state of one client's session.

    The shell carries out the actions in order and reports back: `words` and `transcribed` for each `Listen`, `judged`
    for each `Judge`, `idle` after `AwaitSpeech`; `word`, `audio`, `call`, `thought` and then `finish` or `fail` for
    each `Answer` that is not taken back by `Hush`. While `is_behind`, it calls `catch_up` before the next event.
    """

    def __init__(self, configuration: Configuration, model: SileroModel) -> None:
        self.configuration = configuration
        self.conversation = Conversation()
        self._conversation_id = new_id("conv")
        self._responses = Responses(self.conversation, self._await_speech)
        self._transcripts = Transcripts(configuration)
        self._input = InputAudio(configuration, self.conversation, self._transcripts, self, model)
        self._awaited_since: int | None = None  # where the input was, or will be, when the last reply has been played
        self._handlers: dict[str, _Handler] = {
            "session.update": self._update,
            "input_audio_buffer.append": self._input.append,
            "input_audio_buffer.commit": lambda _: self._input.commit(),
            "input_audio_buffer.clear": lambda _: self._input.clear(),
            "conversation.item.create": self._create_item,
            "conversation.item.delete": self._delete_item,
            "conversation.item.retrieve": self._retrieve_item,
            "conversation.item.truncate": self._truncate_item,
            "response.create": self._create_response,
            "response.cancel": lambda event: self._responses.cancel(event.get("response_id")),
        }

    def open(self) -> list[Action]:
        """What to send to a client that has just connected."""
        return [send("session.created", session=self.configuration.as_dict())]

    def expire(self) -> list[Action]:
        """The session's hour is over; the shell closes the connection."""
        error = ClientError("session_expired", "Your session hit the maximum duration of 60 minutes.")
        return [sent(error_event(error, None))]

    def receive(self, message: str | bytes) -> list[Action]:
        """Take one message of the client. What is wrong with it is answered with an `error` event."""
        event_id: str | None = None
        try:
            event = parse(message)
            event_id = event_id_of(event)
            return self._handler(kind_of(event))(event)
        except ClientError as error:
            return [sent(error_event(error, event_id))]

    def _handler(self, kind: str) -> _Handler:
        if self.configuration.transcribes_only and kind.startswith("response."):
            message = "A transcription session gives no responses: connect without ?intent=transcription to converse"
            raise ClientError("invalid_value", message, "type")
        return self._handlers[kind]

    def _update(self, event: Event) -> list[Action]:
        self.configuration.update(needed(event, "session", ""), self._responses.has_spoken)
        updated = send("session.updated", session=self.configuration.as_dict())
        return [updated, *self._input.reconfigure(), *self._stop_awaiting()]

    # What was heard

    @property
    def is_behind(self) -> bool:
        """Whether there is audio that is not heard yet."""
        return self._input.is_waiting

    def catch_up(self) -> list[Action]:
        """Hear more of the audio that is not heard yet."""
        return self._input.hear()

    def judged(self, turn: int, pause: int, complete: float | None) -> list[Action]:
        """How likely it is that the turn is over (0 to 1), or None: there was no time to say."""
        return self._input.judged(turn, pause, complete)

    def words(self, item_id: str, words: str) -> list[Action]:
        """Words of a turn that are sure, while it may still be spoken."""
        return self._transcripts.words(item_id, words)

    def transcribed(self, item_id: str, text: str) -> list[Action]:
        """What was said in an item; empty if nothing was understood."""
        return self._transcripts.completed(item_id, text)

    def transcription_failed(self, item_id: str, error: PartError) -> list[Action]:
        """The recogniser broke; for the conversation nothing was understood."""
        return self._transcripts.failed(item_id, error.code, error.message)

    def person_began(self) -> list[Action]:
        """The ear hears the person speak."""
        detection = self.configuration.detection
        interrupts = detection is not None and detection.interrupts
        return [*self._stop_awaiting(), *(self._responses.interrupt() if interrupts else [])]

    def person_finished(self) -> list[Action]:
        """The ear heard a turn end, which is in the conversation now."""
        detection = self.configuration.detection
        return self._answer_unasked() if detection is not None and detection.creates else []

    def idle(self) -> list[Action]:
        """Nobody has spoken for as long as `AwaitSpeech` said."""
        since, self._awaited_since = self._awaited_since, None
        if since is None or self._input.is_spoken or self._responses.current is not None:
            return []
        return [*self._input.timed_out(since), *self._answer_unasked()]

    def _answer_unasked(self) -> list[Action]:
        """Answer a turn, unless a reply is still being given: then the client has to ask, says OpenAI, too."""
        if self.configuration.transcribes_only or self._responses.current is not None:
            return []
        return self._respond(None)

    # The conversation's items

    def _create_item(self, event: Event) -> list[Action]:
        item = parse_item(needed(event, "item", ""), "item", self.configuration.input_format)
        previous = self.conversation.add(item, event.get("previous_item_id"))
        return [*announced(item, previous), *self._transcripts.given(item)]

    def _delete_item(self, event: Event) -> list[Action]:
        item = self.conversation.delete(event.get("item_id"))
        return [*self._transcripts.forget(item.id), send("conversation.item.deleted", item_id=item.id)]

    def _retrieve_item(self, event: Event) -> list[Action]:
        item = self.conversation.get(event.get("item_id"), "retrieve")
        output = item.role == "assistant"
        audio_format = self.configuration.output["format"] if output else self.configuration.input_format
        return [send("conversation.item.retrieved", item=item.as_dict(audio_format))]

    def _truncate_item(self, event: Event) -> list[Action]:
        item_id, audio_end_ms = event.get("item_id"), event.get("audio_end_ms")
        self._responses.truncated(self.conversation.truncate(item_id, event.get("content_index"), audio_end_ms))
        fields = {"item_id": item_id, "content_index": 0, "audio_end_ms": audio_end_ms}
        return [send("conversation.item.truncated", **fields)]

    # Responses, and the shell's reports about those it was asked to answer

    def _create_response(self, event: Event) -> list[Action]:
        return self._respond(event.get("response"))

    def _respond(self, request: object) -> list[Action]:
        session = ResponseRequest(
            self.configuration, self.conversation, self._conversation_id, self._responses.has_spoken
        )
        wish = session.parse(request)
        created = self._responses.create(wish)
        given = [action for item in wish.given or [] for action in self._hear_given(item)]
        return [*(self._stop_awaiting() if wish.conversation_id else []), *given, *created]

    def _hear_given(self, item: Item) -> list[Action]:
        """The items of an input that are not the conversation's bring their own audio, or none."""
        return self._transcripts.given(item) if self.conversation.find(item.id) is not item else []

    def response(self, response_id: str) -> Response | None:
        """A response while it is active."""
        return self._responses.find(response_id)

    def heard_by(self, response: Response) -> list[Item]:
        """The items that a response answers to: wait until it is known what was said in them."""
        return self._responses.context(response)

    def context(self, response: Response, now: datetime) -> Context:
        """What the mind is told for a response, at local time `now`."""
        return context_of(response, self._responses.context(response), now)

    def word(self, response_id: str, word: str) -> list[Action]:
        """The next word of a response begins now."""
        return self._responses.word(response_id, word)

    def audio(self, response_id: str, pcm: bytes) -> list[Action]:
        """The next audio of a response: PCM16LE mono at 24 kHz."""
        return self._responses.audio(response_id, pcm)

    def call(self, response_id: str, call: ToolCall) -> list[Action]:
        """A response wants a function called."""
        return self._responses.call(response_id, call)

    def thought(self, response_id: str, usage: ThoughtUsage) -> None:
        """What the thought of a response took."""
        self._responses.thought(response_id, usage)

    def finish(self, response_id: str, curtailed: Curtailed | None = None) -> list[Action]:
        """All of a response was said; or not all, for a reason."""
        return self._responses.finish(response_id, curtailed)

    def fail(self, response_id: str, fault: PartError) -> list[Action]:
        """A response could not be made."""
        return self._responses.fail(response_id, fault)

    # Waiting for the person

    def _await_speech(self, response: Response) -> list[Action]:
        """From the end of the reply's playback on, if the session has an idle timeout and nobody speaks."""
        detection = self.configuration.detection
        if detection is None or detection.idle_timeout_ms is None or self._input.is_spoken:
            return []
        self._awaited_since = self._input.end + response.samples
        return [AwaitSpeech(response.samples / RATE_HZ + detection.idle_timeout_ms / 1000)]

    def _stop_awaiting(self) -> list[Action]:
        awaited, self._awaited_since = self._awaited_since, None
        return [] if awaited is None else [StopAwaiting()]
