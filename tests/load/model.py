"""The fake model: a Realtime server that does next to nothing, cheaply, and notes when.

It understands every turn at once and answers every request. Every second response of a conversation comes all at
once (its seconds of audio within a few milliseconds), the others at the pace of speech: 60 ms, then 40 ms every 40 ms.
"""

from __future__ import annotations

import json
import random
import select
import socket
import time
from collections.abc import Callable
from typing import Any, Final

from tests.load import realtime_events as events
from tests.load.reactor import Reactor, Stream
from tests.load.tape import Append, Heard, ModelTape, Response
from tests.load.websocket import CLOSE, PING, PONG, TEXT, FrameReader, HandshakeError, server_frame, upgrade_response

THINK_S: Final = 0.05
"""From the request to the first audio: real models take longer, but every model takes its own time."""

SHORTEST_S: Final = 3.0
LONGEST_S: Final = 5.0
LIVE_FIRST_MS: Final = 60
LIVE_DELTA_MS: Final = 40
BURST_DELTA_MS: Final = 400
_WORDS_EVERY_MS: Final = 320
_MS: Final = events.HZ // 1000
_APPEND: Final = b"input_audio_buffer.append"


class FakeModel:
    """Listens on the loopback; `url` is where. Each connection leaves a tape in `tapes`."""

    def __init__(self, reactor: Reactor, seed: int = 1) -> None:
        self.tapes: list[ModelTape] = []
        self._reactor = reactor
        self._random = random.Random(seed)
        self._serial = 0
        self._open: set[_Conversation] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._listener.setblocking(False)
        reactor.watch(self._listener, self._accept)

    @property
    def url(self) -> str:
        """The address for the broker."""
        return f"ws://127.0.0.1:{self._listener.getsockname()[1]}/v1/realtime"

    def next_serial(self) -> int:
        """Number a response: from 1 on, as a sample can hold it."""
        self._serial = self._serial % 32_000 + 1
        return self._serial

    def reply_ms(self) -> int:
        """Choose the length of a reply, in whole deltas."""
        ms = int(self._random.uniform(SHORTEST_S, LONGEST_S) * 1000)
        return LIVE_FIRST_MS + ms // LIVE_DELTA_MS * LIVE_DELTA_MS

    def forget(self) -> None:
        """Begin a new set of tapes; connections that are still open are noted no longer."""
        self.tapes = []

    def close(self) -> None:
        """Take no more connections, and end those that are open."""
        self._reactor.forget(self._listener)
        self._listener.close()
        for conversation in list(self._open):
            conversation.close()

    def note_end(self, conversation: _Conversation) -> None:
        """Forget a conversation that has ended."""
        self._open.discard(conversation)

    def _accept(self, ready: int) -> None:
        assert ready & select.EPOLLIN
        try:
            while True:
                sock, _ = self._listener.accept()
                tape = ModelTape()
                self.tapes.append(tape)
                self._open.add(_Conversation(self, self._reactor, sock, tape))
        except BlockingIOError:
            return


