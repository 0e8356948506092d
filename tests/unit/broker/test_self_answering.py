"""A server that ends turns by its own ear and answers by itself (speech-to-speech): our ear still has the last word."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import session_pb2 as session
from services.broker.manner import TurnMode
from services.broker.money import Prices
from services.broker.upstream.capabilities import Billing, Capabilities
from tests.unit.broker.scene import Scene

CAN = Capabilities(
    manual_turns=False,
    commit_responds=True,
    can_truncate=False,
    can_delete=False,
    out_of_band=False,
    echoes_metadata=False,
)


class Call(Scene):
    """A scene at such a server, a second of speech at a time."""

    def __init__(self, capabilities: Capabilities = CAN, **manner: Any) -> None:
        super().__init__(capabilities=capabilities, turns=TurnMode.SERVER_VAD, **manner)
        self.heard_ms = 0

    def speak_up(self, turn: int) -> None:
        """The person begins a turn, and says something for a second."""
        self.vad(speech_started=broker.SpeechStarted(turn=turn, onset_offset=self.heard_ms * 16))
        self.listen(turn, 1000)

    def listen(self, turn: int, ms: int) -> None:
        """Time goes by at the microphone."""
        for _ in range(ms // 100):
            audio = broker.TurnAudio(turn=turn, mic_offset=self.heard_ms * 16, pcm=bytes(3200))
            self.vad(audio=audio)
            self.heard_ms += 100

    def over(self, turn: int) -> None:
        """Our ear says that the turn is over."""
        ended = broker.TurnEnded(turn=turn, end_offset=self.heard_ms * 16, speech_ms=1000, waited_ms=300)
        self.vad(turn_ended=ended)

    def commits(self, item: str, start_ms: int) -> None:
        """The server's ear says so."""
        self.model("input_audio_buffer.speech_started", item_id=item, audio_start_ms=start_ms)
        self.model("input_audio_buffer.speech_stopped", item_id=item, audio_end_ms=self.heard_ms)
        self.committed(item)

    def answers(self, number: int) -> None:
        """The server answers, of which it tells nothing but an id."""
        self.model("response.created", response={"id": f"r{number}"})
        self.item(f"r{number}", f"a{number}")
        self.speak(f"r{number}", f"a{number}", 1000, "one two")


@pytest.mark.parametrize("server_first", [True, False])
def test_its_answer_is_heard_when_our_ear_agrees(server_first: bool) -> None:
    """Whoever is first: nothing is heard before both have said so, nothing is asked for, and it is heard whole."""
    call = Call()
    call.speak_up(1)
    call.commits("u1", 0)
    if server_first:
        call.answers(1)
        assert call.audio_of(1) == b""
        call.over(1)
    else:
        call.over(1)
        call.answers(1)
    call.item_done("r1", "a1")
    call.done("r1")
    assert len(call.audio_of(1)) == 48_000
    call.transcript("u1", "hello")
    call.played(1, 1000, ended=True)
    assert call.said == [("user", "hello"), ("assistant", "one two")]
    assert call.of("response.create", "input_audio_buffer.commit", "response.cancel") == []


def test_who_goes_on_is_not_answered_in_mid_sentence() -> None:
    """The server thought that the turn was over, and begins again: its first answer is never heard."""
    call = Call()
    call.speak_up(1)
    call.commits("u1", 0)
    call.answers(1)
    call.done("r1", "cancelled")
    call.listen(1, 1000)
    call.commits("u2", 1000)
    call.answers(2)
    call.over(1)
    call.done("r2")
    assert call.audio_of(1) == b""
    assert len(call.audio_of(2)) == 48_000


def test_a_sound_that_is_no_turn_is_not_answered() -> None:
    """A cough over the silence: the server answers it, and is told to stop; nobody hears anything."""
    call = Call()
    call.listen(0, 1000)
    call.commits("u1", 0)
    call.model("response.created", response={"id": "r1"})
    assert [event["response_id"] for event in call.of("response.cancel")] == ["r1"]
    call.speak_up(1)
    call.commits("u2", 1000)
    call.model("response.created", response={"id": "r2"})
    call.vad(speech_dismissed=broker.SpeechDismissed(turn=1))
    assert [event["response_id"] for event in call.of("response.cancel")] == ["r1", "r2"]
    assert not any(request.HasField("audio") for request in call.to_egress)


def test_an_answer_that_failed_is_asked_for() -> None:
    """It came to nothing before our ear had its say."""
    call = Call()
    call.speak_up(1)
    call.commits("u1", 0)
    call.model("response.created", response={"id": "r1"})
    call.done("r1", "failed")
    call.over(1)
    assert len(call.of("response.create")) == 1


def test_its_answer_can_be_interrupted() -> None:
    """As any other; it remembers what was not heard, and our history does not."""
    call = Call()
    call.speak_up(1)
    call.commits("u1", 0)
    call.answers(1)
    call.over(1)
    call.transcript("u1", "hello")
    call.played(1, 500)
    call.interrupt(1)
    call.played(1, 500, seq=1)
    assert [(role, bool(words)) for role, words in call.said] == [("user", True), ("assistant", True)]
    assert call.history[-1].interrupted
    assert call.history[-1].heard_ms == 500
    assert call.history[-1].role == session.HistoryItem.ROLE_ASSISTANT


def test_a_model_without_turns_may_speak_unasked() -> None:
    """Nobody speaks, and nobody asked: it is heard at once, and remembered; over the person it waits for our ear."""
    call = Call(capabilities=replace(CAN, commit_responds=False, has_turns=False, can_cancel=False))
    call.answers(1)
    call.item_done("r1", "a1")
    call.done("r1")
    assert len(call.audio_of(1)) == 48_000
    call.played(1, 1000, ended=True)
    call.speak_up(1)
    call.answers(2)
    assert call.audio_of(2) == b""
    call.over(1)
    assert len(call.audio_of(2)) == 48_000
    call.done("r2")
    assert call.of("response.create", "response.cancel", "input_audio_buffer.commit") == []


def test_time_connected_is_counted_where_it_is_charged_for() -> None:
    """By the clock of the connection, also across one that broke, and into the budget."""
    prices = Prices(connected_minute=0.06)
    can = replace(CAN, billing=Billing.SECONDS)
    call = Call(capabilities=can, prices=prices)
    call.wait(30)
    call.take(call.core.lose_model(call.now_s))
    call.wait(60)
    call.take(call.core.rebuild(call.now_s))
    call.wait(15)
    call.take(call.core.lose_model(call.now_s))
    assert call.core.spent.connected_ms == pytest.approx(45_000, abs=60)
    assert call.core.spent.cost_micros == pytest.approx(45_000, abs=60)
