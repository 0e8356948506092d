"""Formats: G.711 both ways, held to the reference values and to what a stream must not lose."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from services.engine.protocol.formats import Decoder, Encoder
from services.engine.protocol.g711 import A_LAW, MU_LAW, Law
from tests.unit.engine.protocol.client import Client, kinds, silence

TONE = (np.sin(np.arange(24_000) * 2 * np.pi * 440 / 24_000) * 12_000).astype("<i2")


@pytest.mark.parametrize(
    ("law", "pairs"),
    [
        # The ends of both laws and some of the steps between, from the tables of ITU-T G.711.
        (MU_LAW, {0xFF: 0, 0x7F: 0, 0x80: 32124, 0x00: -32124, 0xEF: 132, 0xF0: 120, 0xBF: 1980}),
        (A_LAW, {0xD5: 8, 0x55: -8, 0xAA: 32256, 0x2A: -32256, 0xC5: 264, 0xF5: 528}),
    ],
)
def test_the_laws(law: Law, pairs: dict[int, int]) -> None:
    """Bytes stand for the samples of the recommendation, and each sample becomes the byte that is nearest."""
    samples = np.frombuffer(law.decode(bytes(range(256))), "<i2")
    assert {byte: int(samples[byte]) for byte in pairs} == pairs
    again = law.decode(law.encode(samples.tobytes()))
    assert again == samples.tobytes()
    every = np.arange(-32_768, 32_768).astype("<i2")
    off = np.abs(np.frombuffer(law.decode(law.encode(every.tobytes())), "<i2").astype(int) - every)
    nearest = np.abs(samples.astype(int)[:, None] - every[None, ::97]).min(axis=0)
    assert (off[::97] == nearest).all()


def test_silence_is_silent() -> None:
    """A telephone hears nothing where nothing is said."""
    assert MU_LAW.encode(bytes(20)) == b"\xff" * 10


@pytest.mark.parametrize("kind", ["audio/pcmu", "audio/pcma"])
def test_a_stream_keeps_its_length(kind: str) -> None:
    """In whatever pieces it comes, nothing is lost and nothing added, and it sounds the same."""
    encoder, decoder = Encoder({"type": kind}), Decoder({"type": kind})
    code = b"".join(encoder.feed(TONE[start : start + 731].tobytes()) for start in range(0, len(TONE), 731))
    code += encoder.finish()
    assert len(code) == 8_000
    pcm = b"".join(decoder.feed(code[start : start + 113]) for start in range(0, 8_000, 113)) + decoder.finish()
    heard = np.frombuffer(pcm, "<i2").astype(float)
    assert len(heard) == 24_000
    error = heard - TONE
    assert np.sqrt(np.mean(error**2)) < 0.02 * np.sqrt(np.mean(TONE.astype(float) ** 2)) * 2


@pytest.mark.parametrize("kind", ["audio/pcmu", "audio/pcma"])
def test_a_telephone_converses(kind: str) -> None:
    """With G.711 both ways a turn of 100 ms is long enough, and a reply is as long as it is in PCM."""
    client = Client(session={"type": "realtime"})
    audio = {"input": {"format": {"type": kind}, "turn_detection": None}, "output": {"format": {"type": kind}}}
    client.update(type="realtime", audio=audio)
    client.send("input_audio_buffer.append", audio=base64.b64encode(bytes(400)).decode())
    assert "50.00ms" in client.error("input_audio_buffer.commit")["message"]
    client.send("input_audio_buffer.append", audio=base64.b64encode(bytes(400)).decode())
    events = client.send("input_audio_buffer.commit")
    assert kinds(events)[0] == "input_audio_buffer.committed"
    (user,) = client.core.conversation
    assert user.parts[0].duration_ms == 100
    response_id = client.respond()
    events = client.speak(response_id, ("one", 0.3), (" two", 0.3)) + client.finish(response_id)
    deltas = [event["delta"] for event in events if event["type"] == "response.output_audio.delta"]
    assert sum(len(base64.b64decode(delta)) for delta in deltas) == 4_800
    item_id = events[-1]["response"]["output"][0]["id"]
    (retrieved,) = client.send("conversation.item.retrieve", item_id=item_id)
    assert len(base64.b64decode(retrieved["item"]["content"][0]["audio"])) == 4_800


def test_the_format_may_change_between_turns() -> None:
    """What was appended in one format is kept when the next begins."""
    client = Client(session={"type": "realtime", "audio": {"input": {"turn_detection": None}}})
    client.append(silence(60))
    client.update(type="realtime", audio={"input": {"format": {"type": "audio/pcma"}}})
    client.send("input_audio_buffer.append", audio=base64.b64encode(bytes(800)).decode())
    client.update(type="realtime", audio={"input": {"format": {"type": "audio/pcm", "rate": 24000}}})
    while client.core.is_behind:
        client.take(client.core.catch_up())
    client.append(silence(40))
    client.send("input_audio_buffer.commit")
    (item,) = client.core.conversation
    assert item.parts[0].duration_ms == 200
