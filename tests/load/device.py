"""Device: one client at the WebSocket door, as docs/protocol.md wants it: microphone, speaker, reports, flushes."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

from tests.load.person import Person
from tests.load.playout import Playout, Report
from tests.load.reactor import Reactor, Stream
from tests.load.tape import DeviceTape, Piece
from tests.load.voice import FRAME_BYTES, FRAME_SAMPLES
from tests.load.websocket import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    FrameReader,
    client_frame,
    client_head,
    upgrade_request,
)

_PATH: Final = "/v1/converse"
_MIC: Final = struct.Struct("<BBHIQQ")  # kind, flags, 0, playhead reply, mic offset, playhead position
_REPLY: Final = struct.Struct("<BBHIQ")  # kind, flags, 0, reply, position
_MIC_HEAD: Final = client_head(BINARY, _MIC.size + FRAME_BYTES)
_MIC_KIND: Final = 1
_REPLY_KIND: Final = 2
_FRAME_SAMPLES_OUT: Final = 480


class Device:
    """Dials at once; calls `begin()` when it `is_ready`: from then on `mic(now)` is wanted every 20 ms.

    What happens stands on `tape`.
    """

    def __init__(self, reactor: Reactor, door: str, person: Person, buffer_ms: int, begin: Callable[[], None]) -> None:
        self.tape = DeviceTape()
        self.person = person
        self.is_ready = False
        self.is_over = False
        self._playout = Playout()
        self._reader = FrameReader()
        self._hung_up = False
        self._asked = False
        self._buffer_ms = buffer_ms
        self._begin = begin
        parts = urlsplit(door if "//" in door else f"ws://{door}")
        host = parts.netloc
        self._stream = Stream.connected(reactor, parts.hostname or "", parts.port or 80, self._take, self._end)
        self._stream.send(upgrade_request(host, parts.path if len(parts.path) > 1 else _PATH))

    def mic(self, now_s: float) -> None:
        """Send the next 20 ms, and what is to be told of the playback."""
        tape = self.tape
        reply, position = self._playout.playhead(now_s)
        samples = self.person.frame(reply != 0)
        offset = len(tape.mic_frames) * FRAME_SAMPLES
        begun = max(position - _FRAME_SAMPLES_OUT, 0)  # the playhead when the frame's first sample was captured
        now_s = time.monotonic()
        self._stream.send(_MIC_HEAD + _MIC.pack(_MIC_KIND, 0, 0, reply, offset, begun) + samples)
        tape.mic_sent_s.append(now_s)
        tape.mic_frames.append(samples)
        if (report := self._playout.poll(now_s)) is not None:
            tape.heard_s.setdefault(report.reply, report.begun_s)
            self._say({"playback": _playback(report, offset + FRAME_SAMPLES)})
        if self.person.presses_the_key():
            self._say({"interrupt": {}})

    def hang_up(self) -> None:
        """End the conversation; it `is_over` when the server has said so."""
        self._hung_up = True
        self._say({"end": {"reason": "done"}})

    def close(self) -> None:
        """Let go of the connection."""
        self.tape.utterances = self.person.utterances
        self.tape.unanswered = self.person.unanswered
        self.tape.ignored_barge_ins = self.person.ignored_barge_ins
        self._stream.close()

    def _say(self, message: dict[str, Any]) -> None:
        self._stream.send(client_frame(TEXT, json.dumps(message).encode()))

    def _take(self, data: bytes) -> None:
        now_s = time.monotonic()
        for opcode, payload in self._reader.feed(data):
            if opcode == BINARY:
                self._play(payload, now_s)
            elif opcode == TEXT:
                self._obey(json.loads(payload), now_s)
            elif opcode == PING:
                self._stream.send(client_frame(PONG, payload))
            elif opcode == CLOSE:
                self._stream.send(client_frame(CLOSE, payload[:2]))
                self._stream.close()
                self._end()
        if not self._asked and self._reader.handshake is not None:
            self._ask(self._reader.handshake)

    def _ask(self, answer: bytes) -> None:
        self._asked = True
        if b" 101 " not in answer.partition(b"\r\n")[0]:
            self._fail(f"the door did not open: {answer.decode(errors='replace')[:200]}")
        self._say({"open": {"protocol": 1, "clientBufferMs": self._buffer_ms, "echo": "ECHO_HEADPHONES"}})

    def _play(self, payload: bytes, now_s: float) -> None:
        kind, _, _, reply, position = _REPLY.unpack_from(payload)
        samples = (len(payload) - _REPLY.size) // 2
        if kind != _REPLY_KIND or samples <= 0:
            self._fail(f"a binary frame of kind {kind} with {samples} samples")
            return
        serial = int.from_bytes(payload[_REPLY.size : _REPLY.size + 2], "little")
        if self._playout.feed(now_s, reply, position, samples):
            self.tape.pieces.append(Piece(now_s, reply, position, samples, serial))
        else:
            self.tape.stale_pieces += 1

    def _obey(self, message: dict[str, Any], now_s: float) -> None:
        for kind, content in message.items():
            match kind:
                case "opened":
                    self.tape.session = content.get("session", "")
                    self.tape.lead_ms = int(content.get("leadMs", 0))
                    self.is_ready = True
                    self._begin()
                case "replyEnded":
                    reply, samples = int(content["reply"]), int(content["samples"])
                    self.tape.ends[reply] = samples
                    self._playout.end(reply, samples)
                case "turnReport":
                    stages = content.get("stages", ())
                    self.tape.stages_ms[int(content["reply"])] = {s["name"]: float(s.get("ms", 0.0)) for s in stages}
                case "flush":
                    self._flush(int(content["seq"]), int(content.get("floor", 0)), now_s)
                case "error":
                    self._fail(str(content.get("message", content)))
                case "closed":
                    if not self._hung_up:
                        self._fail(f"closed: {content.get('reason')}")
                    self._end()

    def _flush(self, seq: int, floor: int, now_s: float) -> None:
        reply, position = self._playout.flush(now_s, floor)
        offset = len(self.tape.mic_frames) * FRAME_SAMPLES
        flushed = {"seq": str(seq), "reply": str(reply), "position": str(position), "micOffset": str(offset)}
        self._say({"flushed": flushed})
        self.tape.flushed_s[seq] = time.monotonic()
        self.tape.flushed_replies.add(reply)

    def _fail(self, what: str) -> None:
        if not self._hung_up:
            self.tape.faults.append(what)

    def _end(self) -> None:
        if not (self.is_over or self._hung_up):
            self._fail("the connection ended")
        self.is_over = True


def _playback(report: Report, mic_offset: int) -> dict[str, Any]:
    return {
        "reply": str(report.reply),
        "position": str(report.position),
        "micOffset": str(mic_offset),
        "bufferedMs": report.buffered_ms,
        "underruns": report.underruns,
        "ended": report.ended,
    }
