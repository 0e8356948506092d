"""The beginning of a WebSocket: HTTP, however it is cut into pieces, and then not a byte of it too many."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from websockets.http11 import Request

from services.ingress.upgrade import Answer, Refusal, Upgrade

REQUEST = (
    b"GET /v1/converse HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: other, parley.v1\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
)
"""A browser's; the key is that of RFC 6455, section 1.3."""


def welcome(_: Request) -> Refusal | None:
    """Let everybody in."""
    return None


def refuse(_: Request) -> Refusal | None:
    """Let nobody in."""
    return HTTPStatus.NOT_FOUND, "Nothing is here.\n"


def answer_to(*pieces: bytes) -> Answer:
    """Return the answer, which comes with the last piece."""
    upgrade = Upgrade(welcome)
    *early, last = [upgrade.feed(piece) for piece in pieces]
    assert not any(early)
    assert last is not None
    return last


@pytest.mark.parametrize("cut", range(1, len(REQUEST)))
def test_a_request_in_two_pieces(cut: int) -> None:
    """Wherever it is cut; what follows it is handed back untouched."""
    answer = answer_to(REQUEST[:cut], REQUEST[cut:] + b"\x81\x80rest")
    assert (answer.is_open, answer.rest) == (True, b"\x81\x80rest")


def test_what_is_agreed_on() -> None:
    """The key of the RFC's own example, our subprotocol, and no extension."""
    answer = answer_to(REQUEST)
    assert answer.head.startswith(b"HTTP/1.1 101 ")
    assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in answer.head
    assert b"Sec-WebSocket-Protocol: parley.v1\r\n" in answer.head
    assert b"Extensions" not in answer.head


@pytest.mark.parametrize(
    ("was", "instead", "status"),
    [
        (b"Upgrade: websocket\r\n", b"", 426),
        (b"Version: 13", b"Version: 12", 400),
        (b"Key: dGhlIHNhbXBsZSBub25jZQ==", b"Key: short", 400),
        (b"Host: x", b"Host: " + b"x" * 9000, 431),
    ],
)
def test_what_is_no_upgrade_is_answered_over_http(was: bytes, instead: bytes, status: int) -> None:
    """With a status, and it does not open."""
    answer = answer_to(REQUEST.replace(was, instead))
    assert answer.head.startswith(b"HTTP/1.1 %d " % status)
    assert not answer.is_open


def test_what_is_no_http_gets_no_answer() -> None:
    """At once, not when patience ends: somebody speaks TLS, or another protocol."""
    assert answer_to(b"\x16\x03\x01\x02\x00\n") == Answer(b"", False, b"")


def test_a_refusal() -> None:
    """In the door's own words."""
    answer = Upgrade(refuse).feed(REQUEST)
    assert answer is not None
    assert answer.head.startswith(b"HTTP/1.1 404 ")
    assert answer.head.endswith(b"\r\n\r\nNothing is here.\n")
    assert not answer.is_open
