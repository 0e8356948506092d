"""Turns with the official `openai` SDK: typed and spoken, ended by the client or by the engine."""

from __future__ import annotations

from typing import Any

from tests.conformance.clients.peer import Peer, peer, realtime
from tests.conformance.clients.stage import Facts, Microphone, Stage, seconds, silence

QUESTION = "what is two plus three"
_PAUSE_S = 5.0
"""Longer than any way of ending a turn waits."""


def _reply(talker: Peer, done: Any) -> Facts:
    """What there is to say about a response."""
    return {
        "faults": talker.faults,
        "types": talker.types(),
        "status": done.response.status,
        "details": done.response.status_details.to_dict() if done.response.status_details else None,
        "transcript": talker.spoken(),
        "output": [item.to_dict() for item in done.response.output],
        "audio_s": seconds(talker.audio(done.response.id)),
        "usage": done.response.usage.to_dict() if done.response.usage else None,
    }


async def typed(stage: Stage) -> Facts:
    """A typed question, answered in writing."""
    async with peer(stage, realtime(output_modalities=["text"])) as talker:
        await talker.ask(QUESTION)
        done = await talker.until("response.done")
        written = "".join(delta.delta for delta in talker.of("response.output_text.delta"))
        return {**_reply(talker, done), "written": written}


async def typed_and_spoken(stage: Stage) -> Facts:
    """A typed question, answered aloud."""
    async with peer(stage, realtime()) as talker:
        await talker.ask(QUESTION)
        return _reply(talker, await talker.until("response.done"))


async def manual(stage: Stage) -> Facts:
    """A spoken question, its end told by the client."""
    async with peer(stage, realtime()) as talker:
        await talker.append(stage.speech("question") + silence(0.3))
        await talker.connection.input_audio_buffer.commit()
        await talker.connection.response.create()
        return await _spoken(talker)


async def server_vad(stage: Stage) -> Facts:
    """A spoken question, its end heard by the engine from the silence after it."""
    detection = {"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 500}
    return await _heard_by_the_engine(stage, detection)


async def semantic_vad(stage: Stage) -> Facts:
    """A spoken question, its end judged by the engine from how it was said."""
    return await _heard_by_the_engine(stage, {"type": "semantic_vad"})


async def _heard_by_the_engine(stage: Stage, detection: dict[str, Any]) -> Facts:
    async with peer(stage, realtime(detection)) as talker:
        await talker.append(silence(0.5) + stage.speech("question") + silence(_PAUSE_S))
        return await _spoken(talker)


async def _spoken(talker: Peer) -> Facts:
    """Wait for both, in whatever order: the answer, and what was understood."""
    awaited = {"response.done", "conversation.item.input_audio_transcription.completed"}
    while awaited:
        awaited.discard((await talker.receive()).type)
    (done,) = talker.of("response.done")
    (understood,) = talker.of("conversation.item.input_audio_transcription.completed")
    (committed,) = talker.of("input_audio_buffer.committed")
    spans = {
        "started_ms": [event.audio_start_ms for event in talker.of("input_audio_buffer.speech_started")],
        "stopped_ms": [event.audio_end_ms for event in talker.of("input_audio_buffer.speech_stopped")],
    }
    ids = {
        event.item_id
        for kind in ("speech_started", "speech_stopped")
        for event in talker.of(f"input_audio_buffer.{kind}")
    }
    return {
        **_reply(talker, done),
        **spans,
        "understood": understood.transcript,
        "one_item": ids | {committed.item_id} == {understood.item_id},
    }


async def interrupted(stage: Stage) -> Facts:
    """A reply talked over: the engine cancels it by itself and answers what was said."""
    detection = {"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 500}
    async with peer(stage, realtime(detection)) as talker:
        await talker.ask("tell me a story")
        await talker.until("response.output_audio.delta")
        async with Microphone(talker.append) as microphone:
            await microphone.say(stage.speech("question"))
            dones = [await talker.until("response.done"), await talker.until("response.done")]
        order = [event.type for event in talker.events]
        return {
            **_reply(talker, dones[1]),
            "first": dones[0].response.status_details.to_dict() if dones[0].response.status_details else None,
            "cut_after_onset": order.index("input_audio_buffer.speech_started") < order.index("response.done"),
            "answer": dones[1].response.output[0].content[0].transcript,
        }
