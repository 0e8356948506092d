"""Captioning: a session beside the model's that writes down what is said; without it everything goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from typing import Any

import pytest

from parley.v1 import broker_service_pb2 as broker
from services.broker import captioning
from services.broker.captioning import DELTA, PAUSES_S, STEADY_S, Captioning, Dictation
from services.broker.conversation import Conversation
from services.broker.faults import ModelRefused
from services.broker.model_settings import ModelSettings
from services.broker.session import Thinking
from services.common.errors import ModelFault
from tests.unit.broker.upstream.wire import settings
from tests.unit.engine.virtual_time import run


def steps(events: list[dict[str, Any]]) -> list[str]:
    """Their kinds."""
    return [event["type"].split(".")[-1] for event in events]


def request(**message: Any) -> broker.RespondRequest:
    """A message of the Respond stream."""
    return broker.RespondRequest(**message)


def heard(turn: int = 1) -> broker.RespondRequest:
    """A tenth of a second of a turn."""
    return request(audio=broker.TurnAudio(turn=turn, pcm=bytes(3200)))


ENDED = request(turn_ended=broker.TurnEnded(turn=1))


def test_turns_are_written_down_as_they_are_spoken() -> None:
    """Their sound goes at once; the end commits."""
    made = Dictation(24_000)
    assert steps(made.take(heard())) == ["append"]
    assert steps(made.take(heard())) == ["append"]
    assert steps(made.take(ENDED))[-1] == "commit"


def test_what_is_no_turn_is_not() -> None:
    """Silence between turns, where the model listens all the time; and what was dismissed is taken back."""
    made = Dictation(16_000)
    assert made.take(heard(0)) == []
    made.take(heard())
    assert steps(made.take(request(speech_dismissed=broker.SpeechDismissed(turn=1)))) == ["clear"]


def test_what_vad_had_not_brought_to_an_end_is_forgotten() -> None:
    """Another one hears it again: the turn is committed once, whole."""
    made = Dictation(16_000)
    made.take(heard())
    assert steps(made.forget()) == ["clear"]
    assert made.take(ENDED) == []
    made.take(heard())
    assert steps(made.take(ENDED))[-1] == "commit"


def test_an_end_that_is_not_sure_commits_nothing() -> None:
    """Its confirmation does."""
    made = Dictation(16_000)
    made.take(heard())
    assert made.take(request(turn_ended=broker.TurnEnded(turn=1, tentative=True))) == []
    made.take(request(turn_resumed=broker.TurnResumed(turn=1)))
    made.take(heard())
    assert steps(made.take(request(turn_confirmed=broker.TurnConfirmed(turn=1)))) == ["commit"]


def test_a_turn_of_which_it_heard_nothing_is_not_committed() -> None:
    """Of silence alone a transcriber makes words up: they would be shown as the person's."""
    made = Dictation(24_000)
    assert made.take(ENDED) == []
    made.take(heard())
    made.lose()
    assert made.take(ENDED) == []


class Socket:
    """A transcription session that a test plays."""

    def __init__(self, lasts_s: float = 1e9, says: str = "", fault: ModelFault | None = None) -> None:
        self.sent: list[dict[str, Any]] = []
        self._lasts_s = lasts_s
        self._says = says
        self._fault = fault or ModelFault("gone")

    async def send(self, event: dict[str, Any]) -> None:
        """Take an event; answer the first with words."""
        self.sent.append(event)

    async def run(self, handle: Callable[[dict[str, Any]], None]) -> None:
        """Say something, last, and end."""
        await asyncio.sleep(1)
        if self._says:
            handle({"type": "session.whatever"})
            handle({"type": DELTA, "item_id": "u1", "delta": self._says})
        await asyncio.sleep(self._lasts_s)
        raise self._fault


def play(
    monkeypatch: pytest.MonkeyPatch, given: list[Socket | ModelFault], seconds: int, *, hear: bool = True
) -> tuple[Thinking, list[float]]:
    """Hold captions up for so long, with somebody speaking all the time; return when they were dialled for."""
    dialled: list[float] = []

    @asynccontextmanager
    async def session(_settings: ModelSettings) -> AsyncIterator[Socket]:
        dialled.append(asyncio.get_running_loop().time())
        each = given.pop(0) if len(given) > 1 else given[0]
        if isinstance(each, ModelFault):
            raise each
        yield each

    async def talk() -> Thinking:
        monkeypatch.setattr(captioning, "model_session", session)
        clock = asyncio.get_running_loop().time
        thinking = Thinking("s1", Conversation(), clock=clock)
        thinking.begin()
        made = Captioning(thinking, settings())
        task = asyncio.create_task(made.run())
        for _ in range(seconds * 2):
            await asyncio.sleep(0.5)
            if hear:
                made.from_vad(heard())
            thinking.to_model.clear_audio()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        return thinking

    return run(talk()), dialled


def captions(thinking: Thinking) -> list[str]:
    """What was shown."""
    return [request.caption.text for request in thinking.mouth.outbox._audio if request.HasField("caption")]


def test_words_are_shown_while_they_are_spoken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The session gets the sound that the model gets, and its deltas are captions; all else it says is left."""
    socket = Socket(says="good morning")
    thinking, _ = play(monkeypatch, [socket], 3)
    assert captions(thinking) == ["good morning"]
    assert steps(socket.sent)[:2] == ["append", "append"]


def test_without_it_the_conversation_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is dialled for again, less and less often."""
    thinking, dialled = play(monkeypatch, [ModelFault("down")], 100)
    assert captions(thinking) == []
    assert [b - a for a, b in pairwise(dialled)] == pytest.approx([1, 5, 30, 30, 30])
    assert not thinking.to_vad.is_closed


def test_what_will_not_change_is_not_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that it refuses."""
    _, dialled = play(monkeypatch, [ModelRefused("key")], 100)
    assert len(dialled) == 1


def test_a_refusal_after_it_began_is_one_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The money was spent meanwhile."""
    _, dialled = play(monkeypatch, [Socket(2, fault=ModelRefused("money")), Socket()], 100)
    assert len(dialled) == 1


def test_sessions_that_break_at_once_are_dialled_for_less_and_less(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that takes every call and drops it is not besieged; one that has lasted is called soon again."""
    _, dialled = play(monkeypatch, [Socket(0)], 80)
    assert len(dialled) == 5
    steady: list[Socket | ModelFault] = [Socket(STEADY_S) for _ in range(3)]
    _, dialled = play(monkeypatch, [*steady, Socket()], 100)
    assert [b - a for a, b in pairwise(dialled)] == pytest.approx([STEADY_S + 1 + PAUSES_S[0]] * 3)


def test_a_new_session_is_given_nothing_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """Words that were spoken meanwhile are the model's to write down."""
    second = Socket()
    play(monkeypatch, [Socket(0), second], 4)
    assert 1 <= len(second.sent) <= 5
