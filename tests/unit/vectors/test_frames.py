"""The frames among the vectors: what protobuf says of them, the desktop client, and the servers' door."""

from __future__ import annotations

import pytest
from google.protobuf import json_format

from clients.desktop.connection_failures import ConnectionFailed
from clients.desktop.websocket_frames import decode, encode
from parley.v1 import conversation_service_pb2 as wire
from services.common.errors import ProtocolFault
from services.ingress.audio_header import decode_microphone, encode_reply
from services.ingress.wire_text import decode_text, encode_text
from tests.vectors.__main__ import faults_of
from tests.vectors.authority import Meaning, same_text, tidy
from tests.vectors.frames import FrameVector, frames

FRAMES = frames()
SERVERS = [frame for frame in FRAMES if frame.sender == "server"]
CLIENTS = [frame for frame in FRAMES if frame.sender == "client"]


def meaning_of(message: wire.ConverseRequest | wire.ConverseResponse) -> Meaning:
    """Return a message as vectors write it."""
    return tidy(json_format.MessageToDict(message))


def body_of(frame: FrameVector) -> str | bytes:
    """Return a frame as a WebSocket library hands it on. Raises UnicodeDecodeError where that would refuse it."""
    return frame.binary if frame.binary is not None else (frame.text or b"").decode()


@pytest.mark.parametrize("frame", FRAMES, ids=str)
def test_protobuf_agrees(frame: FrameVector) -> None:
    """What a vector says of a frame is what the official mapping, and the tables of the protocol, make of it."""
    assert faults_of(frame) == []


@pytest.mark.parametrize("frame", SERVERS, ids=str)
def test_the_desktop_reads_what_servers_send(frame: FrameVector) -> None:
    """What is good means what it should; what is bad is told, and nothing else happens."""
    if frame.means is None:
        with pytest.raises((ConnectionFailed, UnicodeDecodeError)):
            decode(body_of(frame))
    else:
        assert meaning_of(decode(body_of(frame))) == tidy(frame.means)


@pytest.mark.parametrize("frame", [frame for frame in CLIENTS if frame.canonical], ids=str)
def test_the_desktop_writes_what_clients_send(frame: FrameVector) -> None:
    """A binary frame to the byte, text to the value."""
    assert frame.means is not None
    written = encode(json_format.ParseDict(frame.means, wire.ConverseRequest()))
    if isinstance(written, bytes):
        assert written == frame.binary
    else:
        assert same_text(written.encode(), frame.means)


@pytest.mark.parametrize("frame", CLIENTS, ids=str)
def test_the_servers_read_what_clients_send(frame: FrameVector) -> None:
    """And refuse what is bad, in words."""

    def read() -> wire.ConverseRequest:
        body = body_of(frame)
        return decode_microphone(body) if isinstance(body, bytes) else decode_text(body)

    if frame.means is None:
        with pytest.raises((ProtocolFault, UnicodeDecodeError)):
            read()
    else:
        assert meaning_of(read()) == tidy(frame.means)


@pytest.mark.parametrize("frame", [frame for frame in SERVERS if frame.canonical], ids=str)
def test_the_servers_write_what_they_send(frame: FrameVector) -> None:
    """Audio to the byte, text to the value."""
    assert frame.means is not None
    response = json_format.ParseDict(frame.means, wire.ConverseResponse())
    if response.HasField("audio"):
        assert encode_reply(response) == frame.binary
    else:
        assert same_text(encode_text(response).encode(), frame.means)
