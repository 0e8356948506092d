"""The wire of one connection: events in and out, judged and recorded, and how it ends."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, Protocol

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from tests.fakes.realtime.beta import from_beta
from tests.fakes.realtime.face import Face
from tests.fakes.realtime.faults import ABORT, Drop, Faults
from tests.fakes.realtime.script import Reply, ReplyRequest
from tests.fakes.realtime.wire import Event, Recorded, Refusal, client_faults, recorded, server_faults

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.realtime.connection import Connection


class Director(Protocol):
    """The server's side of a connection: the script, and what is counted over all connections."""

    violations: list[str]
    faults: Faults
    face: Face
    lifetime_s: float
    transcript_delay_ms: float
    transcript_after: Literal["delay", "first_audio", "done"]

    def new_id(self, kind: str) -> str:
        """Mint an id."""

    def new_track(self) -> int:
        """Number a response."""

    def reply_for(self, request: ReplyRequest) -> Reply:
        """Take the script of a response."""

    def transcript_for(self, audio: bytes, connection: Connection) -> str | None:
        """Take the words of a committed turn; None for a failed transcription."""

    async def until(self, condition: Callable[[], object], timeout_s: float | None = 10) -> None:
        """Wait until something has happened."""

    def notify(self) -> None:
        """Wake those who wait for something to have happened."""


class LineDead(Exception):
    """The connection has ended: what was to be sent is not sent any more."""


class Line:
    """One websocket with its records: `received`, `sent`, and the `errors` (error objects) among what was sent."""

    def __init__(self, director: Director, websocket: ServerConnection, number: int) -> None:
        self.number = number
        self.director = director
        self.face = director.face
        self.began_s = time.monotonic()
        self.received: list[Recorded] = []
        self.sent: list[Recorded] = []
        self.errors: list[Event] = []
        self.closed = False
        self._ended = False
        self._frozen = False
        self._websocket = websocket

    @property
    def headers(self) -> dict[str, str]:
        """The client's HTTP headers, names in lower case."""
        request = self._websocket.request
        return {name.lower(): value for name, value in request.headers.raw_items()} if request else {}

    def received_of(self, *types: str) -> list[Recorded]:
        """Give the client's events of these types."""
        return [event for event in self.received if event.type in types]

    def sent_of(self, *types: str) -> list[Recorded]:
        """Give the fake's events of these types."""
        return [event for event in self.sent if event.type in types]

    # How it ends.

    async def close(self, code: int = 1001, reason: str = "") -> None:
        """Close the connection from the server's side; 1001 is what the service does after an hour."""
        self._ended = True
        await self._websocket.close(code, reason)

    def abort(self) -> None:
        """Cut the connection without a closing handshake, as a dead network would."""
        self._ended = True
        self._websocket.transport.abort()

    async def expire(self) -> None:
        """End the session as after its maximum duration: an error, then a close that looks clean."""
        await self.refuse(Refusal("session_expired", "Your session hit the maximum duration of 60 minutes."), None)
        await self.close(1001)

    def freeze(self) -> None:
        """Neither read nor send any more, and keep the connection: a network that has gone without a word."""
        self._frozen = True
        self._websocket.transport.pause_reading()

    async def drop(self, drop: Drop) -> None:
        """End the connection as scripted."""
        if drop.expired:
            await self.expire()
        elif drop.code == ABORT:
            self.abort()
        else:
            await self.close(drop.code, drop.reason)

    async def _falls(self, kind: str, *, before: bool, ours: bool, encoded: str = "") -> bool:
        drop = self.director.faults.drop(kind, self.number, before=before, ours=ours)
        if drop is None:
            return False
        if drop.half_a_frame and encoded:
            frame = Frame(Opcode.TEXT, encoded.encode()).serialize(mask=False)
            self._websocket.transport.write(frame[: len(frame) // 2])
        await self.drop(drop)
        return True

    # What goes out.

    async def send(self, event: Event) -> None:
        """Send a server event with a new event id, as this server would put it. Raises LineDead at the end."""
        for shown in self.face.shown({"event_id": self.director.new_id("event"), **event}):
            faults = server_faults(self.face.official(shown), beta=self.face.beta)
            self.director.violations += [f"sent {shown['type']}: {fault}" for fault in faults]
            await self._send(shown)
            if (strange := self.face.strange(len(self.sent))) is not None:
                await self.send_raw(strange)

    async def send_raw(self, event: Event) -> None:
        """Send what no schema knows."""
        await self._send({"event_id": self.director.new_id("event"), **event})

    async def _send(self, event: Event) -> None:
        encoded = json.dumps(event)
        if self._frozen:
            return
        if self._ended or await self._falls(event["type"], before=True, ours=True, encoded=encoded):
            raise LineDead
        record = recorded(time.monotonic(), event)
        if not record.audio_bytes:  # items change later; their record must not
            record = Recorded(record.at_s, json.loads(encoded))
        self.sent.append(record)
        self.director.notify()
        with suppress(ConnectionClosed):  # the reader notices too, and ends the session
            await self._websocket.send(encoded)
        await self._falls(event["type"], before=False, ours=True)

    async def refuse(self, refusal: Refusal, event_id: str | None) -> None:
        """Send an `error` that answers the client event of this id."""
        error = {
            "type": refusal.type,
            "code": refusal.code,
            "message": refusal.message,
            "param": refusal.param,
            "event_id": event_id if refusal.names_event else None,
        }
        self.errors.append(error)
        await self.send({"type": "error", "error": error})

    # What comes in.

    def violation(self, what: str) -> None:
        """Record what this client should not have done."""
        self.director.violations.append(f"connection {self.number}: {what}")

    def read(self, message: str | bytes) -> Event:
        """Parse, judge and record a message of the client. Raises Refusal for anything but a JSON object."""
        try:
            event = json.loads(message)
        except ValueError:
            event = None
        if isinstance(message, bytes) or not isinstance(event, dict):
            self.violation("received a message that is not a JSON object in a text frame")
            raise Refusal("invalid_json", "Could not parse the message as a JSON object.")
        self.received.append(recorded(time.monotonic(), event))
        return event

    def judge(self, event: Event, known: object) -> Event:
        """Hold an event against the official types; give it in GA words. `known` says that it is handled.

        Raises Refusal as the service would.
        """
        kind = event.get("type")
        faults = client_faults(self.face.official(event), beta=self.face.beta)
        for fault in faults:
            self.violation(f"received {kind}: {fault}")
        if kind is None:
            raise Refusal("invalid_event", "Missing required parameter: 'type'.", "type")
        if not known:
            raise Refusal("invalid_value", f"Invalid value: '{kind}'.", "type")
        if faults:
            raise Refusal("unknown_parameter" if "unknown" in faults[0] else "invalid_value", faults[0])
        return from_beta(event) if self.face.beta else event
