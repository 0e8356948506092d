"""The desktop client's whole sound path in real time: a gRPC server, the conversation, a device that keeps time."""

from __future__ import annotations

import asyncio

import numpy as np

from clients.desktop.conversation import Conversation
from clients.desktop.headless import HeadlessDevice
from clients.desktop.reply_format import PCM16_BUFFER_MS
from clients.desktop.sound import MIC_HZ, SPEAKER_HZ
from parley.v1 import audio_pb2
from parley.v1 import conversation_service_pb2 as wire
from tests.fakes import speech

from .test_desktop_client import Call, serving

REPLY_S = 4
LEVEL = 8_000
BEGINS_S = 1.0
LEAD = SPEAKER_HZ // 5
PIECE = SPEAKER_HZ * 80 // 1000


async def paced_reply(call: Call, late_ms: float = 0.0, at_piece: int = 0) -> None:
    """Send a reply of one level as egress does: the lead at once, then pieces in time; one piece may be late."""
    loop, whole = asyncio.get_running_loop(), REPLY_S * SPEAKER_HZ
    begun_s, position, piece = loop.time(), 0, 0
    while position < whole:
        size = min(LEAD if not position else PIECE, whole - position)
        due_s = begun_s + max(0, position + size - LEAD) / SPEAKER_HZ
        if piece and piece == at_piece:
            due_s += late_ms / 1000
        await asyncio.sleep(max(0.0, due_s - loop.time()))
        pcm = np.full(size, LEVEL, "<i2").tobytes()
        await call.send(audio=audio_pb2.ReplyAudio(reply=1, position=position, pcm=pcm))
        position, piece = position + size, piece + 1
    await call.send(reply_ended=audio_pb2.ReplyEnded(reply=1, samples=whole))
    await call.until("playback", lambda request: request.playback.ended)
    await call.close()


async def test_speech_over_a_reply_lowers_it_here_and_it_comes_back() -> None:
    """20 dB within 250 ms of the onset, without a word of the server's; at its full level again a second later."""
    device = HeadlessDevice(latency_ms=40)

    async def script(call: Call) -> None:
        await call.open()
        await paced_reply(call)

    async with serving(script) as (address, server), Conversation(address, device) as conversation:
        device.say(speech.silence(round(BEGINS_S * 1000)) + speech.say("no, wait a moment"))
        async for _ in conversation:
            pass
        quality = conversation.quality
    assert server.calls[0].requests[0].open.client_buffer_ms == PCM16_BUFFER_MS
    assert server.calls[0].requests[0].open.echo == wire.Open.ECHO_HEADPHONES
    heard = device.recording().stereo()
    onset = int(np.argmax(np.abs(heard[:, 0]) > 500))
    assert onset > BEGINS_S * SPEAKER_HZ * 0.9
    lowered = np.flatnonzero((heard[:, 1] > 0) & (np.abs(heard[:, 1] - LEVEL / 10) < 20))
    assert len(lowered)
    assert 0 <= lowered[0] - onset < SPEAKER_HZ // 4
    assert np.max(heard[onset + SPEAKER_HZ * 3 // 2 : onset + SPEAKER_HZ * 2, 1]) == LEVEL
    assert quality.output_latency_ms == 40
    assert quality.trouble == ""
    assert not quality.ducked


async def test_a_reply_with_a_late_piece_is_heard_whole() -> None:
    """Nothing of it is lost. That a piece 150 ms late makes no gap, tests/unit/desktop/test_late_piece.py shows."""
    device = HeadlessDevice()

    async def script(call: Call) -> None:
        await call.open()
        await paced_reply(call, late_ms=150, at_piece=10)

    async with serving(script) as (address, _), Conversation(address, device) as conversation:
        async for _ in conversation:
            pass
    played = device.recording().assistant()
    assert np.count_nonzero(played) == REPLY_S * SPEAKER_HZ
    assert device.mic_offset >= REPLY_S * MIC_HZ
