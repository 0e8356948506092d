"""What the client reads off a WebSocket: Parley's frames, nothing else, and a later server's without a stumble."""

from __future__ import annotations

import struct

import pytest

from clients.desktop.connection_failures import Cause, ConnectionFailed
from clients.desktop.websocket_frames import decode


def test_reply_audio_is_read() -> None:
    """Sixteen bytes of header, then the samples."""
    audio = decode(struct.pack("<BBHIQ", 2, 0, 0, 7, 4800) + b"abcd").audio
    assert (audio.reply, audio.position, audio.pcm) == (7, 4800, b"abcd")


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (b"", "of 0 bytes"),
        (b"\x02" + bytes(14), "of 15 bytes, less than its header"),
        (b"\x01" + bytes(15), "begins with 01 00 00 00"),
        (b"\x02\x01" + bytes(14), "begins with 02 01 00 00"),
        (b"\x02\x00\x00\x80" + bytes(12), "begins with 02 00 00 80"),
        ("nonsense", "no message of Parley"),
        ('{"say":' * 5000, "no message of Parley"),
        ("null", "no message of Parley"),
        ('{"flush":{"seq":-1}}', "no message of Parley"),
    ],
)
def test_what_is_no_message_is_a_failure(frame: str | bytes, why: str) -> None:
    """Never played as if it were sound, and told in words."""
    with pytest.raises(ConnectionFailed, match=why) as failed:
        decode(frame)
    assert failed.value.cause == Cause.UNREADABLE


@pytest.mark.parametrize(
    "text",
    [
        '{"hologram":{"depth":3}}',
        '{"state":{"state":"CONVERSATION_STATE_DREAMING","mood":"odd"}}',
        '{"notice":{"code":"CODE_MOON_TOO_LOUD","message":"wait until it has set.","until":"6:12"}}',
    ],
)
def test_what_a_later_server_adds_is_passed_over(text: str) -> None:
    """Unknown messages, fields and values don't end the conversation."""
    assert decode(text).WhichOneof("message") in (None, "state", "notice")
