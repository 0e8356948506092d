"""Frame reader: WebSocket's framing (RFC 6455, section 5) as a server reads it, without I/O, and frames to send.

Small because much of WebSocket is not needed here: no extensions, no client's side, no sending in fragments.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from services.common.errors import LimitFault, ParleyError, ProtocolFault

try:
    from websockets.speedups import apply_mask
except ImportError:  # a build of the library without its C
    from websockets.utils import apply_mask

CONTINUATION: Final = 0
TEXT: Final = 1
BINARY: Final = 2
CLOSE: Final = 8
PING: Final = 9
PONG: Final = 10

PROTOCOL_ERROR: Final = 1002
INVALID_DATA: Final = 1007
POLICY_VIOLATION: Final = 1008
MESSAGE_TOO_BIG: Final = 1009

MAX_FRAGMENTS: Final = 4096
"""A message in more pieces is refused: each may be empty, so the limit of bytes is none for them."""

_FIN: Final = 0x80
_RESERVED: Final = 0x70
_MASKED: Final = 0x80
_SIZE: Final = 0x7F
_CONTROL: Final = 0x08
_MAX_CONTROL_BYTES: Final = 125
_OPCODES: Final = frozenset((CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG))
_CLOSE_CODES: Final = frozenset((1000, 1001, 1002, 1003, *range(1007, 1015), *range(3000, 5000)))
_SIZE_16: Final = struct.Struct("!H")
_SIZE_64: Final = struct.Struct("!Q")


class FrameFault(Exception):
    """The other end broke the rules of WebSocket, or went beyond ours: the close code for it, and the words."""

    def __init__(self, close_code: int, fault: ParleyError) -> None:
        super().__init__(fault.message)
        self.close_code = close_code
        self.fault = fault


class FrameReader:
    """One connection's. After a FrameFault, and after a close frame, it must not be fed any more."""

    def __init__(self, max_message_bytes: int) -> None:
        self._max_message_bytes = max_message_bytes
        self._unread = b""
        self._fragments: list[bytes] = []
        self._fragment_bytes = 0
        self._fragmented = 0
        """TEXT or BINARY while a message comes in fragments."""

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield opcode and payload of each message (whole: TEXT is UTF-8) and each control frame in what has come.

        Raises:
            FrameFault: as soon as the header shows it; a frame that is too large is not read.
        """
        if self._unread:
            data = self._unread + data
        at = 0
        while (header := self._header(data, at)) is not None:
            start, end = header
            if end > len(data):
                break
            payload = apply_mask(data[start:end], data[start - 4 : start])
            first, at = data[at], end
            opcode = first & 0x0F
            if opcode >= _CONTROL:
                yield opcode, _checked_close(payload) if opcode == CLOSE else payload
            elif first & _FIN and opcode:
                yield opcode, _checked_text(payload) if opcode == TEXT else payload
            elif (message := self._join(first, payload)) is not None:
                yield message
        self._unread = data[at:]

    def _header(self, data: bytes, at: int) -> tuple[int, int] | None:
        """Return where the payload of the frame at `at` starts and ends; None while its header is incomplete."""
        if len(data) < at + 2:
            return None
        first, size = data[at], data[at + 1] & _SIZE
        self._check(first, data[at + 1])
        start = at + 6
        try:
            if size == 126:
                (size,) = _SIZE_16.unpack_from(data, at + 2)
                start += 2
            elif size == 127:
                (size,) = _SIZE_64.unpack_from(data, at + 2)
                start += 8
        except struct.error:
            return None
        if size > self._max_message_bytes - self._fragment_bytes and not first & _CONTROL:
            raise FrameFault(MESSAGE_TOO_BIG, _too_large(self._max_message_bytes))
        return start, start + size

    def _check(self, first: int, second: int) -> None:
        """Raise FrameFault for a frame that may not be, or not now. `first`, `second`: the bytes of its header."""
        opcode = first & 0x0F
        if first & _RESERVED:
            raise _broken("reserved bits must be 0")
        if opcode not in _OPCODES:
            raise _broken(f"there is no opcode {opcode}")
        if not second & _MASKED:
            raise _broken("incorrect masking: a client masks each frame")
        if opcode & _CONTROL:
            if second & _SIZE > _MAX_CONTROL_BYTES or not first & _FIN:
                raise _broken("a control frame was longer than 125 bytes, or in fragments")
            if opcode == CLOSE and self._fragmented:
                raise _broken("a close frame came before the last fragment of a message")
        elif bool(opcode) == bool(self._fragmented):
            raise _broken("a continuation frame came without a beginning, or a new message before the end of the last")

    def _join(self, first: int, payload: bytes) -> tuple[int, bytes] | None:
        """Take a fragment; return the message when it was the last."""
        self._fragmented = self._fragmented or first & 0x0F
        self._fragments.append(payload)
        self._fragment_bytes += len(payload)
        if len(self._fragments) > MAX_FRAGMENTS:
            raise FrameFault(MESSAGE_TOO_BIG, _too_large(self._max_message_bytes))
        if not first & _FIN:
            return None
        opcode, message = self._fragmented, b"".join(self._fragments)
        self._fragmented = self._fragment_bytes = 0
        self._fragments.clear()
        return opcode, _checked_text(message) if opcode == TEXT else message


def frame(opcode: int, payload: bytes) -> bytes:
    """Return a frame as a server sends it: whole, not masked."""
    size = len(payload)
    if size < 126:
        return bytes((_FIN | opcode, size)) + payload
    if size < 1 << 16:
        return bytes((_FIN | opcode, 126)) + _SIZE_16.pack(size) + payload
    return bytes((_FIN | opcode, 127)) + _SIZE_64.pack(size) + payload


def close_frame(code: int, reason: str = "") -> bytes:
    """Return a close frame, with as much of the reason as it holds."""
    text = reason.encode()[: _MAX_CONTROL_BYTES - _SIZE_16.size].decode(errors="ignore")
    return frame(CLOSE, _SIZE_16.pack(code) + text.encode())


def _checked_text(payload: bytes) -> bytes:
    try:
        payload.decode()
    except UnicodeDecodeError as error:
        words = "a text frame was not UTF-8: audio goes in binary frames, everything else as JSON in UTF-8."
        raise FrameFault(INVALID_DATA, ProtocolFault(words)) from error
    return payload


def _checked_close(payload: bytes) -> bytes:
    if len(payload) == 1 or (payload and _SIZE_16.unpack_from(payload)[0] not in _CLOSE_CODES):
        raise _broken("a close frame has a code that may not be sent")
    _checked_text(payload[2:])
    return payload


def _broken(rule: str) -> FrameFault:
    return FrameFault(PROTOCOL_ERROR, ProtocolFault(f"the rules of WebSocket were broken: {rule}."))


def _too_large(max_bytes: int) -> LimitFault:
    return LimitFault(
        f"a message was larger than {max_bytes} bytes, or in too many fragments; send 20 ms of audio in each.",
        limit="message_size",
    )
