"""The fake Realtime server, held to the official client: it must behave as the service is documented to."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import takewhile
from typing import Any

import pytest
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.realtime import RealtimeResponse, RealtimeServerEvent
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from tests.fakes.position_code import RATE_HZ, track_pcm
from tests.fakes.realtime import Call, FakeRealtime, Reply, ReplyRequest

SPEECH = base64.b64encode(track_pcm(999, RATE_HZ // 2)).decode()
MANUAL: Any = {
    "type": "realtime",
    "instructions": "Be brief.",
    "audio": {"input": {"turn_detection": None, "transcription": {"model": "gpt-live-transcribe"}}},
}


@asynccontextmanager
async def client(fake: FakeRealtime) -> AsyncIterator[AsyncRealtimeConnection]:
    """Connect the official client in manual turn mode; at the end nothing may have broken the protocol."""
    async with (
        AsyncOpenAI(api_key="k", base_url=fake.base_url) as openai,
        openai.realtime.connect(model="gpt-realtime-2.1") as connection,
    ):
        assert (await connection.recv()).type == "session.created"
        await connection.session.update(session=MANUAL)
        assert (await connection.recv()).type == "session.updated"
        yield connection
    assert fake.violations == []


async def read_until(connection: AsyncRealtimeConnection, *kinds: str) -> list[RealtimeServerEvent]:
    """Read up to and including the first event of one of these kinds."""
    events: list[RealtimeServerEvent] = []
    while not events or events[-1].type not in kinds:
        events.append(await connection.recv())
    return events


async def read_error(connection: AsyncRealtimeConnection) -> tuple[str | None, str | None]:
    """Read up to an error; give its code and the client event that it answers."""
    event = (await read_until(connection, "error"))[-1]
    assert event.type == "error"
    return event.error.code, event.error.event_id


async def say(connection: AsyncRealtimeConnection) -> None:
    """Hold half a second of a turn and ask for the answer."""
    await connection.input_audio_buffer.append(audio=SPEECH)
    await connection.input_audio_buffer.commit()
    await connection.response.create(response={"metadata": {"turn": "7"}})


def audio_of(events: list[RealtimeServerEvent]) -> bytes:
    """Concatenate the audio deltas."""
    return b"".join(base64.b64decode(e.delta) for e in events if e.type == "response.output_audio.delta")


def done_of(events: list[RealtimeServerEvent]) -> RealtimeResponse:
    """Take the response out of the closing `response.done`."""
    event = events[-1]
    assert event.type == "response.done"
    return event.response


async def test_an_audio_turn_goes_as_recorded_traffic_does() -> None:
    """A turn's acknowledgements, transcription, items and audio come in the service's order and are complete."""
    async with FakeRealtime([Reply(seconds=1.0, speed=20)], transcripts=["what time is it"]) as fake:
        async with client(fake) as connection:
            await say(connection)
            events = await read_until(connection, "response.done")
            kinds = [event.type for event in events]
            assert kinds[:4] == [
                "input_audio_buffer.committed",
                "conversation.item.added",
                "conversation.item.done",
                "response.created",
            ]
            assert [kind for kind in kinds if kind.startswith("response.") and not kind.endswith("delta")] == [
                "response.created",
                "response.output_item.added",
                "response.content_part.added",
                "response.output_audio.done",
                "response.output_audio_transcript.done",
                "response.content_part.done",
                "response.output_item.done",
                "response.done",
            ]
            assert audio_of(events) == track_pcm(1, RATE_HZ)
            heard = [e for e in events if e.type == "conversation.item.input_audio_transcription.completed"]
            assert [event.transcript for event in heard] == ["what time is it"]
            response = done_of(events)
            assert (response.status, response.metadata) == ("completed", {"turn": "7"})
            assert response.usage is not None
            assert response.usage.total_tokens
        (turn,) = fake.connections[0].commits
        assert turn.audio == base64.b64decode(SPEECH)
        assert fake.tracks == {1: RATE_HZ}


async def test_cancel_and_truncate_leave_the_model_with_what_was_heard() -> None:
    """A cancel stops the audio after the stragglers; the truncation then bounds what the model believes."""
    async with FakeRealtime([Reply(seconds=30, stragglers=2, hold=asyncio.Event(), hold_at_ms=700)]) as fake:
        async with client(fake) as connection:
            await say(connection)
            await fake.until(lambda: fake.tracks.get(1) == 700 * 24)
            response = fake.response(1)
            await connection.response.cancel(response_id=response.id)
            events = await read_until(connection, "response.done")
            cancelled = done_of(events)
            assert cancelled.status_details is not None
            assert (cancelled.status, cancelled.status_details.reason) == ("cancelled", "client_cancelled")
            assert len(audio_of(events)) == 900 * 48

            item = response.items[0].id
            await connection.conversation.item.truncate(item_id=item, content_index=0, audio_end_ms=640)
            assert (await connection.recv()).type == "conversation.item.truncated"
            assert fake.believed_ms(item) == 640
            assert fake.believed_spans(1) == [(0, 640 * 24)]
            assert response.items[0].text == ""

            await connection.conversation.item.retrieve(item_id=item)
            retrieved = await connection.recv()
            assert retrieved.type == "conversation.item.retrieved"
            (part,) = retrieved.to_dict()["item"]["content"]  # type: ignore[index]
            assert base64.b64decode(part["audio"]) == track_pcm(1, 640 * 24)

            await connection.conversation.item.delete(item_id=item)
            assert (await connection.recv()).type == "conversation.item.deleted"
            assert (fake.believed_ms(item), fake.believed_samples(1)) == (0, 0)
        record = fake.connections[0]
        assert (record.cancels, record.deletions) == ([response.id], [item])
        assert [(cut.item_id, cut.audio_end_ms) for cut in record.truncations] == [(item, 640)]


async def test_what_the_service_refuses_is_refused_with_its_codes() -> None:
    """Each misuse gets the documented code and names the client event that caused it."""
    script = [Reply(seconds=30, hold=asyncio.Event(), hold_at_ms=300)]
    async with FakeRealtime(script) as fake, client(fake) as connection:
        items = connection.conversation.item
        await connection.input_audio_buffer.commit(event_id="e1")
        assert await read_error(connection) == ("input_audio_buffer_commit_empty", "e1")
        await connection.response.cancel(event_id="e2")
        assert await read_error(connection) == ("response_cancel_not_active", "e2")
        await items.truncate(item_id="nope", content_index=0, audio_end_ms=1, event_id="e3")
        assert await read_error(connection) == ("item_truncate_invalid_item_id", "e3")
        await items.delete(item_id="nope", event_id="e4")
        assert await read_error(connection) == ("item_delete_invalid_item_id", "e4")
        await items.retrieve(item_id="nope", event_id="e5")
        assert await read_error(connection) == ("item_retrieve_invalid_item_id", "e5")

        await say(connection)
        await fake.until(lambda: fake.tracks.get(1) == 300 * 24)
        spoken, heard = fake.response(1).items[0].id, fake.connections[0].commits[0].id
        await connection.response.create(event_id="e6")
        assert await read_error(connection) == ("conversation_already_has_active_response", "e6")
        await items.truncate(item_id=spoken, content_index=0, audio_end_ms=301, event_id="e7")
        assert await read_error(connection) == ("invalid_value", "e7")
        await items.truncate(item_id=heard, content_index=0, audio_end_ms=10, event_id="e8")
        assert await read_error(connection) == ("unsupported_content_type", "e8")
        assert fake.believed_ms(spoken) == 300


async def test_a_conversation_can_be_seeded_in_order() -> None:
    """Items keep the client's ids and places; a taken id and an answer to no call are refused."""
    async with FakeRealtime() as fake, client(fake) as connection:
        items = connection.conversation.item
        call: Any = {"type": "function_call", "id": "b", "name": "clock", "call_id": "c1", "arguments": "{}"}
        result: Any = {"type": "function_call_output", "id": "c", "call_id": "c1", "output": "noon"}
        hello: Any = {
            "type": "message",
            "id": "a",
            "role": "user",
            "content": [{"type": "input_text", "text": "hello"}],
        }
        await items.create(item=result, event_id="e1")
        assert await read_error(connection) == ("invalid_tool_call_id", "e1")
        await items.create(item=call)
        await items.create(item=result)
        await items.create(item=hello, previous_item_id="root")
        await items.create(item=hello, event_id="e2")
        assert await read_error(connection) == ("item_create_duplicate_item_id", "e2")
        assert fake.connections[0].conversation.order == ["a", "b", "c"]


