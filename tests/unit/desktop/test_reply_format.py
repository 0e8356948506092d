"""How replies come: Opus where a network lies in between, and PCM16 of it for the speaker, sample for sample."""

from __future__ import annotations

import numpy as np
import pytest

from clients.desktop import reply_format
from clients.desktop.connection_failures import Cause, ConnectionFailed
from clients.desktop.failures import UsageError
from clients.desktop.reply_format import OPUS_BUFFER_MS, PCM16_BUFFER_MS, Replies, ask_for
from parley.v1 import audio_pb2
from parley.v1 import conversation_service_pb2 as wire
from services.ingress.opus import OpusEncoder

OPUS = audio_pb2.AudioFormat.ENCODING_OPUS
FRAME = 480


def tone(samples: int) -> bytes:
    """A tone of 300 Hz."""
    return (8_000 * np.sin(np.arange(samples) * 2 * np.pi * 300 / 24_000)).astype("<i2").tobytes()


def opened(encoding: audio_pb2.AudioFormat.Encoding.ValueType) -> wire.Opened:
    """What a server answers."""
    return wire.Opened(output=audio_pb2.AudioFormat(encoding=encoding, rate_hz=24_000))


def piece(reply: int, position: int, coded: bytes) -> wire.ConverseResponse:
    """A piece of a reply."""
    return wire.ConverseResponse(audio=audio_pb2.ReplyAudio(reply=reply, position=position, pcm=coded))


def decoded(replies: Replies, reply: int, packets: list[bytes]) -> bytes:
    """Have a reply decoded."""
    pieces = [replies.decode(piece(reply, at * FRAME, packet)) for at, packet in enumerate(packets)]
    assert [each.audio.position for each in pieces] == [at * FRAME for at in range(len(packets))]
    return b"".join(each.audio.pcm for each in pieces)


@pytest.mark.parametrize(
    ("servers", "is_far"),
    [
        ("127.0.0.1:7700", False),
        ("localhost:7700,[::1]:7700", False),
        ("ws://127.0.0.1:7780", False),
        ("192.168.1.7:7700", True),
        ("grpcs://parley.example:443", True),
        ("wss://parley.example", True),
        ("127.0.0.1:7700, ws://parley.example", True),
    ],
)
def test_opus_is_asked_for_where_a_network_lies_in_between(servers: str, is_far: bool) -> None:
    """And it comes further ahead, for it takes so few bytes. A person's own word counts more."""
    open_ = wire.Open()
    ask_for(open_, "auto", servers)
    assert (open_.output.encoding == OPUS, open_.client_buffer_ms == OPUS_BUFFER_MS) == (is_far, is_far)
    for word, is_opus in (("pcm16", False), ("opus", True)):
        open_ = wire.Open()
        ask_for(open_, word, servers)
        assert (open_.output.encoding == OPUS) == is_opus


def test_without_a_codec_replies_come_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """And whoever asks for Opus all the same is told what to install."""
    monkeypatch.setattr(reply_format, "opus", None)
    open_ = wire.Open()
    ask_for(open_, "auto", "parley.example:443")
    assert not open_.HasField("output")
    assert open_.client_buffer_ms == PCM16_BUFFER_MS
    with pytest.raises(UsageError, match="opuslib-next-bundled"):
        ask_for(open_, "opus", "parley.example:443")
    with pytest.raises(ConnectionFailed, match="nobody here has asked for"):
        Replies(opened(OPUS)).decode(piece(1, 0, b"\xfc"))


def test_a_packet_becomes_as_many_samples_as_it_stands_for() -> None:
    """And what the speaker gets sounds as it should: each reply by a decoder of its own, for so it was encoded."""
    replies = Replies(opened(OPUS))
    for reply in (1, 2):
        encoder = OpusEncoder()
        pcm = tone(FRAME * 10)
        packets = [packet for _, packet in (*encoder.feed(pcm), *encoder.finish())]
        heard = np.frombuffer(decoded(replies, reply, packets), "<i2").astype(float)
        assert len(heard) == FRAME * len(packets)
        said = np.frombuffer(pcm, "<i2").astype(float)
        late = encoder.lookahead_samples
        alike = np.corrcoef(heard[late + FRAME : late + len(said)], said[FRAME:])[0, 1]
        assert alike > 0.99


def test_what_is_not_opus_passes_untouched() -> None:
    """PCM16, and all that is no sound."""
    pcm = tone(FRAME)
    assert Replies(opened(audio_pb2.AudioFormat.ENCODING_PCM16)).decode(piece(1, 0, pcm)).audio.pcm == pcm
    assert Replies(wire.Opened()).decode(piece(1, 0, pcm)).audio.pcm == pcm
    flush = wire.ConverseResponse(flush=wire.Flush(seq=3))
    assert Replies(opened(OPUS)).decode(flush) == flush


@pytest.mark.parametrize("bad", [b"", b"\xff", b"\xfc\xff" * 700])
def test_what_is_no_packet_ends_the_connection_in_words(bad: bytes) -> None:
    """The next server would send the same."""
    with pytest.raises(ConnectionFailed, match="no Opus packet") as failure:
        Replies(opened(OPUS)).decode(piece(1, 0, bad))
    assert failure.value.cause == Cause.UNREADABLE
