"""The cases: what a bad client does, and what it has to be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from parley.v1 import audio_pb2 as audio
from parley.v1 import conversation_service_pb2 as wire
from parley.v1 import stream_pb2
from tests.integration.bad_input.acts import (
    Act,
    Format,
    at_once,
    beat_without_end,
    first,
    hangs_up_on_nobody,
    in_mid_reply,
    microphone,
    never_reads,
    nothing,
    opening,
    silent_sound,
    sized,
    then,
    too_fast,
    vanishes_at_once,
)
from tests.integration.bad_input.raw_caller import DOORS

Code = stream_pb2.Error

LIMITS = {
    "PARLEY_HANDSHAKE_S": "2",
    "PARLEY_CLIENT_SILENT_S": "3",
    "PARLEY_SLOW_READER_S": "2",
    "PARLEY_MAX_IDLE_S": "8",
    "PARLEY_MAX_AHEAD_MS": "3000",
    "PARLEY_RESUME_S": "2",
}
"""What the ingress of these tests allows, so that nobody waits for long."""


@dataclass(frozen=True)
class Case:
    """What one kind of client does, at `doors`."""

    name: str
    act: Act
    code: Code.Code.ValueType
    """What it is told; CODE_UNSPECIFIED: it can't be told anything."""
    words: str = ""
    """Part of the error's message: what to do. "a|b": either."""
    limit: str = ""
    """The limit that is passed, as counted."""
    ending: Mapping[str, str] = field(default_factory=dict)
    """gRPC status and close code, where they don't follow from the code."""
    counters: tuple[str, ...] = ()
    """What is raised by one, where it does not follow from code and limit."""
    doors: tuple[str, ...] = DOORS

    def ending_at(self, door: str) -> str:
        """Return the gRPC status or the close code that docs/protocol.md names."""
        return self.ending.get(door, "OK" if door == "grpc" else str(4000 + self.code))

    @property
    def raises(self) -> tuple[str, ...]:
        """The counters that it raises by one."""
        if self.counters or not self.code:
            return self.counters
        fault = f"fault_{Code.Code.Name(self.code).removeprefix('CODE_').lower()}"
        return (fault, f"limit_{self.limit}") if self.limit else (fault,)


GONE = Code.CODE_UNSPECIFIED
_UNKNOWN = b"\xa2\x06\x00"
"""Field 100, empty."""
_BIG = bytes(10 << 20)
_SEE = "see protos/|docs/protocol.md lists the messages"
_TOO_BIG = {"websocket": "1009"}