async def test_a_reply_may_have_several_items_and_calls() -> None:
    """The track runs on over the messages of a response, and a call follows them."""
    reply = Reply(
        seconds=1.0, items=2, text="let me see. it is noon", calls=[Call("clock", '{"zone":"utc"}')], speed=50
    )
    async with FakeRealtime([reply]) as fake, client(fake) as connection:
        await say(connection)
        events = await read_until(connection, "response.done")
        assert audio_of(events) == track_pcm(1, RATE_HZ)
        first, second, call = fake.response(1).items
        assert (first.text, second.text) == ("let me see.", "it is noon")
        assert (second.track_start, second.spoken_by(0), second.spoken_by(500)) == (12_000, "", "it is noon")
        assert call.wire["arguments"] == '{"zone":"utc"}'
        kinds = [event.type for event in events]
        assert kinds.index("response.function_call_arguments.done") < kinds.index("response.done")


@pytest.mark.parametrize(
    ("reply", "status", "reason", "code"),
    [
        (Reply(fail="inference_rate_limit_exceeded"), "failed", None, "inference_rate_limit_exceeded"),
        (Reply(incomplete="max_output_tokens", end_at_ms=300), "incomplete", "max_output_tokens", None),
    ],
)
async def test_a_reply_may_end_badly(reply: Reply, status: str, reason: str | None, code: str | None) -> None:
    """A failure is told only in `response.done`; an incomplete reply keeps its audio up to there."""
    async with FakeRealtime([reply]) as fake, client(fake) as connection:
        await say(connection)
        events = await read_until(connection, "response.done")
        details = done_of(events).status_details
        assert details is not None
        assert (done_of(events).status, details.reason) == (status, reason)
        assert (details.error.code if details.error else None) == code
        assert len(audio_of(events)) == reply.end_at_ms * 48


