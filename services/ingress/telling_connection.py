"""Telling connection: a WebSocket that says in plain words why it fails before it closes, and always closes in time."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, Final

from websockets.asyncio.server import ServerConnection
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import State

from parley.v1 import conversation_service_pb2 as wire
from services.common.errors import LimitFault, ParleyError, ProtocolFault
from services.ingress.wire_text import encode_text

CLOSE_S: Final = 1.0
"""How long the other end has to answer a close frame."""

_MAX_IDLE_PINGS: Final = 100
"""Pings without a message between: a client need not ping at all, and each has to be answered."""


_SLICE_BYTES: Final = 1 << 14
_SEND_BUFFER_BYTES: Final = 1 << 16
"""About a second of PCM16 at 24 kHz."""


class TellingConnection(ServerConnection):
    """The library answers a message that breaks WebSocket's own rules (too large, no UTF-8) with a bare close frame.

    This sends Error and Closed before it, and keeps the fault for the door.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fault: ParleyError | None = None
        """What the client did wrong, if the library has found anything."""
        self._idle_pings = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; with a small buffer, so that a client who does not read shows soon."""
        if (wire_socket := transport.get_extra_info("socket")) is not None:
            wire_socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Take bytes, a slice at a time, so that a flood of tiny frames is found before all of it is parsed."""
        for start in range(0, len(data), _SLICE_BYTES):
            super().data_received(data[start : start + _SLICE_BYTES])

    def send_data(self) -> None:
        """Send what waits; before a close frame by which the library fails the connection, the words."""
        if self.fault is None and (close := self.protocol.close_sent) is not None:
            self.fault = self._fault_of(close.code, close.reason)
            if self.fault is not None:
                self._tell(self.fault)
                # The other end may be somebody who neither reads nor closes.
                asyncio.get_running_loop().call_later(CLOSE_S, self.cut_off)
        super().send_data()

    def process_event(self, event: Any) -> None:
        """Take a frame; refuse one who only pings."""
        self._idle_pings = self._idle_pings + 1 if getattr(event, "opcode", None) is Opcode.PING else 0
        if self._idle_pings > _MAX_IDLE_PINGS and self.fault is None:
            self.protocol.fail(CloseCode.POLICY_VIOLATION, "pings")
            self.send_data()
        super().process_event(event)

    async def close_soon(self, code: int, reason: str) -> None:
        """Say goodbye and wait for the other end's; one that does not answer, or does not read, is cut off."""
        try:
            async with asyncio.timeout(CLOSE_S):
                await self.close(code, reason)
        except TimeoutError:
            self.cut_off()
        await self.wait_closed()

    def cut_off(self) -> None:
        """End the connection without another word."""
        if self.state is not State.CLOSED:  # a transport that is closed already does not always bear it
            self.transport.abort()

    def _tell(self, fault: ParleyError) -> None:
        closed = wire.Closed(reason=fault.message)
        for response in (wire.ConverseResponse(error=fault.to_wire()), wire.ConverseResponse(closed=closed)):
            self.transport.write(Frame(Opcode.TEXT, encode_text(response).encode()).serialize(mask=False))

    def _fault_of(self, code: int, reason: str) -> ParleyError | None:
        """Return what a client did for the library to close with this code; None for a close of our own."""
        match code:
            case CloseCode.MESSAGE_TOO_BIG:
                return LimitFault(
                    f"a message was larger than {self.protocol.max_message_size} bytes, or in too many fragments; "
                    "send 20 ms of audio in each.",
                    limit="message_size",
                )
            case CloseCode.INVALID_DATA:
                return ProtocolFault(
                    "a text frame was not UTF-8: audio goes in binary frames, everything else as JSON in UTF-8."
                )
            case CloseCode.PROTOCOL_ERROR:
                return ProtocolFault(f"the rules of WebSocket were broken: {reason}.")
            case CloseCode.POLICY_VIOLATION:
                return LimitFault(
                    f"more than {_MAX_IDLE_PINGS} pings came without a message between; send a heartbeat each second.",
                    limit="pings",
                )
            case _:
                return None
