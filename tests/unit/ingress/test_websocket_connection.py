"""A WebSocket connection over a wire of lists: who is slow, who is silent, who breaks off, and who says goodbye."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from websockets.frames import Close, Frame, Opcode

from services.common.errors import LimitFault, ParleyError, PeerLost
from services.ingress import websocket_connection
from services.ingress.frame_reader import BINARY, FrameReader, frame
from services.ingress.upgrade import Upgrade
from services.ingress.websocket_connection import WebSocketConnection
from tests.unit.ingress.test_upgrade import REQUEST, refuse, welcome


class Wire:
    """Stands in for a transport."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.may_send = True
        self.has_said_eof = False
        self.connection: WebSocketConnection | None = None

    def write(self, data: bytes) -> None:
        """Keep what is sent."""
        assert not self.has_said_eof
        self.sent.append(data)

    def write_eof(self) -> None:
        """Take it that no more is sent."""
        self.has_said_eof = True

    def abort(self) -> None:
        """Be cut."""
        if self.connection is not None:
            connection, self.connection = self.connection, None
            connection.connection_lost(None)

    def is_closing(self) -> bool:
        """Say whether it is over."""
        return self.connection is None

    def pause_reading(self) -> None:
        """Hold the client back."""
        self.may_send = False

    def resume_reading(self) -> None:
        """Let it go on."""
        self.may_send = True

    def can_write_eof(self) -> bool:
        """As TCP can."""
        return True

    def get_extra_info(self, _: str) -> None:
        """There is no socket."""

    def set_write_buffer_limits(self, high: int) -> None:
        """Nothing is buffered."""


class Client:
    """A client, and what its server hears of it."""

    def __init__(self) -> None:
        self.wire = Wire()
        self.heard: list[str | bytes] = []
        self.over: list[ParleyError | None] = []
        self.connection = WebSocketConnection(Upgrade(welcome), FrameReader(1000), self._opened, 5.0)
        self.wire.connection = self.connection
        self.connection.connection_made(cast(asyncio.Transport, cast(Any, self.wire)))

    def _opened(self, connection: WebSocketConnection) -> None:
        connection.take, connection.over = self.heard.append, self.over.append

    def opens(self) -> None:
        """Shake hands."""
        self.connection.data_received(REQUEST)
        assert self.wire.sent.pop().startswith(b"HTTP/1.1 101 ")

    def sends(self, *frames: tuple[Opcode, bytes]) -> None:
        """Send frames in one piece."""
        stream = b"".join(Frame(opcode, payload).serialize(mask=True) for opcode, payload in frames)
        self.connection.data_received(stream)

    @property
    def close_codes(self) -> list[int]:
        """The codes of the close frames that it was sent."""
        return [Close.parse(data[2:]).code for data in self.wire.sent if data[0] == 0x88]


@pytest.fixture
async def client() -> Client:
    """One who is connected."""
    client = Client()
    client.opens()
    return client


async def test_messages_arrive_where_they_are_taken(client: Client) -> None:
    """Text as text, the rest as bytes, and those that came with the handshake too."""
    client.sends((Opcode.TEXT, b"{}"), (Opcode.BINARY, b"\0"))
    early = Client()
    early.connection.data_received(REQUEST + Frame(Opcode.TEXT, b"early").serialize(mask=True))
    assert (client.heard, early.heard) == (["{}", b"\0"], ["early"])


async def test_who_reads_too_slowly_holds_the_writer_back(client: Client) -> None:
    """What was begun is sent; the writer goes on when there is room again, and is told when there never will be."""
    client.connection.pause_writing()
    writing = asyncio.create_task(client.connection.send(BINARY, b"1"))
    await asyncio.sleep(0)
    assert not writing.done()
    client.connection.resume_writing()
    await writing
    client.connection.pause_writing()
    writing = asyncio.create_task(client.connection.send(BINARY, b"2"))
    await asyncio.sleep(0)
    client.wire.abort()
    with pytest.raises(PeerLost):
        await writing
    assert client.wire.sent == [frame(BINARY, b"1"), frame(BINARY, b"2")]