async def test_a_response_can_be_cancelled_before_it_is_created() -> None:
    """Between create and created a cancel without an id hits; both still come, with no item."""
    async with FakeRealtime([Reply(created_ms=10_000)]) as fake, client(fake) as connection:
        await say(connection)
        await connection.response.cancel()
        events = await read_until(connection, "response.done")
        assert "response.created" in [event.type for event in events]
        assert (done_of(events).status, done_of(events).output) == ("cancelled", [])


async def test_captions_ahead_overstate_and_aligned_ones_do_not() -> None:
    """`ahead` sends words long before their audio; `aligned` sends each before the delta that begins it."""
    for captions, words_at_first_audio in (("ahead", 2), ("aligned", 1)):
        reply = Reply(seconds=1.0, text="aaaa bbbb cccc dddd eeee", delta_ms=100, captions=captions, speed=50)  # type: ignore[arg-type]
        async with FakeRealtime([reply]) as fake, client(fake) as connection:
            await say(connection)
            events = await read_until(connection, "response.done")
            before = takewhile(lambda event: event.type != "response.output_audio.delta", events)
            words = [e.delta for e in before if e.type == "response.output_audio_transcript.delta"]
            assert len(words) == words_at_first_audio


async def test_connections_are_apart_and_scripts_may_look_at_them() -> None:
    """Each connection has its own conversation; scripts see who asks and what was heard; tracks never repeat."""

    def reply(request: ReplyRequest) -> Reply:
        return Reply(seconds=0.2, text=f"{request.user_text} {len(request.user_audio)}", speed=50)

    heard = {0: "left", 1: "right"}
    async with FakeRealtime(reply, transcribe=lambda _, connection: heard[connection.number]) as fake:
        async with client(fake) as left, client(fake) as right:
            for connection in (left, right):
                await say(connection)
                await read_until(connection, "response.done")
        texts = [response.items[0].text for response in fake.responses]
        assert texts == ["left 24000", "right 24000"]
        assert [len(connection.conversation.order) for connection in fake.connections] == [2, 2]
        assert fake.tracks == {1: 4_800, 2: 4_800}
        pcm = track_pcm(2, 4_800)
        assert [run.track for run in fake.decoder().decode(pcm)] == [2]


