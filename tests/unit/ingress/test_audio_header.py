"""Binary frames of the WebSocket door: what is packed comes out again, and nothing else passes for it."""

from __future__ import annotations

import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.desktop import websocket_frames
from parley.v1 import audio_pb2 as audio
from parley.v1 import conversation_service_pb2 as wire
from services.common.errors import ProtocolFault
from services.ingress.audio_header import (
    MICROPHONE_HEADER_BYTES,
    REPLY_HEADER_BYTES,
    decode_microphone,
    encode_reply,
)

U32 = st.integers(0, 2**32 - 1)
U64 = st.integers(0, 2**64 - 1)
PCM = st.binary(max_size=2000)


@given(U64, PCM, U32, U64, st.booleans())
def test_the_microphone_comes_through(mic_offset: int, pcm: bytes, reply: int, position: int, estimated: bool) -> None:
    """Whatever the client packs the server reads, to the last bit."""
    playhead = audio.Playhead(reply=reply, position=position, estimated=estimated)
    request = wire.ConverseRequest(audio=audio.AudioFrame(mic_offset=mic_offset, pcm=pcm, playhead=playhead))
    frame = websocket_frames.encode(request)
    assert isinstance(frame, bytes)
    assert len(frame) == MICROPHONE_HEADER_BYTES + len(pcm)
    assert decode_microphone(frame) == request


@given(U32, U64, PCM)
def test_a_reply_comes_through(reply: int, position: int, pcm: bytes) -> None:
    """Whatever the server packs the client reads, to the last bit."""
    response = wire.ConverseResponse(audio=audio.ReplyAudio(reply=reply, position=position, pcm=pcm))
    frame = encode_reply(response)
    assert len(frame) == REPLY_HEADER_BYTES + len(pcm)
    assert websocket_frames.decode(frame) == response


def test_the_header_lies_as_the_document_says() -> None:
    """Each field at its byte, little-endian."""
    frame = struct.pack("<BBHIQQ", 1, 1, 0, 7, 320, 480) + b"ab"
    assert frame[:8].hex() == "0101000007000000"
    request = decode_microphone(frame)
    assert (request.audio.mic_offset, request.audio.pcm) == (320, b"ab")
    assert request.audio.playhead == audio.Playhead(reply=7, position=480, estimated=True)


@pytest.mark.parametrize("size", range(MICROPHONE_HEADER_BYTES))
def test_a_header_cut_short_is_refused(size: int) -> None:
    """At whatever byte it ends."""
    with pytest.raises(ProtocolFault, match=f"of {size} bytes is too short: its header alone has 24"):
        decode_microphone((b"\x01" + bytes(23))[:size])


@pytest.mark.parametrize("kind", [0, 2, 3, 0x7B, 255])
def test_another_kind_is_refused(kind: int) -> None:
    """A client has one kind of binary frame: not the server's, and not JSON sent as binary."""
    with pytest.raises(ProtocolFault, match=f"of kind {kind} .*kind 1 only"):
        decode_microphone(bytes([kind]) + bytes(23))


@pytest.mark.parametrize("bit", [*range(1, 8), *range(8, 24)])
def test_a_reserved_bit_is_refused(bit: int) -> None:
    """So that a later version may give it a meaning."""
    header = bytearray(b"\x01" + bytes(23))
    header[1 + bit // 8] |= 1 << bit % 8
    with pytest.raises(ProtocolFault, match="only bit 0 of the flags is in use"):
        decode_microphone(bytes(header))


@given(st.binary(max_size=64))
def test_any_bytes_are_a_frame_or_a_fault(frame: bytes) -> None:
    """Nothing else can come of them."""
    with suppress(ProtocolFault):
        assert decode_microphone(frame).WhichOneof("message") == "audio"
