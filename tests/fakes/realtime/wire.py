"""Events on the wire: judged against the official types, and recorded without their audio."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from openai.types.beta import realtime as beta
from openai.types.realtime import (
    RealtimeClientEvent,
    RealtimeServerEvent,
    RealtimeSessionCreateResponse,
    RealtimeTranscriptionSessionCreateResponse,
)
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

Event = dict[str, Any]
Adapter = TypeAdapter[BaseModel]
_BY_TYPE = Field(discriminator="type")

_CLIENT: Adapter = TypeAdapter(Annotated[RealtimeClientEvent, _BY_TYPE])
_SERVER: Adapter = TypeAdapter(Annotated[RealtimeServerEvent, _BY_TYPE])
_SESSION: Adapter = TypeAdapter(
    Annotated[RealtimeSessionCreateResponse | RealtimeTranscriptionSessionCreateResponse, _BY_TYPE]
)
_BETA_CLIENT: Adapter = TypeAdapter(Annotated[beta.RealtimeClientEvent, _BY_TYPE])
_BETA_SERVER: Adapter = TypeAdapter(Annotated[beta.RealtimeServerEvent, _BY_TYPE])
_AUDIO_FIELD = {
    "input_audio_buffer.append": "audio",
    "response.output_audio.delta": "delta",
    "response.audio.delta": "delta",
}


class Refusal(Exception):
    """The server's answer to a client event it cannot carry out: becomes an `error` event."""

    def __init__(
        self,
        code: str | None,
        message: str,
        param: str | None = None,
        *,
        type: str = "invalid_request_error",
        names_event: bool = True,
    ) -> None:
        super().__init__(message)
        self.type = type
        self.code = code
        self.message = message
        self.param = param
        self.names_event = names_event


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event as it passed: when (monotonic seconds), what, and how much audio it carried.

    The audio of appends and deltas is replaced by "" to keep long recordings small.
    """

    at_s: float
    event: Event
    audio_bytes: int = 0

    @property
    def type(self) -> str:
        """The event's type, or "" for something that had none."""
        return str(self.event.get("type", ""))


def recorded(at_s: float, event: Event) -> Recorded:
    """Make the record of an event."""
    field = _AUDIO_FIELD.get(str(event.get("type")))
    payload = event.get(field) if field else None
    if field is None or not isinstance(payload, str):
        return Recorded(at_s, event)
    return Recorded(at_s, {**event, field: ""}, len(payload) * 3 // 4 - payload.count("=", -2))


def client_faults(event: Event, *, beta: bool = False) -> list[str]:
    """List what is wrong with a client event: wrong types, missing fields, and fields that do not exist."""
    return _faults(_BETA_CLIENT if beta else _CLIENT, event)


def server_faults(event: Event, *, beta: bool = False) -> list[str]:
    """List what is wrong with an event that the fake is about to send."""
    if beta:
        return _faults(_BETA_SERVER, event)
    if event.get("type") not in ("session.created", "session.updated"):
        return _faults(_SERVER, event)
    # The events' own types know a session only as clients write it, without what only a server sets.
    faults = [fault for fault in _faults(_SERVER, event) if "session." not in fault.removeprefix(f"{event['type']}.")]
    return faults + _faults(_SESSION, event.get("session"))


def _faults(adapter: Adapter, event: object) -> list[str]:
    try:
        model = adapter.validate_python(event)
    except ValidationError as error:
        return [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
    return [f"{path}: unknown parameter" for path in _unknown(model, "")]


def _unknown(value: object, path: str) -> Iterator[str]:
    """Walk a validated model for fields outside the schema (the official types let them through)."""
    if isinstance(value, BaseModel):
        for name in value.model_extra or {}:
            yield f"{path}{name}"
        for name in type(value).model_fields:
            yield from _unknown(getattr(value, name), f"{path}{name}.")
    elif isinstance(value, list):
        for index, element in enumerate(value):
            yield from _unknown(element, f"{path}{index}.")
