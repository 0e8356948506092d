"""The session's shell: who gets what, in which lane, and how notes are kept when Redis is slow or gone."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import session_pb2 as session
from parley.v1 import stream_pb2 as wire
from services.broker import notes as notes_module
from services.broker.conversation import Conversation
from services.broker.session import Thinking
from services.common.errors import ModelFault, ParleyError, StoreLost, Superseded
from services.common.outbox import Outbox
from services.common.store import Store


class Notes:
    """A store that notes what it is given; `go` holds it back, `lost` makes it fail."""

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.go = asyncio.Event()
        self.go.set()
        self.lost = False

    async def append_history(self, _session: str, item: session.HistoryItem) -> None:
        """Take an item."""
        await self.go.wait()
        if self.lost:
            raise StoreLost("gone")
        self.kept.append(item.text)

    async def raise_floor(self, _session: str, seq: int, floor: int) -> None:
        """Take a floor."""
        await self.go.wait()
        self.kept.append(f"floor {floor} by {seq}")


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


async def kept(made: Thinking, notes: Notes) -> None:
    """Keep notes to the end of the session."""
    store = cast("Store", notes)
    await made.notes.kept(asyncio.create_task(made.notes.keep(store)))


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


async def test_notes_are_kept_in_order_to_the_last() -> None:
    """What is in the writer's hands when the session ends is written too."""
    made, notes = thinking(), Notes()
    type_turn(made, 1, "one")
    interrupt(made, 7)
    type_turn(made, 2, "two")
    made.close(None)
    await kept(made, notes)
    assert notes.kept == ["one", "floor 1 by 7", "two"]


async def test_a_store_that_hangs_does_not_hold_the_session(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Redis takes the call and never answers: the session ends all the same, with a warning."""
    monkeypatch.setattr(notes_module, "KEEPING_S", 0.01)
    made, notes = thinking(), Notes()
    notes.go.clear()
    type_turn(made, 1, "one")
    await kept(made, notes)
    assert notes.kept == []
    assert "did not take the last of its history" in caplog.text


async def test_a_store_that_is_gone_costs_its_notes_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    """Each lost note is a warning; later ones are written when Redis is back."""
    made, notes = thinking(), Notes()
    notes.lost = True
    type_turn(made, 1, "one")
    keeping = asyncio.create_task(made.notes.keep(cast("Store", notes)))
    await asyncio.sleep(0)
    notes.lost = False
    interrupt(made, 7)
    await made.notes.kept(keeping)
    assert notes.kept == ["floor 1 by 7"]
    assert "session s1: gone" in caplog.text


async def test_notes_do_not_pile_up(caplog: pytest.LogCaptureFixture) -> None:
    """A store that is slow for very long costs history, not memory."""
    made = thinking()
    made.to_vad, made.mouth.outbox = Outbox(1, max_control=5_000), Outbox(5_000, max_control=5_000)
    for turn in range(1, 1100):
        type_turn(made, turn, "words")
        interrupt(made, turn)
    assert "history is lost" in caplog.text
    assert made.notes._notes.qsize() == 1000


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
    type_turn(made, 1, "do it")
    made.from_model({"type": "response.created", "response": {"id": "r1"}})
    for number in range(100):
        item = {"type": "function_call", "id": f"i{number}", "call_id": f"c{number}", "name": "look", "arguments": "{}"}
        made.from_model({"type": "response.output_item.done", "response_id": "r1", "item": item})
    assert not made.to_vad.is_closed
    made.close(None)
    created = [event["item"] async for event in made.to_model if event["type"] == "conversation.item.create"]
    outputs = [item["call_id"] for item in created if item["type"] == "function_call_output"]
    assert outputs == [f"c{number}" for number in range(64, 100)]