CASES = [
    Case("unknown message", in_mid_reply(_UNKNOWN, '{"opne":{}}'), Code.CODE_PROTOCOL, _SEE),
    Case("unknown message first", at_once(_UNKNOWN, '{"opne":{}}'), Code.CODE_PROTOCOL, "must be open|" + _SEE),
    Case("empty message", in_mid_reply(b"", "{}"), Code.CODE_PROTOCOL, "see protos/"),
    Case("wrong version", opening(protocol=99, oldest_protocol=98), Code.CODE_VERSION, "update the server"),
    Case("no version", opening(), Code.CODE_VERSION, "this server speaks version 1"),
    Case("wrong rate", opening(protocol=1, input=Format(rate_hz=12_345)), Code.CODE_FORMAT, "use one of 8000"),
    Case("wrong codec", opening(protocol=1, output=Format(encoding=77)), Code.CODE_FORMAT, "use one of ENC"),  # type: ignore[arg-type]
    Case(
        "wrong rate of a codec",
        opening(protocol=1, output=Format(encoding=Format.ENCODING_OPUS, rate_hz=44_100)),
        Code.CODE_FORMAT,
        "use one of 8000",
    ),
    Case("frame too long", then(sized(3_520)), Code.CODE_FORMAT, "send up to 200 ms at a time"),
    Case("frame of half a sample", then(sized(320.5)), Code.CODE_FORMAT, "whole 16-bit samples"),
    Case("empty frame", then(sized(0)), Code.CODE_FORMAT, "16-bit samples"),
    Case("100x too fast", too_fast, Code.CODE_LIMIT, "20 ms every 20 ms", "audio_rate"),
    Case("heartbeats without end", beat_without_end, Code.CODE_LIMIT, "send 20 ms of audio in each", "message_rate"),
    Case(
        "out of order",
        then(microphone(0), microphone(640), microphone(320)),
        Code.CODE_PROTOCOL,
        "went back from 640 to 320; send each sample once, in order",
    ),
    Case("clock that jumps", then(microphone(0), microphone(1 << 40)), Code.CODE_LIMIT, "it must count", "mic_hole"),
    Case("silence before open", nothing, Code.CODE_LIMIT, "send it first", "handshake"),
    Case("silence for ever", then(), Code.CODE_LIMIT, "send a heartbeat each second", "client_silent"),
    Case("silent sound for ever", silent_sound, Code.CODE_LIMIT, "open a new session when somebody does", "idle"),
    Case(
        "text where binary should be",
        in_mid_reply(b"hello there", '{"audio":{"pcm":"AAAA"}}'),
        Code.CODE_PROTOCOL,
        "is no ConverseRequest in protobuf; see|send it as a binary frame",
    ),
    Case(
        "bytes where text should be",
        at_once(b"\xff" * 40, b"\xff" * 40),
        Code.CODE_PROTOCOL,
        "in protobuf; see|sends kind 1 only",
    ),
    Case(
        "message of 70 kB",
        in_mid_reply(bytes(70_000), bytes(70_000)),
        Code.CODE_LIMIT,
        "send 20 ms of audio in each",
        "message_size",
        ending=_TOO_BIG,
    ),
    Case("open twice", then(wire.ConverseRequest(open=wire.Open(protocol=1))), Code.CODE_PROTOCOL, "open came twice"),
    Case("audio before open", first(microphone()), Code.CODE_PROTOCOL, "must be open, not audio"),
    Case("resume of what is not there", opening(protocol=1, resume="x"), Code.CODE_RESUME, "without `resume`"),
    Case("long name", opening(protocol=1, agent="x" * 65), Code.CODE_LIMIT, "64 characters", "agent_name"),
    Case(
        "position beyond all clocks",
        then(wire.ConverseRequest(playback=audio.Playback(reply=1, position=1 << 60))),
        Code.CODE_PROTOCOL,
        "count from the start",
    ),
    Case("nothing typed", then(wire.ConverseRequest(say=wire.Say())), Code.CODE_PROTOCOL, "1 to 4000 characters"),
    Case(
        "too much typed",
        then(wire.ConverseRequest(say=wire.Say(text="x" * 5_000))),
        Code.CODE_PROTOCOL,
        "1 to 4000 characters",
    ),
    Case(
        "message of 10 MB",
        in_mid_reply(_BIG, _BIG),
        Code.CODE_LIMIT,
        "send 20 ms of audio in each",
        "message_size",
        ending=_TOO_BIG,
        doors=("websocket",),
    ),
    Case(
        "message of 10 MB",
        in_mid_reply(_BIG, _BIG),
        GONE,
        ending={"grpc": "RESOURCE_EXHAUSTED"},
        doors=("grpc",),
    ),
    Case(
        "gone without a word",
        hangs_up_on_nobody,
        GONE,
        ending={"grpc": "UNAVAILABLE", "websocket": "1006"},
    ),
    Case("gone before open", vanishes_at_once, GONE, ending={"grpc": "UNAVAILABLE", "websocket": "1006"}),
    Case(
        "never reads",
        never_reads,
        GONE,
        ending={"grpc": "RESOURCE_EXHAUSTED", "websocket": "1006"},
        counters=("fault_limit", "limit_slow_reader"),
    ),
]
