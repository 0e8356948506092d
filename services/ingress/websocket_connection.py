"""WebSocket connection: one client's, from the request to the last byte: the upgrade, frames, pings, and the close."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Final, cast

from services.common.errors import LimitFault, ParleyError, PeerLost
from services.ingress.frame_reader import (
    BINARY,
    CLOSE,
    PING,
    POLICY_VIOLATION,
    PONG,
    TEXT,
    FrameFault,
    FrameReader,
    close_frame,
    frame,
)
from services.ingress.upgrade import Upgrade

CLOSE_S: Final = 1.0
"""How long the other end has to answer a close frame."""

# As the gRPC door's keepalive: a dead peer is found in 13 s.
_PING_S: Final = 10.0
_PONG_S: Final = 3.0
_NO_PONG: Final = 1011
_MAX_IDLE_PINGS: Final = 100
"""Pings without a message between: a client need not ping at all, and each has to be answered."""
_SLOWEST_BYTES_PER_S: Final = 1 << 13
"""So slow a reader of the web page's files is waited for."""
_TOO_MANY: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
)
_SEND_BUFFER_BYTES: Final = 1 << 16
"""About a second of PCM16 at 24 kHz."""
_HIGH_WATER_BYTES: Final = 1 << 15


class WebSocketConnection(asyncio.Protocol):
    """Calls `opened` once it is a WebSocket, then `take` with each message, and `over` once when there are no more.

    Whoever takes them ends it with `close`, whatever has happened. A client that broke the rules is not read any more,
    but can still be sent to: it shall hear why.
    """

    def __init__(
        self,
        upgrade: Upgrade,
        reader: FrameReader,
        opened: Callable[[WebSocketConnection], None],
        handshake_s: float,
        arrived: Callable[[WebSocketConnection], bool] | None = None,
    ) -> None:
        """`arrived` says whether it may stay, before anything is read of it."""
        self.take: Callable[[str | bytes], None] = _nobody
        self.over: Callable[[ParleyError | None], None] = _nobody
        """Told the fault, or PeerLost; None when the client closed."""
        self.gone: Callable[[], None] = lambda: None
        """Called once the connection is no more."""
        self._arrived = arrived
        self._upgrade: Upgrade | None = upgrade
        self._reader: FrameReader | None = reader
        self._opened = opened
        self._handshake_s = handshake_s
        self._loop = asyncio.get_running_loop()
        self._fault_code = 0
        self._has_said_close = False
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._lost = asyncio.Event()
        self._idle_pings = 0
        self._pings = 0
        self._transport: asyncio.Transport
        self._timer: asyncio.TimerHandle
        """What happens next if nothing else does: the handshake's end, a ping, a missing pong, the end of patience."""

    @property
    def address(self) -> str:
        """The IP address from which it comes; "" if that is unknown."""
        peer = self._transport.get_extra_info("peername")
        return str(peer[0]) if isinstance(peer, tuple) and peer else ""

    async def send(self, opcode: int, payload: bytes) -> None:
        """Send a message, and wait while the client reads too slowly. Raises PeerLost."""
        if self._has_said_close or self._transport.is_closing():
            raise PeerLost("client", "it takes no more messages")
        self._transport.write(frame(opcode, payload))
        if not self._may_write.is_set():
            await self._may_write.wait()
            if self._lost.is_set():
                raise PeerLost("client", "it takes no more messages")

    async def close(self, code: int, reason: str) -> None:
        """Say goodbye and wait for the other end's; one that does not answer, or does not read, is cut off.

        Where the client broke the rules of WebSocket, their own code is said instead of `code`.
        """
        if not self._lost.is_set():
            self.may_send(True)
            self._say_close(close_frame(self._fault_code or code, reason))
            if self._reader is None:
                self._finish()
            await self._lost.wait()

    def cut_off(self) -> None:
        """End the connection without another word."""
        if not self._lost.is_set():  # a transport that is closed already does not always bear it
            self._transport.abort()

    def may_send(self, may: bool) -> None:
        """Let the client send, or hold it back."""
        if self._transport.is_closing():
            return
        if may:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    # From the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; with a small buffer, so that a client who does not read shows soon."""
        self._transport = cast(asyncio.Transport, transport)
        if (wire_socket := transport.get_extra_info("socket")) is not None:
            wire_socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        self._transport.set_write_buffer_limits(high=_HIGH_WATER_BYTES)
        self._timer = self._loop.call_later(self._handshake_s, self.cut_off)
        if self._arrived is not None and not self._arrived(self):
            self._upgrade = self._reader = None
            self._transport.write(_TOO_MANY)
            self._finish()

    def data_received(self, data: bytes) -> None:
        """Take bytes. What comes after the last frame of interest is dropped."""
        if self._upgrade is not None:
            data = self._shake_hands(self._upgrade, data)
        if self._reader is None or not data:
            return
        try:
            for opcode, payload in self._reader.feed(data):
                self._receive(opcode, payload)
                if self._reader is None:
                    return
        except FrameFault as fault:
            self._fault_code = fault.close_code
            self._stop_reading(fault.fault)
            if self._has_said_close:
                self._finish()

    def pause_writing(self) -> None:
        """Hold `send` back."""
        self._may_write.clear()

    def resume_writing(self) -> None:
        """Let `send` go on."""
        self._may_write.set()

    def connection_lost(self, _: Exception | None) -> None:
        """Let go."""
        self._timer.cancel()
        self.gone()
        self._lost.set()
        self._may_write.set()
        self._stop_reading(PeerLost("client", "its connection broke"))

    # What comes.

    def _shake_hands(self, upgrade: Upgrade, data: bytes) -> bytes:
        """Feed the upgrade; return what has come of frames."""
        if (answer := upgrade.feed(data)) is None:
            return b""
        self._upgrade = None
        self._transport.write(answer.head)
        if not answer.is_open:
            self._reader = None
            self._finish(CLOSE_S + len(answer.head) / _SLOWEST_BYTES_PER_S)
            return b""
        self._wait(_PING_S, self._ping)
        self._opened(self)
        return answer.rest

    def _receive(self, opcode: int, payload: bytes) -> None:
        self._idle_pings = self._idle_pings + 1 if opcode == PING else 0
        if opcode == BINARY:
            self.take(payload)
        elif opcode == TEXT:
            self.take(payload.decode())
        elif opcode == PING:
            self._answer_ping(payload)
        elif opcode == PONG:
            if payload == self._ping_payload() and not self._has_said_close:
                self._wait(_PING_S, self._ping)
        elif opcode == CLOSE:
            self._stop_reading(None)
            self._say_close(frame(CLOSE, payload))
            self._finish()

    def _answer_ping(self, payload: bytes) -> None:
        if self._idle_pings > _MAX_IDLE_PINGS:
            words = f"more than {_MAX_IDLE_PINGS} pings came without a message between; send a heartbeat each second."
            raise FrameFault(POLICY_VIOLATION, LimitFault(words, limit="pings"))
        if self._may_write.is_set() and not self._has_said_close:
            self._transport.write(frame(PONG, payload))

    def _stop_reading(self, why: ParleyError | None) -> None:
        if self._reader is not None:
            self._reader = None
            self.over(why)

    # Signs of life.

    def _ping(self) -> None:
        self._pings += 1
        self._transport.write(frame(PING, self._ping_payload()))
        self._wait(_PONG_S, self._miss_pong)

    def _ping_payload(self) -> bytes:
        return self._pings.to_bytes(4, "big")

    def _miss_pong(self) -> None:
        self._stop_reading(PeerLost("client", "it answered no ping"))
        self._say_close(close_frame(_NO_PONG, "a ping was not answered"))
        self._finish()

    # The end.

    def _say_close(self, last: bytes) -> None:
        if not self._has_said_close:
            self._has_said_close = True
            self._transport.write(last)
            self._wait(CLOSE_S, self.cut_off)

    def _finish(self, patience_s: float = CLOSE_S) -> None:
        """Say that nothing more comes, and leave it to the other end to close: so it gets to read everything."""
        self._wait(patience_s, self.cut_off)
        if self._transport.can_write_eof() and not self._transport.is_closing():
            self._transport.write_eof()

    def _wait(self, delay_s: float, then: Callable[[], None]) -> None:
        self._timer.cancel()
        self._timer = self._loop.call_later(delay_s, then)


def _nobody(_: object) -> None:
    """Stand in until somebody listens."""
