"""What else a client of the official `openai` SDK does: tools, side questions, cancelling, truncating, transcribing."""

from __future__ import annotations

import base64
from typing import Any

from tests.conformance.clients.peer import PCM, Peer, peer, realtime
from tests.conformance.clients.stage import Facts, Stage, seconds, silence

TOOL: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "Tell the weather in a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string", "description": "The city's name"}},
        "required": ["city"],
    },
}
ASKS_FOR_TOOL = "what is the weather in paris"
RESULT = "sunny and twenty one degrees"
STORY = "tell me a story"
TEN = "count to ten"


async def tool(stage: Stage) -> Facts:
    """The model calls a function; its result is sent back and spoken."""
    async with peer(stage, realtime(tools=[TOOL])) as talker:
        await talker.ask(ASKS_FOR_TOOL)
        called = (await talker.until("response.done")).response
        (call,) = called.output
        result: Any = {"type": "function_call_output", "call_id": call.call_id, "output": RESULT}
        await talker.connection.conversation.item.create(item=result)
        await talker.connection.response.create()
        answered = (await talker.until("response.done")).response
        arguments = [event.arguments for event in talker.of("response.function_call_arguments.done")]
        return {
            "faults": talker.faults,
            "statuses": [called.status, answered.status],
            "call": {"type": call.type, "name": call.name, "status": call.status},
            "arguments": [call.arguments, *arguments],
            "pieces": "".join(event.delta for event in talker.of("response.function_call_arguments.delta")),
            "audio_s": seconds(talker.audio(answered.id)),
            "transcript": answered.output[0].content[0].transcript,
        }


async def out_of_band(stage: Stage) -> Facts:
    """A question beside the conversation, while it goes on: told apart by its metadata, and leaving no trace."""
    async with peer(stage, realtime()) as talker:
        await talker.ask(STORY)
        await talker.until("response.output_audio.delta")
        content: Any = [{"type": "input_text", "text": "what is two plus three"}]
        aside: Any = {
            "conversation": "none",
            "output_modalities": ["text"],
            "metadata": {"topic": "sums"},
            "input": [{"type": "message", "role": "user", "content": content}],
        }
        await talker.connection.response.create(response=aside)
        first = (await talker.until("response.done")).response
        await talker.connection.response.cancel()
        second = (await talker.until("response.done")).response
        side, story = (first, second) if first.metadata else (second, first)
        added = {event.item.id for event in talker.of("conversation.item.added")}
        return {
            "faults": talker.faults,
            "status": side.status,
            "metadata": side.metadata,
            "conversation": side.conversation_id,
            "text": side.output[0].content[0].text,
            "in_conversation": side.output[0].id in added,
            "story_in_conversation": story.output[0].id in added,
        }


async def cancelled(stage: Stage) -> Facts:
    """A reply cancelled in its middle ends once, says why, and is followed by a whole one."""
    async with peer(stage, realtime()) as talker:
        await talker.ask(STORY)
        first = (await talker.until("response.output_audio.delta")).response_id
        await talker.connection.response.cancel(response_id=first)
        done = (await talker.until("response.done")).response
        mark = len(talker.events)
        await talker.ask("what is your name")
        second = (await talker.until("response.done")).response
        return {
            "faults": talker.faults,
            "status": done.status,
            "details": done.status_details.to_dict(),
            "left_over": [event.type for event in talker.events[mark:] if getattr(event, "response_id", "") == first],
            "next": second.status,
        }


async def truncated(stage: Stage) -> Facts:
    """The conversation remembers of a reply what was heard of it, and no more."""
    async with peer(stage, realtime()) as talker:
        await talker.ask(TEN)
        done = (await talker.until("response.done")).response
        item = done.output[0].id
        truncate = talker.connection.conversation.item.truncate
        await truncate(item_id=item, content_index=0, audio_end_ms=2000)
        told = await talker.until("conversation.item.truncated")
        await talker.connection.conversation.item.retrieve(item_id=item)
        kept = (await talker.until("conversation.item.retrieved")).item
        return {
            "faults": talker.faults,
            "audio_end_ms": told.audio_end_ms,
            "said": talker.spoken(),
            "kept": kept.content[0].transcript,
            "kept_s": seconds(base64.b64decode(kept.content[0].audio)),
        }


async def transcription(stage: Stage) -> Facts:
    """A session that only listens: words come while they are spoken, before the turn is committed."""
    session: Any = {
        "type": "transcription",
        "audio": {"input": {"format": PCM, "turn_detection": None, "transcription": {"model": "gpt-live-transcribe"}}},
    }
    async with peer(stage, session, intent="transcription") as talker:
        await talker.append(stage.speech("long") + silence(0.5))
        early = await talker.until("conversation.item.input_audio_transcription.delta")
        await talker.connection.input_audio_buffer.commit()
        completed = await talker.until("conversation.item.input_audio_transcription.completed")
        deltas = talker.of("conversation.item.input_audio_transcription.delta")
        return {
            "faults": talker.faults,
            "early": early.delta,
            "same_item": early.item_id == completed.item_id,
            "deltas": "".join(delta.delta for delta in deltas),
            "transcript": completed.transcript,
            "responses": sum(1 for _ in talker.of("response.created")),
        }


async def refused(stage: Stage) -> Facts:
    """Each wrong event is answered by an error that names it, and the session goes on."""
    async with peer(stage, realtime()) as talker:
        connection = talker.connection
        missing: Any = {"item_id": "nothing", "event_id": "e-retrieve"}
        wrong: Any = {"type": "realtime", "audio": {"output": {"speed": 9}}}
        await connection.response.cancel(event_id="e-cancel")
        await connection.input_audio_buffer.commit(event_id="e-commit")
        await connection.conversation.item.retrieve(**missing)
        await connection.conversation.item.truncate(
            item_id="nothing", content_index=0, audio_end_ms=0, event_id="e-truncate"
        )
        await connection.session.update(session=wrong, event_id="e-update")
        errors = [await _error(talker) for _ in range(5)]
        await talker.ask(STORY)
        await talker.until("response.output_audio.delta")
        await connection.response.create(event_id="e-create")
        errors.append(await _error(talker))
        await connection.response.cancel()
        await talker.until("response.done")
        await talker.ask("what is your name")
        done = await talker.until("response.done")
        return {
            "faults": talker.faults,
            "errors": {error.event_id: error.code for error in errors},
            "types": sorted({error.type for error in errors}),
            "after": done.response.status,
        }


async def _error(talker: Peer) -> Any:
    while (event := await talker.receive()).type != "error":
        pass
    return event.error