async def test_pings_of_who_does_not_read_are_not_kept(client: Client) -> None:
    """Each is answered, but not into a buffer that only grows."""
    client.sends((Opcode.PING, b"a"))
    client.connection.pause_writing()
    client.sends((Opcode.PING, b"b"))
    assert client.wire.sent == [Frame(Opcode.PONG, b"a").serialize(mask=False)]


async def test_who_only_pings_is_refused(client: Client) -> None:
    """A message between makes it good."""
    client.sends(*[(Opcode.PING, b"")] * 100, (Opcode.TEXT, b"{}"), *[(Opcode.PING, b"")] * 100)
    assert client.over == []
    client.sends((Opcode.PING, b""))
    (fault,) = client.over
    assert isinstance(fault, LimitFault)
    assert fault.limit == "pings"


async def test_the_clients_goodbye_is_answered(client: Client) -> None:
    """With its own code; what it sends after that is of no interest, and nothing can be sent to it."""
    client.sends((Opcode.CLOSE, Close(3210, "bye").serialize()), (Opcode.TEXT, b"{}"))
    client.sends((Opcode.TEXT, b"{}"))
    assert (client.over, client.heard, client.close_codes) == ([None], [], [3210])
    assert client.wire.has_said_eof
    with pytest.raises(PeerLost):
        await client.connection.send(BINARY, b"")


async def test_our_goodbye_waits_for_the_clients(client: Client) -> None:
    """And lets it send again, if it was held back: else it could not say it."""
    client.connection.may_send(False)
    closing = asyncio.create_task(client.connection.close(1000, ""))
    await asyncio.sleep(0)
    assert (client.close_codes, client.wire.may_send, client.wire.has_said_eof) == ([1000], True, False)
    client.sends((Opcode.CLOSE, Close(1000, "").serialize()))
    assert client.wire.has_said_eof
    client.wire.abort()
    await closing
    assert client.close_codes == [1000], "once"


async def test_who_broke_the_rules_hears_why_and_then_their_code(client: Client) -> None:
    """It is read no more, but still sent to, until somebody closes: by the code of what it did."""
    client.connection.data_received(b"\x81\x02{}")
    client.sends((Opcode.TEXT, b"{}"))
    assert (len(client.over), client.heard, client.close_codes) == (1, [], [])
    await client.connection.send(BINARY, b"why")
    closing = asyncio.create_task(client.connection.close(4001, "why"))
    await asyncio.sleep(0)
    assert (client.close_codes, client.wire.has_said_eof) == ([1002], True)
    client.wire.abort()
    await closing


async def test_who_does_not_answer_is_cut_off(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for ever for a goodbye, nor for a handshake that was refused."""
    monkeypatch.setattr(websocket_connection, "CLOSE_S", 0.01)
    await client.connection.close(1000, "")
    refused = Client()
    refused.connection = WebSocketConnection(Upgrade(refuse), FrameReader(1000), refused._opened, 5.0)
    refused.wire.connection = refused.connection
    refused.connection.connection_made(cast(asyncio.Transport, cast(Any, refused.wire)))
    refused.connection.data_received(REQUEST)
    assert refused.wire.has_said_eof
    while refused.wire.connection is not None:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    assert client.wire.is_closing()


async def test_a_missing_pong_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that comes in time is followed by the next ping; another's pong is none."""
    monkeypatch.setattr(websocket_connection, "_PING_S", 0.01)
    monkeypatch.setattr(websocket_connection, "_PONG_S", 0.05)
    client = Client()
    client.opens()
    while not client.wire.sent:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    client.sends((Opcode.PONG, client.wire.sent[0][2:]))
    while not client.over:
        await asyncio.sleep(0.001)
        client.sends((Opcode.PONG, b"guess"))
    assert [data[0] for data in client.wire.sent] == [0x89, 0x89, 0x88]
    assert client.close_codes == [1011]
    assert isinstance(client.over[0], PeerLost)


async def test_who_breaks_off_is_told_of_once(client: Client) -> None:
    """As lost; and there is nobody left to say goodbye to."""
    client.wire.abort()
    (lost,) = client.over
    assert isinstance(lost, PeerLost)
    await client.connection.close(1000, "")
    assert client.wire.sent == []
