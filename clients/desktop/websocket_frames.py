"""What goes over a WebSocket: JSON as text, audio as binary behind a small header (docs/protocol.md)."""

from __future__ import annotations

import json
import struct

from google.protobuf import json_format

from parley.v1.conversation_service_pb2 import ConverseRequest, ConverseResponse

from .connection_failures import Cause, ConnectionFailed

MICROPHONE = 1
REPLY_AUDIO = 2
_MICROPHONE = struct.Struct("<BBHIQQ")  # kind, flags, 0, playhead reply, mic_offset, playhead position
_REPLY = struct.Struct("<BBHIQ")  # kind, flags, 0, reply, position


def encode(request: ConverseRequest) -> str | bytes:
    """Return the frame that carries a request."""
    if request.WhichOneof("message") != "audio":
        return json.dumps(json_format.MessageToDict(request), ensure_ascii=False, separators=(",", ":"))
    audio = request.audio
    head = audio.playhead
    return _MICROPHONE.pack(MICROPHONE, head.estimated, 0, head.reply, audio.mic_offset, head.position) + audio.pcm


def decode(frame: str | bytes) -> ConverseResponse:
    """Return the response that a frame carries; text of a later protocol may come out empty.

    Raises ConnectionFailed for what is no response.
    """
    response = ConverseResponse()
    if isinstance(frame, str):
        try:
            if not frame.lstrip().startswith(
                "{"
            ):  # protobuf's parser would pass over a list, or the letters of a string
                raise ValueError
            json_format.Parse(frame, response, ignore_unknown_fields=True)
        except (json_format.ParseError, ValueError, RecursionError):
            raise ConnectionFailed(Cause.UNREADABLE, "text that is no message of Parley") from None
        return response
    if len(frame) < _REPLY.size:
        raise ConnectionFailed(Cause.UNREADABLE, f"a binary frame of {len(frame)} bytes, less than its header")
    kind, flags, reserved, reply, position = _REPLY.unpack_from(frame)
    if kind != REPLY_AUDIO or flags or reserved:
        raise ConnectionFailed(Cause.UNREADABLE, f"a binary frame that begins with {frame[:4].hex(' ')}")
    audio = response.audio
    audio.reply = reply
    audio.position = position
    audio.pcm = frame[_REPLY.size :]
    return response
