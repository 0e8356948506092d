"""WebSocket frames: what one side writes the other reads, however the bytes are cut; and real libraries agree."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.utils import accept_key

from tests.load import websocket
from tests.load.websocket import BINARY, TEXT, FrameReader

HEAD = b"GET / HTTP/1.1\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
SIZES = [0, 1, 125, 126, 127, 664, 65_535, 65_536, 200_000]


def read(data: bytes, cut: int) -> list[tuple[int, bytes]]:
    """Feed a reader in pieces of `cut` bytes."""
    reader = FrameReader()
    data = HEAD + data
    return [message for at in range(0, len(data), cut) for message in reader.feed(data[at : at + cut])]


@pytest.mark.parametrize("size", SIZES)
def test_frames_of_every_length_are_read_back(size: int) -> None:
    """Both kinds of frame survive, with lengths around every change of the length field."""
    payload = bytes(range(256)) * (size // 256) + bytes(size % 256)
    frames = websocket.client_frame(BINARY, payload) + websocket.server_frame(TEXT, payload)
    assert read(frames, 10_000) == [(BINARY, payload), (TEXT, payload)]


@given(st.lists(st.tuples(st.binary(max_size=300), st.booleans()), max_size=5), st.integers(1, 40))
def test_what_a_library_writes_is_read_however_it_is_cut(messages: list[tuple[bytes, bool]], cut: int) -> None:
    """Frames of the websockets library, masked with a real key or not, come out whole at any cut."""
    written = b"".join(Frame(Opcode.BINARY, data).serialize(mask=masked, extensions=[]) for data, masked in messages)
    assert read(written, cut) == [(BINARY, data) for data, _ in messages]


def test_a_message_in_fragments_is_put_together_and_a_ping_may_come_between() -> None:
    """Continuation frames make one message; a control frame between them stands for itself."""
    parts = [
        Frame(Opcode.TEXT, b"one ", fin=False),
        Frame(Opcode.PING, b"?"),
        Frame(Opcode.CONT, b"two ", fin=False),
        Frame(Opcode.CONT, b"three"),
    ]
    written = b"".join(part.serialize(mask=True, extensions=[]) for part in parts)
    assert read(written, 3) == [(websocket.PING, b"?"), (TEXT, b"one two three")]


def test_the_handshake_is_the_protocols() -> None:
    """The answer holds the key that the library expects; the request holds what a server needs."""
    assert accept_key("dGhlIHNhbXBsZSBub25jZQ==").encode() in websocket.upgrade_response(HEAD)
    request = websocket.upgrade_request("127.0.0.1:1", "/v1/converse")
    assert request.startswith(b"GET /v1/converse HTTP/1.1\r\nHost: 127.0.0.1:1\r\n")
    assert b" 101 " in websocket.upgrade_response(request)


def test_a_request_without_a_key_is_refused() -> None:
    """An ordinary HTTP request gets no WebSocket."""
    with pytest.raises(websocket.HandshakeError, match="no WebSocket handshake"):
        websocket.upgrade_response(b"GET / HTTP/1.1\r\nHost: x")
