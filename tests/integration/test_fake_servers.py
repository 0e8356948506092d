"""The ears of the fake Realtime server, and the other servers that it plays, held to the official client."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest
from openai import AsyncOpenAI

from tests.fakes.position_code import RATE_HZ, track_pcm
from tests.fakes.realtime import (
    AZURE,
    BETA,
    HUGGING_FACE,
    LOCALAI,
    SPARSE,
    TALKATIVE,
    Call,
    FakeRealtime,
    Reply,
)
from tests.integration.test_fake_realtime import audio_of, client, done_of, read_error, read_until, say

VAD: Any = {"type": "server_vad", "create_response": False, "interrupt_response": False}
VAD |= {"threshold": 0.6, "prefix_padding_ms": 300, "silence_duration_ms": 500}
VOICE = (4000 * np.sin(np.arange(RATE_HZ) / 9)).astype("<i2").tobytes()
SILENCE = bytes(RATE_HZ * 2)

DELTA = "conversation.item.input_audio_transcription.delta"


def encoded(pcm: bytes) -> str:
    """As events carry it."""
    return base64.b64encode(pcm).decode()


async def listen(connection: Any, pcm: bytes) -> None:
    """Append audio as it would come, in pieces of 100 ms."""
    for start in range(0, len(pcm), 4800):
        await connection.input_audio_buffer.append(audio=encoded(pcm[start : start + 4800]))


async def test_with_server_vad_the_server_says_where_speech_is_and_commits_it() -> None:
    """On the clock of the appended audio, under one item id, and with no response of its own."""
    async with FakeRealtime() as fake, client(fake) as connection:
        await connection.session.update(session={"type": "realtime", "audio": {"input": {"turn_detection": VAD}}})
        await listen(connection, SILENCE + VOICE + SILENCE)
        last = "conversation.item.input_audio_transcription.completed"
        events = {event.type: event for event in await read_until(connection, last)}
        started, stopped = events["input_audio_buffer.speech_started"], events["input_audio_buffer.speech_stopped"]
        assert started.type == "input_audio_buffer.speech_started"
        assert stopped.type == "input_audio_buffer.speech_stopped"
        assert (started.audio_start_ms, stopped.audio_end_ms) == (700, 2500)
        committed = events["input_audio_buffer.committed"]
        assert committed.type == "input_audio_buffer.committed"
        assert started.item_id == stopped.item_id == committed.item_id
        (turn,) = fake.connections[0].commits
        assert len(turn.audio) == 1800 * 48
        assert fake.responses == []
        await connection.input_audio_buffer.clear()
        await connection.input_audio_buffer.commit(event_id="e1")
        assert await read_error(connection) == ("input_audio_buffer_commit_empty", "e1")


async def test_server_vad_by_default_answers_and_interrupts() -> None:
    """A response of the server's own, and its cancel by the next speech: `turn_detected`."""
    turns: Any = VAD | {"create_response": True, "interrupt_response": True}
    async with FakeRealtime([Reply(seconds=30)]) as fake, client(fake) as connection:
        await connection.session.update(session={"type": "realtime", "audio": {"input": {"turn_detection": turns}}})
        await listen(connection, VOICE + SILENCE)
        await fake.until(lambda: fake.responses and fake.response(1).first_audio_s)
        await listen(connection, VOICE)
        details = done_of(await read_until(connection, "response.done")).status_details
        assert details is not None
        assert details.reason == "turn_detected"


async def test_semantic_vad_hears_nothing_where_it_is_dead() -> None:
    """It is taken and echoed, and that is all."""
    turns: Any = {"type": "semantic_vad", "create_response": False, "interrupt_response": False}
    async with FakeRealtime(face=AZURE) as fake, client(fake) as connection:
        await connection.session.update(session={"type": "realtime", "audio": {"input": {"turn_detection": turns}}})
        await listen(connection, VOICE + SILENCE)
        await connection.input_audio_buffer.clear()
        kinds = [event.type for event in await read_until(connection, "input_audio_buffer.cleared")]
        assert kinds == ["session.updated", "input_audio_buffer.cleared"]