async def test_an_out_of_band_response_leaves_the_conversation_alone() -> None:
    """With `conversation: none` a response runs beside the active one and adds nothing to the conversation."""
    release = asyncio.Event()
    async with FakeRealtime([Reply(hold=release), Reply(seconds=0.1)]) as fake, client(fake) as connection:
        await say(connection)
        await connection.response.create(response={"conversation": "none", "metadata": {"for": "summary"}})
        aside = done_of(await read_until(connection, "response.done"))
        assert (aside.metadata, aside.conversation_id) == ({"for": "summary"}, None)
        assert len(fake.connections[0].conversation.order) == 2
        release.set()
        assert done_of(await read_until(connection, "response.done")).metadata == {"turn": "7"}


async def test_a_failed_transcription_is_told() -> None:
    """None in the script becomes `…transcription.failed`."""
    async with FakeRealtime(transcripts=[None]) as fake, client(fake) as connection:
        await connection.input_audio_buffer.append(audio=SPEECH)
        await connection.input_audio_buffer.commit()
        await read_until(connection, "conversation.item.input_audio_transcription.failed")


async def test_what_breaks_the_protocol_is_a_violation() -> None:
    """Unknown events and fields and missing types are answered and remembered."""
    async with FakeRealtime() as fake, connect(fake.url) as socket:
        for message, code in (
            ('{"type":"response.audio"}', "invalid_value"),
            ('{"type":"session.update","session":{"type":"realtime","voice":"marin"}}', "unknown_parameter"),
            ("{}", "invalid_event"),
            ("not json", "invalid_json"),
        ):
            await socket.send(message)
            await fake.until(lambda code=code: [e["code"] for e in fake.connections[0].errors][-1:] == [code])  # type: ignore[misc]
        assert len(fake.violations) == 4


async def test_clients_are_turned_away_as_the_service_does() -> None:
    """Beta header: close 4000; wrong key: 401; `refuse_connections`: 503; after the hour: an error, then 1001."""
    async with FakeRealtime(api_key="right") as fake:
        good = {"Authorization": "Bearer right"}
        with pytest.raises(InvalidStatus, match="401"):
            await connect(fake.url, additional_headers={"Authorization": "Bearer wrong"})
        async with connect(fake.url, additional_headers=good | {"OpenAI-Beta": "realtime=v1"}) as socket:
            with pytest.raises(ConnectionClosedError, match="4000"):
                await socket.recv()
        async with connect(fake.url, additional_headers=good) as socket:
            await fake.until(lambda: fake.connections)
            await fake.connections[0].expire()
            received = [message async for message in socket]
            assert "session_expired" in str(received[-1])
            assert socket.close_code == 1001
        fake.refuse_connections = True
        with pytest.raises(InvalidStatus, match="503"):
            await connect(fake.url, additional_headers=good)


def test_a_script_that_cannot_be_played_is_refused() -> None:
    """Audio without an item to hold it is a mistake in the test."""
    with pytest.raises(ValueError, match="at least one item"):
        Reply(seconds=1, items=0)
