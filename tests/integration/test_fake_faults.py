"""What the fake Realtime server does wrong on purpose, held to the official client: at its moment, and nothing else."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from tests.fakes.realtime import (
    ABORT,
    Call,
    Drop,
    FakeRealtime,
    Lose,
    Message,
    Refuse,
    Reply,
    ReplyRequest,
    orphans,
)
from tests.fakes.realtime.faults import Fault
from tests.integration.test_fake_realtime import client, done_of, read_error, read_until, say


async def test_a_tool_is_called_between_two_messages_and_the_reply_goes_on_from_its_result() -> None:
    """The call comes in its place, its arguments in pieces; the result is remembered, and known to the next reply."""

    def script(request: ReplyRequest) -> Reply:
        if request.result is not None:
            return Reply(seconds=0.2, text=f"it is {request.result}", speed=50)
        call = Call("clock", '{"zone":"utc"}', "call_noon", pieces=4)
        return Reply(output=[Message("let me see", 0.2), call, Message("one moment", 0.2)], speed=50)

    async with FakeRealtime(script) as fake, client(fake) as connection:
        await say(connection)
        events = await read_until(connection, "response.done")
        assert [item.type for item in done_of(events).output or []] == ["message", "function_call", "message"]
        pieces = [e.delta for e in events if e.type == "response.function_call_arguments.delta"]
        assert (len(pieces), "".join(pieces)) == (4, '{"zone":"utc"}')
        assert orphans(fake.memory()) == ["the call call_noon has no result"]
        result: Any = {"type": "function_call_output", "call_id": "call_noon", "output": "noon"}
        await connection.conversation.item.create(item=result)
        await connection.response.create()
        await read_until(connection, "response.done")
        assert [item.told for item in fake.memory()] == [
            ("user", "hello"),
            ("assistant", "let me see"),
            ("call", '{"zone":"utc"}'),
            ("assistant", "one moment"),
            ("output", "noon"),
            ("assistant", "it is noon"),
        ]
        assert fake.connections[0].results == [("call_noon", "noon")]
        assert orphans(fake.memory()) == []


async def test_usage_grows_with_the_conversation_and_says_what_was_cached() -> None:
    """Half a second heard is 5 tokens, a second said 20; what was said is read by the next response."""
    async with FakeRealtime([Reply(seconds=1.0, speed=50)]) as fake, client(fake) as connection:
        used = []
        for _ in range(2):
            await say(connection)
            usage = done_of(await read_until(connection, "response.done")).usage
            assert usage is not None
            assert usage.input_token_details is not None
            assert usage.output_token_details is not None
            used.append((usage.input_token_details.audio_tokens, usage.output_token_details.audio_tokens))
        assert used == [(5, 20), (5 + 20 + 5, 20)]


async def test_a_response_may_be_late_with_its_last_word() -> None:
    """While `response.done` is awaited it can't be cancelled, and no other can be created."""
    async with FakeRealtime([Reply(seconds=0.2, speed=50, done_ms=300)]) as fake, client(fake) as connection:
        await say(connection)
        await read_until(connection, "response.output_item.done")
        await connection.response.cancel(event_id="e1")
        await connection.response.create(event_id="e2")
        assert await read_error(connection) == ("response_cancel_not_active", "e1")
        assert await read_error(connection) == ("conversation_already_has_active_response", "e2")
        assert done_of(await read_until(connection, "response.done")).status == "completed"


@pytest.mark.parametrize("when", ["delay", "first_audio", "done"])
async def test_words_come_before_in_the_middle_of_or_after_the_reply(when: Any) -> None:
    """As scripted."""
    reply = Reply(seconds=0.5, speed=10)
    async with FakeRealtime([reply], transcript_delay_ms=0, transcript_after=when) as fake, client(fake) as connection:
        await say(connection)
        last = "conversation.item.input_audio_transcription.completed" if when == "done" else "response.done"
        kinds = [event.type for event in await read_until(connection, last)]
        words = kinds.index("conversation.item.input_audio_transcription.completed")
        audio = kinds.index("response.output_audio.delta")
        assert {"delay": words < audio, "first_audio": words > audio, "done": words > kinds.index("response.done")}[
            when
        ]