class _Conversation:
    """One connection of the broker's."""

    def __init__(self, model: FakeModel, reactor: Reactor, sock: socket.socket, tape: ModelTape) -> None:
        self._model = model
        self._reactor = reactor
        self._tape = tape
        self._reader = FrameReader()
        self._greeted = False
        self._heard = Heard()
        self._items = 0
        self._speaking: _Speech | None = None
        self._spoken = len(model.tapes) % 2  # half of the conversations begin with a live reply
        self._stream = Stream(reactor, sock, self._take, self._end)

    def say(self, *messages: bytes) -> None:
        """Send events in one go."""
        self._stream.send(b"".join(server_frame(TEXT, message) for message in messages))

    def close(self) -> None:
        """End the connection."""
        self._stream.close()
        self._end()

    def later(self, when_s: float, callback: Callable[[float], None]) -> None:
        """Go on at a moment, if the connection still stands."""
        self._reactor.call_at(when_s, lambda now_s: callback(now_s) if self._stream.is_open else None)

    def _take(self, data: bytes) -> None:
        try:
            for opcode, payload in self._reader.feed(data):
                self._take_message(opcode, payload)
            if not self._greeted and self._reader.handshake is not None:
                self._greeted = True
                self._stream.send(upgrade_response(self._reader.handshake))
                self.say(events.session_event("session.created"))
        except HandshakeError as error:
            self._tape.faults.append(str(error))
            self.close()

    def _take_message(self, opcode: int, payload: bytes) -> None:
        if opcode == TEXT and _APPEND in payload[:64]:
            self._heard.appends.append(Append(time.monotonic(), payload))
        elif opcode == TEXT:
            self._take_event(json.loads(payload))
        elif opcode == PING:
            self._stream.send(server_frame(PONG, payload))
        elif opcode == CLOSE:
            self._stream.send(server_frame(CLOSE, payload[:2]))
            self.close()

    def _take_event(self, event: dict[str, Any]) -> None:
        match event.get("type"):
            case "input_audio_buffer.append":
                self._heard.appends.append(Append(time.monotonic(), json.dumps(event).encode()))
            case "input_audio_buffer.commit":
                self._commit()
            case "input_audio_buffer.clear":
                self._heard = Heard()
                self.say(events.written({"type": "input_audio_buffer.cleared"}))
            case "response.create":
                self._respond(event.get("response", {}).get("metadata"))
            case "response.cancel":
                if self._speaking is not None:
                    self._speaking.cancel()
            case "conversation.item.truncate":
                self._tape.truncated_s.append(time.monotonic())
                fields = {name: event[name] for name in ("item_id", "content_index", "audio_end_ms")}
                self.say(events.written({"type": "conversation.item.truncated", **fields}))
            case "conversation.item.delete":
                self.say(events.written({"type": "conversation.item.deleted", "item_id": event["item_id"]}))
            case "session.update":
                self.say(events.session_event("session.updated"))
            case kind:
                self._tape.faults.append(f"the fake model does not know {kind!r}")

    def _commit(self) -> None:
        heard, self._heard = self._heard, Heard()
        heard.committed_s = time.monotonic()
        self._tape.turns.append(heard)
        before = f"item_u{self._items}" if self._items else None
        self._items += 1
        self.say(*events.turn_taken(f"item_u{self._items}", before))

    def _respond(self, metadata: dict[str, Any] | None) -> None:
        if self._speaking is not None and not self._speaking.note.is_done:
            self._tape.faults.append("a response was asked for while another was under way")
        self._spoken += 1
        note = Response(self._model.next_serial(), is_live=self._spoken % 2 == 0)
        self._tape.responses.append(note)
        self._speaking = _Speech(self, note, metadata, self._model.reply_ms())
        self.later(time.monotonic() + THINK_S, self._speaking.begin)

    def _end(self) -> None:
        self._model.note_end(self)
        if self._speaking is not None:
            self._speaking.note.is_done = True


class _Speech:
    """One response on its way out."""

    def __init__(self, to: _Conversation, note: Response, metadata: dict[str, Any] | None, length_ms: int) -> None:
        self.note = note
        self._to = to
        self._events = events.ResponseEvents(note.serial, metadata)
        self._length_ms = length_ms
        self._said_ms = 0
        self._begun_s = 0.0
        to.say(self._events.begun()[0])

    def begin(self, now_s: float) -> None:
        """Send the first audio, or all of it."""
        if self.note.is_done:
            return
        self._begun_s = now_s
        self._to.say(*self._events.begun()[1:])
        if self.note.is_live:
            self._say_live(now_s)
        else:
            self._say_all()

    def cancel(self) -> None:
        """Stop."""
        if not self.note.is_done:
            self.note.is_done = self.note.is_cancelled = True
            self._to.say(*self._events.ended("cancelled"))

    def _say_all(self) -> None:
        messages = [self._events.words(events.WORDS)]
        while self._said_ms < self._length_ms:
            messages.append(self._delta(min(BURST_DELTA_MS, self._length_ms - self._said_ms)))
        self.note.is_done = True
        self._to.say(*messages, *self._events.ended("completed"))

    def _say_live(self, now_s: float) -> None:
        if self.note.is_done:
            return
        before_ms = self._said_ms
        delta = self._delta(LIVE_DELTA_MS if before_ms else LIVE_FIRST_MS)
        if before_ms // _WORDS_EVERY_MS < self._said_ms // _WORDS_EVERY_MS or not before_ms:
            self._to.say(self._events.words("word "), delta)
        else:
            self._to.say(delta)
        if self._said_ms < self._length_ms:
            since_first_ms = self._said_ms - LIVE_FIRST_MS + LIVE_DELTA_MS
            self._to.later(self._begun_s + since_first_ms / 1000, self._say_live)
        else:
            self.note.is_done = True
            self._to.say(*self._events.ended("completed"))

    def _delta(self, ms: int) -> bytes:
        self._said_ms += ms
        self.note.deltas.append((time.monotonic(), self._said_ms * _MS))
        return self._events.audio(ms * _MS)
