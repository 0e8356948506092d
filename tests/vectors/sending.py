"""Messages of a scene on their way: as frames and as protobuf, either direction."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

from google.protobuf import json_format

from parley.v1 import conversation_service_pb2 as wire

from .authority import read
from .journal import Sent
from .scenes import PIECE_SAMPLES, TICK_MS, reply_pcm


def frame_of(message: dict[str, Any]) -> str | bytes:
    """Return the frame that carries a server's message: text as it stands in the scene, audio as binary."""
    if "audio" not in message:
        return json.dumps(message, ensure_ascii=False)
    audio = message["audio"]
    head = (2).to_bytes(4, "little") + audio["reply"].to_bytes(4, "little") + audio["position"].to_bytes(8, "little")
    pcm: bytes = audio["pcm"]
    return bytes(head) + pcm


def response_of(message: dict[str, Any]) -> wire.ConverseResponse:
    """Return a server's message in protobuf; what it does not know is not in it."""
    if "audio" in message:
        return wire.ConverseResponse(audio=message["audio"])
    return json_format.ParseDict(message, wire.ConverseResponse(), ignore_unknown_fields=True)


def pieces(audio: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """Yield what is sent of a reply at its moment, then at each further one."""
    at, end = audio["position"], audio["position"] + audio["samples"]
    now = audio.get("lead_ms", 1_000_000) // TICK_MS * PIECE_SAMPLES
    while at < end:
        until = min(end, at + now)
        yield [_piece(audio["reply"], begin, until) for begin in range(at, until, PIECE_SAMPLES)]
        at, now = until, PIECE_SAMPLES


def sent_in(at_ms: int, over: int, frame: str | bytes) -> Sent | None:
    """Return what a client's frame says; None: no server reads it."""
    binary, text = (frame, None) if isinstance(frame, bytes) else (None, frame.encode())
    message = read("client", binary, text)
    return None if message is None else _sent(at_ms, over, message)


def sent_by(at_ms: int, over: int, request: wire.ConverseRequest) -> Sent:
    """Return what a client's request says."""
    return _sent(at_ms, over, json_format.MessageToDict(request))


def _sent(at_ms: int, over: int, message: dict[str, Any]) -> Sent:
    if "audio" not in message:
        return Sent(at_ms, over, message)
    pcm = base64.b64decode(message["audio"].pop("pcm", ""))
    return Sent(at_ms, over, message, len(pcm) // 2, not any(pcm))


def _piece(reply: int, begin: int, until: int) -> dict[str, Any]:
    pcm = reply_pcm(reply, begin, min(PIECE_SAMPLES, until - begin)).astype("<i2").tobytes()
    return {"audio": {"reply": reply, "position": begin, "pcm": pcm}}
