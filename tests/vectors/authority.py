"""What protobuf itself says a frame means: the vectors are held to it, and it to nothing."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

from google.protobuf import json_format

from parley.v1 import conversation_service_pb2 as wire

Meaning = dict[str, Any]


def read(sender: str, binary: bytes | None, text: bytes | None) -> Meaning | None:
    """Return what a frame means; None where it is not to be read. Binary frames by the tables of docs/protocol.md."""
    if binary is not None:
        return _read_microphone(binary) if sender == "client" else _read_reply(binary)
    try:
        words = (text or b"").decode()
        if not words.lstrip(" \t\r\n").startswith("{"):
            return None
        # A client passes over what it does not know, a server refuses it.
        message = json_format.Parse(words, _kind(sender)(), ignore_unknown_fields=sender == "server")
    except (UnicodeDecodeError, json_format.ParseError):
        return None
    return None if message.WhichOneof("message") == "audio" else tidy(json_format.MessageToDict(message))


def normal(sender: str, meaning: Meaning) -> Meaning:
    """Return a meaning as protobuf writes it. Raises ParseError where it has no such message."""
    return tidy(json_format.MessageToDict(json_format.ParseDict(meaning, _kind(sender)())))


def tidy(meaning: Meaning) -> Meaning:
    """Return it without an empty playhead, which is as good as none."""
    audio = meaning.get("audio")
    if audio is None or audio.get("playhead"):
        return meaning
    return {"audio": {key: value for key, value in audio.items() if key != "playhead"}}


def same_text(text: bytes, meaning: Meaning) -> bool:
    """Whether a text frame is how protobuf writes it: the order of fields and blanks count for nothing."""
    return bool(json.loads(text) == meaning)


def _kind(sender: str) -> type[wire.ConverseRequest | wire.ConverseResponse]:
    return wire.ConverseRequest if sender == "client" else wire.ConverseResponse


def _read_microphone(frame: bytes) -> Meaning | None:
    if len(frame) < 24:
        return None
    kind, flags, zero, reply, mic_offset, position = struct.unpack_from("<BBHIQQ", frame)
    if kind != 1 or flags > 1 or zero:
        return None
    playhead = {"reply": str(reply), "position": str(position), "estimated": bool(flags)}
    audio = {"micOffset": str(mic_offset), "pcm": base64.b64encode(frame[24:]).decode(), "playhead": playhead}
    return normal("client", {"audio": audio})


def _read_reply(frame: bytes) -> Meaning | None:
    if len(frame) < 16:
        return None
    kind, flags, zero, reply, position = struct.unpack_from("<BBHIQ", frame)
    if kind != 2 or flags or zero:
        return None
    audio = {"reply": str(reply), "position": str(position), "pcm": base64.b64encode(frame[16:]).decode()}
    return normal("server", {"audio": audio})
