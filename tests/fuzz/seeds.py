"""Seeds: what a good client sends, for the fuzzer to spoil."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from clients.desktop.websocket_frames import encode
from parley.v1 import audio_pb2 as audio
from parley.v1 import conversation_service_pb2 as wire
from parley.v1 import stream_pb2
from tests.fuzz.targets import GOOD

REQUESTS: Final = (
    wire.ConverseRequest(open=wire.Open(protocol=1, agent="default", token=GOOD, client_buffer_ms=80)),
    wire.ConverseRequest(audio=audio.AudioFrame(mic_offset=0, pcm=bytes(640))),
    wire.ConverseRequest(audio=audio.AudioFrame(mic_offset=320, pcm=bytes(640), playhead=audio.Playhead(reply=1))),
    wire.ConverseRequest(playback=audio.Playback(reply=1, position=480, mic_offset=640, ended=True)),
    wire.ConverseRequest(flushed=audio.Flushed(seq=1, reply=1, position=480, mic_offset=640)),
    wire.ConverseRequest(interrupt=wire.ConverseRequest.Interrupt()),
    wire.ConverseRequest(mute=wire.Mute(muted=True)),
    wire.ConverseRequest(push_to_talk=wire.PushToTalk(pressed=True)),
    wire.ConverseRequest(say=wire.Say(text="hello", id="1")),
    wire.ConverseRequest(heartbeat=stream_pb2.Heartbeat(beat=1)),
    wire.ConverseRequest(end=wire.End(reason="done")),
)
_FORMATS: Final = (
    audio.AudioFormat(encoding=audio.AudioFormat.ENCODING_OPUS, rate_hz=48_000),
    audio.AudioFormat(encoding=audio.AudioFormat.ENCODING_MULAW, rate_hz=8_000),
    audio.AudioFormat(rate_hz=8_000),
)
UPGRADE: Final = (
    b"GET /v1/converse HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: parley.v1\r\n\r\n"
)


def masked(opcode: int, payload: bytes, *, fin: bool = True, mask: bytes = b"\x01\x02\x03\x04") -> bytes:
    """Return a frame as a client sends it."""
    size = len(payload)
    head = bytes(((0x80 if fin else 0) | opcode,))
    if size < 126:
        head += bytes((0x80 | size,))
    elif size < 1 << 16:
        head += bytes((0x80 | 126,)) + size.to_bytes(2, "big")
    else:
        head += bytes((0x80 | 127,)) + size.to_bytes(8, "big")
    return head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


def frames(requests: Sequence[wire.ConverseRequest]) -> bytes:
    """Return requests as a WebSocket client sends them."""
    parts = []
    for request in requests:
        if request.audio.playhead.reply >> 32:  # its place in a frame has four bytes
            continue
        encoded = encode(request)
        parts.append(masked(1, encoded.encode()) if isinstance(encoded, str) else masked(2, encoded))
    return b"".join(parts)


def lengthened(requests: Sequence[wire.ConverseRequest]) -> bytes:
    """Return requests as the gRPC target reads them."""
    raw = [request.SerializeToString() for request in requests]
    return b"".join(len(each).to_bytes(2, "little") + each for each in raw)


def seeds(target: str) -> list[bytes]:
    """Return a target's."""
    openings = [REQUESTS[0], *(wire.ConverseRequest(open=wire.Open(protocol=1, input=f, output=f)) for f in _FORMATS)]
    talks = [[first, *REQUESTS[1:]] for first in openings] + [[openings[0], each] for each in REQUESTS]
    if target == "token":
        none = f"eyJhbGciOiJub25lIn0.{GOOD.split('.')[1]}."
        return [each.encode() for each in (GOOD, none, f"Bearer {GOOD}", f"parley.v1, parley.token.{GOOD}", "0" * 32)]
    if target == "grpc":
        return [lengthened(talk) for talk in talks]
    plain = [bytes((0xFE,)) + frames(talk) for talk in talks]
    return [*plain, bytes((0xFF,)) + UPGRADE + frames(talks[0]), bytes((0x09,)) + UPGRADE + frames(talks[1])]


def write(target: str, folder: Path) -> None:
    """Write a target's seeds to a folder, a file each."""
    os.makedirs(folder, exist_ok=True)
    for number, seed in enumerate(seeds(target)):
        (folder / f"seed-{number}").write_bytes(seed)
