"""A connection of the official `openai` SDK that keeps all it receives and judges each event by the SDK's types."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, get_args

from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.realtime import RealtimeServerEvent
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from tests.conformance.clients.stage import Stage, chunks, runs

PCM: Any = {"type": "audio/pcm", "rate": 24_000}
_OFFICIAL: TypeAdapter[Any] = TypeAdapter(Annotated[RealtimeServerEvent, Field(discriminator="type")])
# The SDK's types leave out what only a server sets in a session.
_SERVER_ONLY = {"session.id", "session.object", "session.expires_at"}


def _known_types() -> dict[str, type[BaseModel]]:
    union = get_args(RealtimeServerEvent)[0]  # the SDK annotates it for its own parser
    return {kind: model for model in get_args(union) for kind in get_args(model.model_fields["type"].annotation)}


_KNOWN = _known_types()


class Refused(Exception):
    """The engine answered with an `error` event nobody waited for."""


class Peer:
    """A client in a session; `events` has what came, `faults` what was wrong with it."""

    def __init__(self, connection: AsyncRealtimeConnection) -> None:
        self.connection = connection
        self.events: list[Any] = []
        self.faults: list[str] = []

    async def receive(self) -> Any:
        """The next event, as the SDK parses it."""
        data = await self.connection.recv_bytes()
        event = self.connection.parse_event(data)
        self.faults += _faults(data, event)
        self.events.append(event)
        return event

    async def until(self, kind: str) -> Any:
        """Receive up to the next event of a type. Raises Refused for an error that was not waited for."""
        while True:
            event = await self.receive()
            if event.type == kind:
                return event
            if event.type == "error":
                raise Refused(event.error.to_json())

    async def say(self, text: str) -> Any:
        """Add a typed turn of the user; gives its item."""
        item: Any = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        await self.connection.conversation.item.create(item=item)
        return (await self.until("conversation.item.done")).item

    async def ask(self, text: str) -> None:
        """Add a typed turn and ask for a response."""
        await self.say(text)
        await self.connection.response.create()

    async def append(self, pcm: bytes) -> None:
        """Give audio to the input buffer, as fast as it goes."""
        for chunk in chunks(pcm):
            await self.connection.input_audio_buffer.append(audio=base64.b64encode(chunk).decode())

    def of(self, kind: str) -> Iterator[Any]:
        """The events of a type received so far."""
        return (event for event in self.events if event.type == kind)

    def types(self) -> list[str]:
        """The order in which types of events came, without repetitions."""
        return runs(event.type for event in self.events)

    def audio(self, response_id: str | None = None) -> bytes:
        """What was spoken, of all responses or of one."""
        deltas = self.of("response.output_audio.delta")
        return b"".join(base64.b64decode(delta.delta) for delta in deltas if response_id in (None, delta.response_id))

    def spoken(self) -> str:
        """The transcript of what was spoken, from its deltas."""
        return "".join(delta.delta for delta in self.of("response.output_audio_transcript.delta"))


def _faults(data: bytes, event: Any) -> Iterator[str]:
    kind = json.loads(data).get("type")
    if not isinstance(event, _KNOWN.get(kind, ())):
        yield f"{kind}: the SDK does not know this type"
        return
    try:
        judged = _OFFICIAL.validate_json(data)
    except ValidationError as error:
        yield from (f"{kind}.{'.'.join(map(str, fault['loc'][1:]))}: {fault['msg']}" for fault in error.errors())
        return
    for path in _strays(judged, ""):
        if path not in _SERVER_ONLY:
            yield f"{kind}.{path}: the SDK does not know this field"


def _strays(value: Any, path: str) -> Iterator[str]:
    """Fields that no type of the SDK has."""
    if isinstance(value, BaseModel):
        yield from (f"{path}{name}" for name in value.model_extra or {})
        for name in value.model_fields_set:
            yield from _strays(getattr(value, name), f"{path}{name}.")
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _strays(entry, f"{path}{index}.")


@asynccontextmanager
async def peer(stage: Stage, session: Any, **query: str) -> AsyncIterator[Peer]:
    """Connect as the SDK does, and configure the session."""
    where: Any = {"extra_query": query} if query else {"model": "parley-embedded"}
    async with (
        AsyncOpenAI(api_key="k", base_url=stage.base_url) as client,
        client.realtime.connect(**where) as connection,
    ):
        talker = Peer(connection)
        try:
            await talker.until("session.created")
            await connection.session.update(session=session)
            await talker.until("session.updated")
            yield talker
        except BaseException as error:
            error.add_note(f"The engine had sent {talker.types()}")
            raise


def realtime(turn_detection: dict[str, Any] | None = None, **settings: Any) -> Any:
    """The settings of a session that is spoken with; manual turns unless told otherwise."""
    sound = {"format": PCM, "turn_detection": turn_detection, "transcription": {"model": "gpt-live-transcribe"}}
    voice = {"format": PCM, "voice": "marin"}
    return {"type": "realtime", "audio": {"input": sound, "output": voice}, **settings}
