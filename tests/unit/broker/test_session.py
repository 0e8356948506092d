"""The session's shell: who gets what, and in which lane."""

from __future__ import annotations

import pytest

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import session_pb2 as session
from parley.v1 import stream_pb2 as wire
from services.broker.conversation import Conversation
from services.broker.session import Thinking
from services.common.errors import ModelFault, ParleyError, Superseded
from tests.unit.broker.note_store import Redis, kept


def thinking() -> Thinking:
    """A session whose clock stands still and whose model is ready."""
    made = Thinking("s1", Conversation(), clock=lambda: 100.0)
    made.begin()
    return made


def type_turn(made: Thinking, turn: int, words: str) -> None:
    """Type a turn: the shortest way into history."""
    made.from_vad(broker.RespondRequest(typed=broker.Typed(turn=turn, text=words)))


def interrupt(made: Thinking, seq: int) -> None:
    """Take the floor."""
    kind = session.Interrupt.KIND_CANCEL
    made.from_vad(broker.RespondRequest(interrupt=session.Interrupt(seq=seq, kind=kind)))


async def test_an_interrupt_overtakes_the_audio_that_waits() -> None:
    """Egress hears of it before everything that was queued for it."""
    made = thinking()
    type_turn(made, 1, "hello")
    interrupt(made, 1)
    made.close(None)
    first, *rest = [request.WhichOneof("message") async for request in made.mouth.outbox]
    assert first == "interrupt"
    assert rest == ["caption", "end"]


async def test_what_the_model_is_told_keeps_its_order() -> None:
    """One lane: a cut may not overtake a commit, nor a request a cut."""
    made = thinking()
    made.from_vad(broker.RespondRequest(audio=broker.TurnAudio(turn=1, pcm=bytes(3200))))
    made.from_vad(broker.RespondRequest(turn_ended=broker.TurnEnded(turn=1)))
    made.close(None)
    kinds = [event["type"] async for event in made.to_model]
    assert kinds[-2:] == ["input_audio_buffer.commit", "response.create"]
    assert set(kinds[:-2]) == {"input_audio_buffer.append"}


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (None, wire.StreamEnd.REASON_DONE),
        (ModelFault("gone"), wire.StreamEnd.REASON_FAILED),
        (Superseded("later"), wire.StreamEnd.REASON_SUPERSEDED),
    ],
)
async def test_the_last_message_says_why(fault: ParleyError | None, reason: wire.StreamEnd.Reason.ValueType) -> None:
    """Both neighbours get one, vad after an error; closing again changes nothing."""
    made = thinking()
    made.close(fault)
    made.close(None)
    to_vad = [response async for response in made.to_vad]
    assert [response.HasField("error") for response in to_vad] == ([True, False] if fault else [False])
    assert to_vad[-1].end.reason == reason
    assert [request.end.reason async for request in made.mouth.outbox] == [reason]


async def test_more_calls_than_can_wait_are_answered_as_failed() -> None:
    """A model that calls a hundred tools at once costs itself some of them, and the session nothing."""
    made = thinking()
    async with kept(made.notes, Redis()):  # each call begins when it stands in Redis
        type_turn(made, 1, "do it")
        made.from_model({"type": "response.created", "response": {"id": "r1"}})
        for number in range(100):
            item = {"type": "function_call", "id": f"i{number}", "name": "look", "arguments": "{}"}
            item |= {"call_id": f"c{number}"}
            made.from_model({"type": "response.output_item.done", "response_id": "r1", "item": item})
    assert not made.to_vad.is_closed
    made.close(None)
    created = [event["item"] async for event in made.to_model if event["type"] == "conversation.item.create"]
    outputs = [item["call_id"] for item in created if item["type"] == "function_call_output"]
    assert outputs == [f"c{number}" for number in range(64, 100)]