async def test_client_events_are_refused_or_lost() -> None:
    """Without an event id, with nothing but a type, or not answered at all."""
    faults: list[Fault] = [
        Refuse("response.create", names_event=False, code="conversation_already_has_active_response"),
        Refuse("conversation.item.delete", code=None, type="insufficient_quota"),
        Lose("input_audio_buffer.clear"),
    ]
    async with FakeRealtime([Reply(seconds=0.1)], faults=faults) as fake, client(fake) as connection:
        await say(connection)
        assert await read_error(connection) == ("conversation_already_has_active_response", None)
        await connection.input_audio_buffer.clear()
        await connection.conversation.item.delete(item_id="x", event_id="e2")
        event = (await read_until(connection, "error"))[-1]
        assert event.type == "error"
        assert (event.error.type, event.error.code) == ("insufficient_quota", None)
        assert fake.connections[0].sent_of("input_audio_buffer.cleared") == []
        await connection.response.create()
        assert done_of(await read_until(connection, "response.done")).status == "completed"


@pytest.mark.parametrize("code", [1000, 1001, ABORT, 1011, 1012, 1013, 4000])
async def test_a_connection_ends_at_its_moment_by_any_code(code: int) -> None:
    """After the second delta nothing more comes, and the fake counts no more audio than it has sent."""
    faults = [Drop(after="response.output_audio.delta", nth=2, code=code)]
    async with FakeRealtime([Reply(speed=50)], faults=faults) as fake, connect(fake.url) as socket:
        session = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
        await socket.send(json.dumps({"type": "session.update", "session": session}))
        await socket.send(json.dumps({"type": "response.create"}))
        kinds = []
        try:
            async for message in socket:
                kinds.append(json.loads(message)["type"])
        except ConnectionClosedError:
            assert code not in (1000, 1001)
        if code != ABORT:  # which may swallow what was under way
            assert (socket.close_code, kinds.count("response.output_audio.delta")) == (code, 2)
        await fake.until(lambda: fake.connections[0].closed)
        assert fake.tracks == {1: 200 * 24}
        assert fake.violations == []


@pytest.mark.parametrize(
    ("drop", "received", "sent"),
    [
        (Drop(before="session.created"), [], []),
        (Drop(before="session.updated", half_a_frame=True), ["session.update"], ["session.created"]),
        (Drop(before="response.create"), ["session.update", "response.create"], ["session.created", "session.updated"]),
        (Drop(after="*", nth=2), ["session.update"], ["session.created", "session.updated"]),
    ],
)
async def test_a_connection_ends_between_any_two_events(drop: Drop, received: list[str], sent: list[str]) -> None:
    """Before the session, in the middle of a frame, on a client event that is never carried out, after so many."""
    async with FakeRealtime(faults=[drop]) as fake, connect(fake.url) as socket:
        session = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
        try:
            async for message in socket:
                if json.loads(message)["type"] == "session.created":
                    await socket.send(json.dumps({"type": "session.update", "session": session}))
                else:
                    await socket.send(json.dumps({"type": "response.create"}))
        except ConnectionClosedError:
            pass
        await fake.until(lambda: fake.connections[0].closed)
        (connection,) = fake.connections
        assert [event.type for event in connection.sent] == sent
        assert [event.type for event in connection.received][: len(received)] == received
        assert connection.responses == {}


async def test_a_session_says_when_it_ends_and_ends_then() -> None:
    """`expires_at` is so far ahead; then comes the error, and a close that looks clean."""
    async with FakeRealtime(lifetime_s=1.2) as fake, connect(fake.url) as socket:
        created = json.loads(await socket.recv())
        assert created["session"]["expires_at"] <= time.time() + 1.2
        error = json.loads([message async for message in socket][-1])
        assert (error["error"]["code"], socket.close_code) == ("session_expired", 1001)


async def test_so_many_are_turned_away_each_as_scripted() -> None:
    """503, 401, 429, and then the door is open."""
    async with FakeRealtime() as fake:
        fake.door.turns_away.extend((503, 401, 429))
        for status in (503, 401, 429):
            with pytest.raises(InvalidStatus, match=str(status)):
                await connect(fake.url)
        async with connect(fake.url) as socket:
            assert json.loads(await socket.recv())["type"] == "session.created"
        assert len(fake.door.knocks_s) == 4


async def test_a_frozen_connection_neither_reads_nor_says_anything() -> None:
    """And doesn't end."""
    async with FakeRealtime() as fake, connect(fake.url) as socket:
        await socket.recv()
        fake.connections[0].freeze()
        await socket.send('{"type": "input_audio_buffer.clear"}')
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(socket.recv(), 0.2)
        assert fake.connections[0].received == []
