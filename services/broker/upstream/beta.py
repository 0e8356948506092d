"""The beta dialect: the protocol before GA, in which some compatible servers stayed. OpenAI itself closes with 4000."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from services.broker.event import table, text
from services.broker.model_settings import ModelSettings
from services.broker.upstream.beta_shapes import (
    beta_item,
    flat_response,
    flat_session,
    flat_transcription,
    ga_item,
    nested_response,
    nested_session,
)
from services.broker.upstream.capabilities import Capabilities
from services.broker.upstream.driver import OPENING_ID, Call, Message
from services.broker.upstream.ga import GaDriver

HEADER: Final = {"OpenAI-Beta": "realtime=v1"}

NAMES: Final = {
    "response.audio.delta": "response.output_audio.delta",
    "response.audio.done": "response.output_audio.done",
    "response.audio_transcript.delta": "response.output_audio_transcript.delta",
    "response.audio_transcript.done": "response.output_audio_transcript.done",
    "response.text.delta": "response.output_text.delta",
    "response.text.done": "response.output_text.done",
    "transcription_session.created": "session.created",
    "transcription_session.updated": "session.updated",
}
"""Beta's names of events → GA's. `conversation.item.created` is among GA's, too."""


class BetaDriver:
    """For speaches, Azure's preview endpoints, and older clones."""

    def __init__(self, settings: ModelSettings) -> None:
        self._ga = GaDriver(settings)

    @property
    def capabilities(self) -> Capabilities:
        """What the core may rely on."""
        return self._ga.capabilities

    @property
    def call(self) -> Call:
        """How to dial: as GA, with the header that asks for the beta, unless the profile has one."""
        call = self._ga.call
        return replace(call, headers={**HEADER, **call.headers})

    def opening(self, session: Mapping[str, Any]) -> list[Message]:
        """Return what sets the session up, flat."""
        if text(session, "type") == "transcription":
            update = {"type": "transcription_session.update", "session": flat_transcription(session)}
        else:
            update = {"type": "session.update", "session": flat_session(session)}
        return [{**update, "event_id": OPENING_ID}]

    def outgoing(self, event: Mapping[str, Any]) -> list[Message]:
        """Return the event in beta's shape."""
        return [_to_beta(sent) for sent in self._ga.outgoing(event)]

    def incoming(self, message: Mapping[str, Any]) -> list[Message]:
        """Return the events, in GA's names and shapes, that a message is for the core."""
        return self._ga.incoming(_to_ga(message))


def _to_beta(event: Message) -> Message:
    match text(event, "type"):
        case "session.update":
            return {**event, "session": flat_session(table(event, "session"))}
        case "response.create" if "response" in event:
            return {**event, "response": flat_response(table(event, "response"))}
        case "conversation.item.create":
            return {**event, "item": beta_item(event.get("item"))}
    return event


def _to_ga(message: Mapping[str, Any]) -> Message:
    kind = text(message, "type")
    event = {**message, "type": NAMES.get(kind, kind)}
    if isinstance(message.get("item"), dict):
        event["item"] = ga_item(message["item"])
    if isinstance(message.get("response"), dict):
        event["response"] = nested_response(message["response"])
    if isinstance(message.get("session"), dict):
        event["session"] = nested_session(message["session"])
    return event