async def test_a_transcription_session_writes_while_it_hears() -> None:
    """Words of the item to come, before its commit; then all of them, and never a response."""
    session: Any = {"type": "transcription", "audio": {"input": {"transcription": {"model": "gpt-realtime-whisper"}}}}
    session["audio"]["input"]["turn_detection"] = None
    async with (
        FakeRealtime(transcripts=["one two three four five"]) as fake,
        AsyncOpenAI(api_key="k", base_url=fake.base_url) as openai,
        openai.realtime.connect(extra_query={"intent": "transcription"}) as connection,
    ):
        created = await connection.recv()
        assert created.type == "session.created"
        assert created.session.type == "transcription"
        await connection.session.update(session=session)
        await listen(connection, VOICE)
        await fake.until(lambda: len(fake.connections[0].sent_of(DELTA)) == 3)
        await connection.input_audio_buffer.commit()
        completed = (await read_until(connection, "conversation.item.input_audio_transcription.completed"))[-1]
        assert completed.type == "conversation.item.input_audio_transcription.completed"
        assert completed.transcript == "one two three four five"
        ids = {event.event["item_id"] for event in fake.connections[0].sent_of(DELTA)}
        assert ids == {completed.item_id}
        await connection.response.create(event_id="e1")
        assert await read_error(connection) == ("invalid_value", "e1")
        assert fake.violations == []


async def test_a_text_response_out_of_band() -> None:
    """A summary: text, no audio, and the conversation doesn't know of it."""
    async with FakeRealtime([Reply(text="they spoke of noon")]) as fake, client(fake) as connection:
        await connection.response.create(response={"conversation": "none", "output_modalities": ["text"], "input": []})
        (item,) = done_of(await read_until(connection, "response.done")).output or []
        assert item.type == "message"
        assert item.content[0].text == "they spoke of noon"
        assert fake.memory() == []


@pytest.mark.parametrize("face", [SPARSE, TALKATIVE, HUGGING_FACE])
async def test_other_servers_are_played_within_the_official_types(face: Any) -> None:
    """What they leave out, add and name otherwise; the audio is the same."""
    async with (
        FakeRealtime([Reply(seconds=0.5, speed=50)], face=face) as fake,
        AsyncOpenAI(api_key="k", base_url=fake.base_url) as openai,
        openai.realtime.connect(model="m") as connection,
    ):
        await connection.session.update(session={"type": "realtime", "audio": {"input": {"turn_detection": None}}})
        await say(connection)
        events = await read_until(connection, "response.done")
        assert audio_of(events) == track_pcm(1, RATE_HZ // 2)
        kinds = {str(event.type) for event in events}
        assert not kinds & face.omits
        assert {f"conversation.item.{name}" for name in face.acknowledges} <= kinds
        assert fake.violations == []


async def test_a_commit_starts_the_response_at_localai() -> None:
    """And a request of one's own is one too many."""
    async with FakeRealtime([Reply(seconds=1.0)], face=LOCALAI) as fake, client(fake) as connection:
        await say(connection)
        assert (await read_error(connection))[0] == "conversation_already_has_active_response"
        assert done_of(await read_until(connection, "response.done")).metadata is None
        assert len(fake.responses) == 1


async def test_the_beta_protocol_is_spoken_to_who_asks_for_it() -> None:
    """A whole turn of the official client's beta side, with its flat session and old names."""
    call = Call("clock", "{}")
    async with (
        FakeRealtime([Reply(seconds=0.5, speed=50, calls=[call])], face=BETA) as fake,
        AsyncOpenAI(api_key="k", websocket_base_url=fake.url.removesuffix("/realtime")) as openai,
        openai.beta.realtime.connect(model="m") as connection,
    ):
        assert (await connection.recv()).type == "session.created"
        nothing: Any = None
        await connection.session.update(session={"turn_detection": nothing, "voice": "alloy", "modalities": ["audio"]})
        await connection.input_audio_buffer.append(audio=encoded(VOICE))
        await connection.input_audio_buffer.commit()
        await connection.response.create()
        events = [event async for event in _beta_until(connection, "response.done")]
        pcm = b"".join(base64.b64decode(event.delta) for event in events if event.type == "response.audio.delta")
        assert pcm == track_pcm(1, RATE_HZ // 2)
        kinds = {event.type for event in events}
        assert {"conversation.item.created", "response.audio_transcript.delta"} <= kinds
        assert not [kind for kind in kinds if "output_audio" in kind or kind == "conversation.item.added"]
        assert fake.connections[0].session["audio"]["input"]["turn_detection"] is None
        assert fake.violations == []


async def _beta_until(connection: Any, kind: str) -> Any:
    async for event in connection:
        yield event
        if event.type == kind:
            return
