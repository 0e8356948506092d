"""Audio header: the WebSocket door's binary frames: a fixed little-endian header, then the audio as opened.

This runs fifty times a second for each session and direction, so nothing is looked up twice and nothing is JSON.
"""

from __future__ import annotations

import struct
from typing import Final

from parley.v1 import conversation_service_pb2 as wire
from services.common.errors import ProtocolFault

MICROPHONE: Final = 1
REPLY_AUDIO: Final = 2
ESTIMATED: Final = 1
"""Flag: the playhead is an estimate."""

_MICROPHONE: Final = struct.Struct("<BBHIQQ")  # kind, flags, 0, playhead reply, mic_offset, playhead position
_REPLY: Final = struct.Struct("<BBHIQ")  # kind, flags, 0, reply, position
MICROPHONE_HEADER_BYTES: Final = _MICROPHONE.size
REPLY_HEADER_BYTES: Final = _REPLY.size


def decode_microphone(frame: bytes) -> wire.ConverseRequest:
    """Return the audio request that a binary frame carries. Raises ProtocolFault for a header that is not ours."""
    if len(frame) < MICROPHONE_HEADER_BYTES:
        raise ProtocolFault(
            f"a binary frame of {len(frame)} bytes is too short: "
            f"its header alone has {MICROPHONE_HEADER_BYTES}; the audio follows."
        )
    kind, flags, reserved, reply, mic_offset, position = _MICROPHONE.unpack_from(frame)
    if kind != MICROPHONE:
        raise ProtocolFault(f"a binary frame of kind {kind} (its first byte); a client sends kind {MICROPHONE} only.")
    if flags > ESTIMATED or reserved:
        raise ProtocolFault(
            f"a binary frame with flags {flags:#04x} (byte 1) and {reserved:#06x} in bytes 2 and 3: only bit 0 of the "
            "flags is in use, and bytes 2 and 3 are zero."
        )
    request = wire.ConverseRequest()
    audio = request.audio
    audio.mic_offset = mic_offset
    audio.pcm = frame[MICROPHONE_HEADER_BYTES:]
    playhead = audio.playhead
    playhead.reply = reply
    playhead.position = position
    playhead.estimated = flags == ESTIMATED
    return request


def encode_reply(response: wire.ConverseResponse) -> bytes:
    """Return the binary frame that carries a response that is audio."""
    audio = response.audio
    return _REPLY.pack(REPLY_AUDIO, 0, 0, audio.reply, audio.position) + audio.pcm
