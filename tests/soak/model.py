"""`python -m tests.soak.model --listen HOST:PORT`: a Realtime server that costs little and keeps nothing.

It understands every turn at once. Every fifth answer looks something up first; the others are three to five seconds of
sound with their words, given within a few milliseconds.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import signal
import socket
import time
from typing import Any, Final

from tests.load import realtime_events as events
from tests.load.reactor import Reactor, Stream
from tests.load.websocket import CLOSE, PING, PONG, TEXT, FrameReader, HandshakeError, server_frame, upgrade_response

TOOL: Final = "look_up"

_THINK_S: Final = 0.05
_SHORTEST_MS, _LONGEST_MS = 3_000, 5_000
_DELTA_MS: Final = 400
_CALLS_EVERY: Final = 5
_LOOK_S: Final = 0.2
_APPEND: Final = b"input_audio_buffer.append"


class Model:
    """Listens at host:port."""

    def __init__(self, reactor: Reactor, host: str, port: int) -> None:
        self.reactor = reactor
        self._random = random.Random(1)
        self._serial = 0
        self._listener = socket.create_server((host, port), backlog=256)
        self._listener.setblocking(False)
        reactor.watch(self._listener, self._accept)

    @property
    def address(self) -> str:
        """Where it listens."""
        host, port = self._listener.getsockname()[:2]
        return f"{host}:{port}"

    def next_serial(self) -> int:
        """Number a response: from 1 on, as a sample can hold it."""
        self._serial = self._serial % 32_000 + 1
        return self._serial

    def length_ms(self) -> int:
        """Choose how long an answer is."""
        return self._random.randrange(_SHORTEST_MS, _LONGEST_MS, _DELTA_MS)

    def _accept(self, _: int) -> None:
        try:
            while True:
                Conversation(self, self._listener.accept()[0])
        except BlockingIOError:
            return


class Conversation:
    """One connection of the broker's. It lives as long as the reactor watches it."""

    def __init__(self, model: Model, sock: socket.socket) -> None:
        self._model = model
        self._reader = FrameReader()
        self._greeted = False
        self._items = 0
        self._has_result = False
        self._active: events.ResponseEvents | None = None
        self._stream = Stream(model.reactor, sock, self._take, lambda: None)

    def _say(self, *messages: bytes) -> None:
        self._stream.send(b"".join(server_frame(TEXT, message) for message in messages))

    def _take(self, data: bytes) -> None:
        try:
            for opcode, payload in self._reader.feed(data):
                self._take_message(opcode, payload)
        except HandshakeError:
            self._stream.close()
            return
        if not self._greeted and self._reader.handshake is not None:
            self._greeted = True
            self._stream.send(upgrade_response(self._reader.handshake))
            self._say(events.session_event("session.created"))

    def _take_message(self, opcode: int, payload: bytes) -> None:
        if opcode == TEXT and _APPEND not in payload[:64]:
            self._take_event(json.loads(payload))
        elif opcode == PING:
            self._stream.send(server_frame(PONG, payload))
        elif opcode == CLOSE:
            self._stream.send(server_frame(CLOSE, payload[:2]))
            self._stream.close()

    def _take_event(self, event: dict[str, Any]) -> None:
        match event.get("type"):
            case "session.update":
                self._say(events.session_event("session.updated"))
            case "input_audio_buffer.commit":
                self._commit()
            case "input_audio_buffer.clear":
                self._say(events.written({"type": "input_audio_buffer.cleared"}))
            case "conversation.item.create":
                self._add(event["item"])
            case "conversation.item.truncate":
                fields = {name: event[name] for name in ("item_id", "content_index", "audio_end_ms")}
                self._say(events.written({"type": "conversation.item.truncated", **fields}))
            case "conversation.item.delete":
                self._say(events.written({"type": "conversation.item.deleted", "item_id": event["item_id"]}))
            case "response.create":
                self._respond(event.get("response", {}).get("metadata"))
            case "response.cancel" if self._active is not None:
                self._say(*self._active.ended("cancelled"))
                self._active = None

    def _commit(self) -> None:
        before = f"item_u{self._items}" if self._items else None
        self._items += 1
        self._say(*events.turn_taken(f"item_u{self._items}", before))

    def _add(self, item: dict[str, Any]) -> None:
        self._has_result = item["type"] == "function_call_output"
        self._items += 1
        added = {"object": "realtime.item", "id": f"item_u{self._items}", "status": "completed", **item}
        self._say(events.written({"type": "conversation.item.added", "previous_item_id": None, "item": added}))

    def _respond(self, metadata: dict[str, Any] | None) -> None:
        serial = self._model.next_serial()
        response = events.ResponseEvents(serial, metadata)
        begun = response.begun()
        if serial % _CALLS_EVERY == 0 and not self._has_result:
            self._say(begun[0], *call_events(response.id, serial, metadata))
            return
        self._has_result = False
        self._active = response
        self._say(begun[0])
        self._model.reactor.call_at(time.monotonic() + _THINK_S, lambda _: self._speak(response, begun[1:]))

    def _speak(self, response: events.ResponseEvents, begun: list[bytes]) -> None:
        if self._active is not response or not self._stream.is_open:
            return
        self._active = None
        delta = response.audio(_DELTA_MS * events.HZ // 1000)
        count = self._model.length_ms() // _DELTA_MS
        self._say(*begun, response.words(events.WORDS), *[delta] * count, *response.ended("completed"))


def call_events(response_id: str, serial: int, metadata: dict[str, Any] | None) -> list[bytes]:
    """Return what follows the beginning of a response that calls the tool, to its end."""
    item = {"object": "realtime.item", "id": f"item_r{serial}", "type": "function_call", "name": TOOL}
    item |= {"call_id": f"call_{serial}"}
    whole = {**item, "status": "completed", "arguments": json.dumps({"number": serial})}
    place = {"response_id": response_id, "output_index": 0}
    response = {"object": "realtime.response", "id": response_id, "status": "completed", "metadata": metadata}
    return [
        events.written(
            {
                "type": "response.output_item.added",
                **place,
                "item": {**item, "status": "in_progress", "arguments": ""},
            }
        ),
        events.written({"type": "response.output_item.done", **place, "item": whole}),
        events.written({"type": "response.done", "response": {**response, "output": [whole]}}),
    ]


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser("python -m tests.soak.model", description=__doc__)
    parser.add_argument("--listen", default="127.0.0.1:0", metavar="HOST:PORT")
    host, _, port = parser.parse_args().listen.rpartition(":")
    told: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: told.append(number))
    reactor = Reactor()
    print(f"ready model {Model(reactor, host, int(port)).address}", flush=True)

    def look(now_s: float) -> None:
        reactor.call_at(now_s + _LOOK_S, look)  # so that it sees soon that it was told to stop

    look(time.monotonic())
    reactor.run_until(math.inf, lambda: bool(told))


if __name__ == "__main__":
    main()
