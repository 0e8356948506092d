"""The wire of one connection: events in and out, judged and recorded."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from tests.fakes.realtime.script import Reply, ReplyRequest
from tests.fakes.realtime.wire import Event, Recorded, Refusal, client_faults, recorded, server_faults

if TYPE_CHECKING:
    from tests.fakes.realtime.connection import Connection


class Director(Protocol):
    """The server's side of a connection: the script, and what is counted over all connections."""

    violations: list[str]
    transcript_delay_ms: float

    def new_id(self, kind: str) -> str:
        """Mint an id."""

    def new_track(self) -> int:
        """Number a response."""

    def reply_for(self, request: ReplyRequest) -> Reply:
        """Take the script of a response."""

    def transcript_for(self, audio: bytes, connection: Connection) -> str | None:
        """Take the words of a committed turn; None for a failed transcription."""

    def notify(self) -> None:
        """Wake the tests that wait for something to have happened."""


class Line:
    """One websocket with its records: `received`, `sent`, and the `errors` (error objects) among what was sent."""

    def __init__(self, director: Director, websocket: ServerConnection, number: int) -> None:
        self.number = number
        self.received: list[Recorded] = []
        self.sent: list[Recorded] = []
        self.errors: list[Event] = []
        self.closed = False
        self._director = director
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

    async def close(self, code: int = 1001, reason: str = "") -> None:
        """Close the connection from the server's side; 1001 is what the service does after an hour."""
        await self._websocket.close(code, reason)

    def abort(self) -> None:
        """Cut the connection without a closing handshake, as a dead network would."""
        self._websocket.transport.abort()

    async def expire(self) -> None:
        """End the session as after its maximum duration: an error, then a close that looks clean."""
        await self.refuse(Refusal("session_expired", "Your session hit the maximum duration of 60 minutes."), None)
        await self.close(1001)

    async def send(self, event: Event, check: bool = True) -> None:
        """Send a server event with a new event id; `check=False` lets a test send what no schema knows."""
        event = {"event_id": self._director.new_id("event"), **event}
        faults = server_faults(event) if check else []
        self._director.violations += [f"sent {event['type']}: {fault}" for fault in faults]
        encoded = json.dumps(event)
        record = recorded(time.monotonic(), event)
        if not record.audio_bytes:  # items change later; their record must not
            record = Recorded(record.at_s, json.loads(encoded))
        self.sent.append(record)
        self._director.notify()
        with suppress(ConnectionClosed):  # the reader notices too, and ends the session
            await self._websocket.send(encoded)

    async def refuse(self, refusal: Refusal, event_id: str | None) -> None:
        """Send an `error` that answers the client event of this id."""
        error = {
            "type": "invalid_request_error",
            "code": refusal.code,
            "message": refusal.message,
            "param": refusal.param,
            "event_id": event_id,
        }
        self.errors.append(error)
        await self.send({"type": "error", "error": error})

    def violation(self, what: str) -> None:
        """Record what this client should not have done."""
        self._director.violations.append(f"connection {self.number}: {what}")

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

    def judge(self, event: Event, known: object) -> None:
        """Hold an event against the official types. Raises Refusal as the service would; `known` says it is handled."""
        kind = event.get("type")
        faults = client_faults(event)
        for fault in faults:
            self.violation(f"received {kind}: {fault}")
        if kind is None:
            raise Refusal("invalid_event", "Missing required parameter: 'type'.", "type")
        if not known:
            raise Refusal("invalid_value", f"Invalid value: '{kind}'.", "type")
        if faults:
            raise Refusal("unknown_parameter" if "unknown" in faults[0] else "invalid_value", faults[0])
