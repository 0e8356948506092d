"""Targets: what a door does with bytes, up to the session, without I/O. Each returns, or has found a fault of ours."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any, Final, cast

from parley.v1 import conversation_service_pb2 as wire
from parley.v1 import egress_service_pb2 as egress
from parley.v1 import stream_pb2
from parley.v1 import vad_service_pb2 as vad
from services.common.errors import ParleyError
from services.ingress.admission import checked_open
from services.ingress.audio_header import decode_microphone
from services.ingress.call import Calls
from services.ingress.frame_reader import BINARY, TEXT, FrameFault, FrameReader
from services.ingress.limits import Limits
from services.ingress.locks.grant import BadToken, Grant
from services.ingress.locks.keys import Keys, SigningKey
from services.ingress.locks.knock import bearer, grpc_address, offered
from services.ingress.locks.tokens import sign, verify
from services.ingress.resumption import Token
from services.ingress.server import ConversationServer
from services.ingress.session import Session
from services.ingress.upgrade import Upgrade
from services.ingress.wire_text import decode_text

LIMITS: Final = Limits()
MOST_MESSAGES: Final = 64
_TICK_MS: Final = 20

KEY: Final = SigningKey("fuzz", bytes(range(32)))
KEYS: Final = Keys({KEY.id: KEY})
NOW_S: Final = 1_800_000_000
GRANT: Final = Grant("anna.1", "anna", agents=frozenset({"default"}), issued_s=NOW_S, expires_s=NOW_S + 900, key=KEY)
GOOD: Final = sign(GRANT, KEY)


def websocket(data: bytes) -> None:
    """Take what comes over one connection. The first byte: whether with the upgrade, and in pieces of which size."""
    if not data:
        return
    upgrade, piece_bytes, data = data[0] & 1, (data[0] >> 1) * 8 + 1, data[1:]
    reader, doors = FrameReader(LIMITS.max_message_bytes), Upgrade(lambda _: None) if upgrade else None
    conversation = Conversation()
    try:
        for at in range(0, len(data), piece_bytes):
            piece = data[at : at + piece_bytes]
            if doors is not None:
                if (answer := doors.feed(piece)) is None:
                    continue
                if not answer.is_open:
                    return
                doors, piece = None, answer.rest
            for opcode, payload in reader.feed(piece):
                if opcode == TEXT:
                    conversation.take(decode_text(payload.decode()))
                elif opcode == BINARY:
                    conversation.take(decode_microphone(payload))
    except (FrameFault, ParleyError):
        return


def grpc(data: bytes) -> None:
    """Take messages, each with its length before it in two bytes, as the gRPC door decodes them."""
    server = ConversationServer(cast(Calls, cast(Any, SimpleNamespace(limits=LIMITS))))
    conversation = Conversation()
    try:
        for message in _messages(data):
            conversation.take(server._decode(message))
    except ParleyError:
        return


def token(data: bytes) -> None:
    """Check a token, wherever it came; a resume token; an address. Nobody but us signs one that is good."""
    text = data.decode(errors="replace")
    for shown in (text, bearer(text), offered([text])):
        try:
            granted = verify(shown, KEYS, NOW_S)
        except BadToken:
            continue
        assert granted == GRANT, f"{shown!r} is let in as {granted}"
    grpc_address(text)
    try:
        Token.read(text)
    except ParleyError:
        return


TARGETS: Final[Mapping[str, Callable[[bytes], None]]] = {"websocket": websocket, "grpc": grpc, "token": token}


class Conversation:
    """A session whose ring stands as soon as it is opened, and takes all that the client sends."""

    def __init__(self) -> None:
        self._session: Session | None = None
        self._now_s = time.monotonic()
        self._taken = 0

    def take(self, request: wire.ConverseRequest) -> None:
        """Take a request. Raises ParleyError when a client would be refused."""
        self._taken += 1
        if self._taken > MOST_MESSAGES:
            return
        if self._session is None:
            if request.WhichOneof("message") != "open":
                request = wire.ConverseRequest(open=wire.Open(protocol=1))
            self._session = _stood(Session(checked_open(request.open), LIMITS, lambda: self._now_s))
            return
        self._session.heard()
        self._session.from_client(request)
        self._now_s += _TICK_MS / 1000
        self._session.tick(_TICK_MS)


def _stood(session: Session) -> Session:
    session.dial_vad(stream_pb2.StreamOpen(dial=1))
    session.dial_egress(stream_pb2.StreamOpen(dial=1), 0)
    session.from_vad(vad.ListenResponse(ready=stream_pb2.StreamReady()))
    session.from_egress(egress.AttachResponse(ready=stream_pb2.StreamReady()))
    session.announce(wire.Opened(session="fuzz"))
    return session


def _messages(data: bytes) -> Iterator[bytes]:
    while len(data) >= 2:
        size = int.from_bytes(data[:2], "little")
        yield data[2 : 2 + size]
        data = data[2 + size :]
