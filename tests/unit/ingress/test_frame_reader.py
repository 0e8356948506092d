"""WebSocket's framing, beside the `websockets` library as the authority from outside."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from services.common.errors import LimitFault, ProtocolFault
from services.ingress import frame_reader
from services.ingress.frame_reader import BINARY, CLOSE, PING, PONG, TEXT, FrameFault, FrameReader, close_frame, frame

MAX_BYTES = 1000

Read = tuple[list[tuple[int, bytes]], int]
"""What was read, and the close code by which it ended (0: it did not)."""


def read(*pieces: bytes) -> Read:
    """Feed these to a reader."""
    reader, read = FrameReader(MAX_BYTES), []
    try:
        for piece in pieces:
            for message in reader.feed(piece):
                read.append(message)
                if message[0] == CLOSE:
                    return read, 0
    except FrameFault as fault:
        return read, fault.close_code
    return read, 0


def read_by_the_library(stream: bytes) -> Read:
    """Feed it to the library, which leaves joining of fragments and UTF-8 to who uses it."""
    protocol = ServerProtocol(state=State.OPEN, max_size=MAX_BYTES)
    protocol.receive_data(stream)
    read: list[tuple[int, bytes]] = []
    begun: list[Frame] = []
    for event in protocol.events_received():
        assert isinstance(event, Frame)
        if event.opcode in (Opcode.CLOSE, Opcode.PING, Opcode.PONG):
            read.append((event.opcode, bytes(event.data)))
            continue
        begun.append(event)
        if event.fin:
            message = b"".join(fragment.data for fragment in begun)
            if begun[0].opcode is Opcode.TEXT and not is_utf8(message):
                return read, 1007
            read.append((begun[0].opcode, message))
            begun = []
    failed = protocol.parser_exc is not None and protocol.close_sent is not None
    return read, protocol.close_sent.code if failed and protocol.close_sent else 0


def is_utf8(text: bytes) -> bool:
    """Say whether it is."""
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def raw_frame(first: int, payload: bytes, mask: bytes = b"\x01\x82\x03\xf4", long_size: bool = False) -> bytes:
    """Return a frame as it may or may not be sent."""
    if len(payload) < 126 and not long_size:
        size = bytes([len(payload) | 0x80])
    else:
        size = bytes([126 | 0x80]) + len(payload).to_bytes(2, "big")
    return bytes([first]) + size + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


SMALL = st.binary(max_size=60) | st.text(max_size=20).map(str.encode)
GOOD_FRAMES = st.one_of(
    st.builds(
        raw_frame, st.sampled_from([0x81, 0x82, 0x80, 0x01, 0x02, 0x00]), SMALL, st.binary(min_size=4, max_size=4)
    ),
    st.builds(raw_frame, st.sampled_from([0x81, 0x82]), SMALL, long_size=st.just(True)),
    st.builds(raw_frame, st.sampled_from([0x89, 0x8A]), SMALL),
)
"""Each is a good one, though not always at that place."""
CLOSES = st.builds(raw_frame, st.just(0x88), st.integers(0, 5000).map(lambda code: code.to_bytes(2, "big") + b"bye"))
BAD_FRAMES = st.sampled_from(
    [
        raw_frame(0xC1, b"{}"),
        raw_frame(0x83, b""),
        raw_frame(0x09, b""),
        raw_frame(0x89, bytes(126)),
        raw_frame(0x88, b"x"),
        raw_frame(0x82, bytes(MAX_BYTES + 1)),
        b"\x81\x02{}",
    ]
)
STREAMS = st.lists(GOOD_FRAMES | GOOD_FRAMES | GOOD_FRAMES | CLOSES | BAD_FRAMES, max_size=12).map(b"".join)


@given(STREAMS, st.lists(st.integers(0, 500), max_size=5))
def test_it_reads_what_the_library_reads(stream: bytes, cuts: list[int]) -> None:
    """The same messages and the same close code, however the stream is cut into pieces."""
    at = [0, *sorted(cuts), len(stream)]
    ours = read(*(stream[start:end] for start, end in pairwise(at)))
    theirs = read_by_the_library(stream)
    # A frame that is too large where none may be breaks two rules; either may be named.
    assert ours == theirs or (ours[0], {ours[1], theirs[1]}) == (theirs[0], {1002, 1009})


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
@pytest.mark.parametrize("opcode", [Opcode.TEXT, Opcode.BINARY])
def test_every_size_is_read_and_written(opcode: Opcode, size: int) -> None:
    """All three ways to say a length, both ways."""
    payload = b"a" * size
    reader = FrameReader(1 << 16)
    assert list(reader.feed(Frame(opcode, payload).serialize(mask=True))) == [(opcode, payload)]
    assert frame(opcode, payload) == Frame(opcode, payload).serialize(mask=False)


def test_a_byte_at_a_time() -> None:
    """Nothing is read before it is whole, and nothing twice."""
    stream = raw_frame(0x01, "ü".encode()[:1]) + raw_frame(0x89, b"?") + raw_frame(0x80, "ü".encode()[1:])
    assert read(*(bytes([byte]) for byte in stream)) == ([(PING, b"?"), (TEXT, "ü".encode())], 0)


def test_the_header_of_what_is_too_large_is_enough() -> None:
    """Nobody has to send ten megabytes to be refused, in one frame or in fragments."""
    huge = b"\x82\xff" + (10 << 20).to_bytes(8, "big")
    assert read(huge) == ([], 1009)
    assert read(raw_frame(0x02, bytes(MAX_BYTES)), raw_frame(0x80, b"x")[:2]) == ([], 1009)
    assert read(raw_frame(0x02, bytes(MAX_BYTES)), raw_frame(0x8A, b"x"))[0] == [(PONG, b"x")], "no part of it"
    with pytest.raises(FrameFault) as fault:
        list(FrameReader(MAX_BYTES).feed(huge))
    assert isinstance(fault.value.fault, LimitFault)


def test_fragments_of_nothing_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty ones add nothing to the size."""
    monkeypatch.setattr(frame_reader, "MAX_FRAGMENTS", 3)
    assert read(raw_frame(0x02, b""), raw_frame(0x00, b"") * 3) == ([], 1009)
    assert read(raw_frame(0x02, b""), raw_frame(0x00, b""), raw_frame(0x80, b"")) == ([(BINARY, b"")], 0)


@pytest.mark.parametrize("payload", [b"\x03\xe8\xff", b"\x03\xe8" + "ü".encode()[:1]])
def test_the_reason_of_a_close_is_utf8(payload: bytes) -> None:
    """As every text."""
    assert read(raw_frame(0x88, payload)) == ([], 1007)


def test_what_was_broken_is_said() -> None:
    """In words for the client's author."""
    with pytest.raises(FrameFault, match="reserved bits must be 0") as fault:
        list(FrameReader(MAX_BYTES).feed(raw_frame(0xC1, b"{}")))
    assert isinstance(fault.value.fault, ProtocolFault)


@given(st.text(max_size=200))
def test_a_close_frame_holds_what_it_can_of_the_reason(reason: str) -> None:
    """Never more than a control frame may hold, and never half a character."""
    sent = close_frame(4001, reason)
    assert len(sent) <= 2 + 125
    close = Close.parse(sent[2:])
    assert (close.code, reason.startswith(close.reason)) == (4001, True)
    assert close.reason == reason or len(sent) >= 2 + 125 - 3
