"""Turns that the ear hears: where they begin and end, what follows from it, and how semantic_vad waits."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from services.engine.protocol.detection_settings import SEMANTIC_VAD, SERVER_VAD, Detection
from services.engine.protocol.events import Answer, Forget, Hear, Hush, Judge, Listen, Understand
from services.engine.protocol.turn_detection import Boundary, Question, Started, Stopped, TurnDetector
from tests.unit.engine.protocol.client import Client, Events, LoudnessModel, kinds, only, silence, voice

SPOKEN = silence(1000) + voice(800) + silence(700)


def server_vad(**fields: Any) -> dict[str, Any]:
    detection = {"type": "server_vad", **fields}
    return {"type": "realtime", "audio": {"input": {"turn_detection": detection, "transcription": {"model": "x"}}}}


def semantic_vad(**fields: Any) -> dict[str, Any]:
    return {"type": "realtime", "audio": {"input": {"turn_detection": {"type": "semantic_vad", **fields}}}}


@pytest.fixture
def client() -> Client:
    return Client(session=server_vad())


def heard(client: Client, item_id: str) -> int:
    """Milliseconds of an item that went to the recogniser."""
    return (
        sum(len(action.pcm) for action in client.done if isinstance(action, Hear) and action.item_id == item_id) // 48
    )


def test_a_turn_is_heard_committed_and_answered(client: Client) -> None:
    """One identifier from the first sound to the item, positions in what was appended, and an answer unasked."""
    events = client.append(SPOKEN)
    assert kinds(events) == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
    ]
    started, stopped, committed, added = events[:4]
    assert started["item_id"] == stopped["item_id"] == committed["item_id"] == added["item"]["id"]
    assert abs(started["audio_start_ms"] - 700) <= 32  # 300 ms before the first sound
    assert abs(stopped["audio_end_ms"] - 2300) <= 64  # 500 ms after the last
    (item,) = client.core.conversation
    assert item.parts[0].duration_ms == stopped["audio_end_ms"] - started["audio_start_ms"]
    assert heard(client, item.id) == item.parts[0].duration_ms
    assert isinstance(client.done[0], Listen)
    assert [type(action) for action in client.done[-2:]] == [Understand, Answer]


def test_audio_in_one_piece_is_cut_the_same(client: Client) -> None:
    """However audio is appended, turns begin and end at the same places, and nothing of it is heard twice."""
    pieces = client.append(SPOKEN)
    whole = Client(session=server_vad())
    at_once = whole.send("input_audio_buffer.append", audio=base64.b64encode(SPOKEN).decode())
    for kind, field in (("speech_started", "audio_start_ms"), ("speech_stopped", "audio_end_ms")):
        kind = f"input_audio_buffer.{kind}"
        assert only(at_once, kind)[field] == only(pieces, kind)[field]
    (item,) = whole.core.conversation
    assert heard(whole, item.id) == item.parts[0].duration_ms


def test_turns_share_no_audio(client: Client) -> None:
    """The next turn's padding does not reach into the last one; offsets go on counting."""
    client.update(**server_vad(prefix_padding_ms=2000, create_response=False))
    events = client.append(SPOKEN + voice(500) + silence(600))
    starts = [event["audio_start_ms"] for event in events if event["type"].endswith("speech_started")]
    ends = [event["audio_end_ms"] for event in events if event["type"].endswith("speech_stopped")]
    assert starts[0] == 0
    assert starts[1] == ends[0]
    assert ends[1] == pytest.approx(3500, abs=64)


def test_clicks_are_no_turns(client: Client) -> None:
    """Sound shorter than speech begins nothing."""
    assert client.append(silence(500) + voice(60) + silence(700)) == []


def test_the_settings_are_the_clients(client: Client) -> None:
    """Padding and silence are as long as was asked for, and no response is made unasked where it was turned off."""
    client.update(**server_vad(prefix_padding_ms=0, silence_duration_ms=200, create_response=False))
    events = client.append(SPOKEN)
    assert "response.created" not in kinds(events)
    assert only(events, "input_audio_buffer.speech_started")["audio_start_ms"] == pytest.approx(1000, abs=32)
    assert only(events, "input_audio_buffer.speech_stopped")["audio_end_ms"] == pytest.approx(2000, abs=64)


def test_speech_interrupts_the_reply(client: Client) -> None:
    """What is being said is cancelled as soon as the person speaks, with the reason; out of band goes on."""
    response_id = client.respond()
    side = client.respond(conversation="none")
    client.speak(response_id, ("Once upon", 0.5))
    events = client.append(voice(200))
    assert kinds(events)[0] == "input_audio_buffer.speech_started"
    done = only(events, "response.done")["response"]
    assert (done["id"], done["status"]) == (response_id, "cancelled")
    assert done["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert Hush(response_id) in client.done
    assert client.core.response(side) is not None


def test_interruption_can_be_turned_off(client: Client) -> None:
    """The reply goes on then, and the turn is committed and waits for the client to have it answered."""
    client.update(**server_vad(interrupt_response=False))
    response_id = client.respond()
    events = client.append(SPOKEN)
    assert "response.done" not in kinds(events)
    assert "response.created" not in kinds(events)
    assert client.core.response(response_id) is not None
    assert only(events, "input_audio_buffer.committed")


def test_the_client_may_commit_before_the_ear(client: Client) -> None:
    """A commit in mid-speech ends the turn under its identifier; what is said after it is another."""
    started = only(client.append(voice(500)), "input_audio_buffer.speech_started")
    events = client.send("input_audio_buffer.commit")
    assert kinds(events) == ["input_audio_buffer.committed", "conversation.item.added", "conversation.item.done"]
    assert events[0]["item_id"] == started["item_id"]
    after = client.append(voice(500) + silence(550))
    assert only(after, "input_audio_buffer.speech_started")["item_id"] != started["item_id"]
    assert client.error("input_audio_buffer.commit")["code"] == "input_audio_buffer_commit_empty"


def test_a_commit_without_speech_takes_what_there_is(client: Client) -> None:
    """The client knows better than the ear: what it commits is an item, and goes to the recogniser whole."""
    client.append(silence(400))
    item_id = client.send("input_audio_buffer.commit")[0]["item_id"]
    assert heard(client, item_id) == 400


def test_a_clear_forgets_the_turn(client: Client) -> None:
    """A turn that is cleared leaves nothing; the ear needs a new beginning."""
    item_id = only(client.append(voice(500)), "input_audio_buffer.speech_started")["item_id"]
    assert kinds(client.send("input_audio_buffer.clear")) == ["input_audio_buffer.cleared"]
    assert client.done[-1] == Forget(item_id)
    assert client.append(silence(700)) == []
    assert list(client.core.conversation) == []


def test_silence_is_not_kept_for_ever(client: Client) -> None:
    """Of what comes between turns the last half minute is kept: more than that no item can have."""
    client.append(silence(40_000))
    client.send("input_audio_buffer.commit")
    (item,) = client.core.conversation
    assert item.parts[0].duration_ms == 30_000


def test_endless_sound_is_cut(client: Client) -> None:
    """A turn without a breath ends after 20 s, and goes on as another: a fan fills no memory, and no word is lost."""
    client.update(**server_vad(create_response=False))
    events = client.append(voice(45_000))
    ends = [event["audio_end_ms"] for event in events if event["type"].endswith("speech_stopped")]
    starts = [event["audio_start_ms"] for event in events if event["type"].endswith("speech_started")]
    assert len(ends) == 2
    assert starts[1:] == ends


def test_detection_can_be_turned_off_and_on(client: Client) -> None:
    """A turn that is being spoken becomes the client's to commit; what a client began is the ear's to find again."""
    item_id = only(client.append(voice(500)), "input_audio_buffer.speech_started")["item_id"]
    client.update(type="realtime", audio={"input": {"turn_detection": None}})
    assert client.append(silence(2000)) == []
    assert client.send("input_audio_buffer.commit")[0]["item_id"] == item_id
    client.append(voice(300))
    client.update(**server_vad())
    assert isinstance(client.done[-1], Forget)
    assert kinds(client.append(voice(300) + silence(700)))[:2] == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
    ]


def test_an_update_of_something_else_leaves_the_ear_alone(client: Client) -> None:
    """A turn survives a change of instructions."""
    client.append(voice(500))
    client.update(type="realtime", instructions="x")
    events = client.append(silence(700))
    assert kinds(events)[0] == "input_audio_buffer.speech_stopped"


# semantic_vad


def detector(**fields: Any) -> TurnDetector:
    return TurnDetector(LoudnessModel(), Detection.read({**SEMANTIC_VAD, **fields}), 0)


def feed(ear: TurnDetector, pcm: bytes, complete: float | None) -> list[Boundary]:
    """Feed audio in frames, answering every question at once."""
    found: list[Boundary] = []
    for begin in range(0, len(pcm), 960):
        for boundary in ear.feed(pcm[begin : begin + 960]):
            found.append(boundary)
            if isinstance(boundary, Question):
                found += ear.judged(boundary.turn, boundary.pause, complete)
    return found


def end_ms(found: list[Boundary]) -> int:
    (stopped,) = [boundary for boundary in found if isinstance(boundary, Stopped)]
    return stopped.end_ms


@pytest.mark.parametrize(("eagerness", "longest_ms"), [("low", 8000), ("medium", 4000), ("auto", 4000), ("high", 2000)])
def test_an_unfinished_turn_is_waited_for(eagerness: str, longest_ms: int) -> None:
    """What surely goes on is given all the time its eagerness allows, and no more."""
    found = feed(detector(eagerness=eagerness), voice(1000) + silence(9000), 0.0)
    assert end_ms(found) - 1000 == pytest.approx(longest_ms, abs=64)


@pytest.mark.parametrize(("eagerness", "pause_ms"), [("low", 500), ("medium", 380), ("high", 200)])
def test_a_finished_turn_ends_soon(eagerness: str, pause_ms: int) -> None:
    """What surely is complete ends after the shortest pause."""
    found = feed(detector(eagerness=eagerness), voice(1000) + silence(2000), 1.0)
    assert end_ms(found) - 1000 == pytest.approx(pause_ms, abs=100)


def test_without_a_judgement_the_pause_decides() -> None:
    """When the judge has no time, or is late, a turn ends all the same."""
    assert end_ms(feed(detector(), voice(1000) + silence(2000), None)) - 1000 == pytest.approx(800, abs=64)
    ear = detector()
    found = ear.feed(voice(1000) + silence(2000))
    (question,) = [boundary for boundary in found if isinstance(boundary, Question)][:1]
    assert end_ms(found) - 1000 == pytest.approx(800, abs=64)
    assert ear.judged(question.turn, question.pause, 1.0) == []


def test_a_question_carries_the_turn() -> None:
    """The judge hears the turn at 16 kHz with its padding, its last 8 s at most, the pause included."""
    found = feed(detector(), silence(1000) + voice(1000) + silence(350), 0.0)
    (question,) = [boundary for boundary in found if isinstance(boundary, Question)]
    assert len(question.pcm) / 32 == pytest.approx(300 + 1000 + 280, abs=64)
    found = feed(detector(), voice(12_000) + silence(350), 0.0)
    (question,) = [boundary for boundary in found if isinstance(boundary, Question)]
    assert len(question.pcm) / 32 == pytest.approx(8000, abs=1100)


def test_a_short_answer_to_a_question_is_complete() -> None:
    """After a question of the assistant's a short turn ends sooner for the same sound."""

    def waited(asked: bool) -> int:
        ear = detector()
        ear.asked(asked)
        return end_ms(feed(ear, voice(300) + silence(2000), 0.5))

    assert waited(True) < waited(False) - 200


def test_server_vad_asks_nobody() -> None:
    """Its pauses are fixed: no judgement is spent on them."""
    ear = TurnDetector(LoudnessModel(), Detection.read(SERVER_VAD), 0)
    found = ear.feed(voice(1000) + silence(600))
    assert [type(boundary) for boundary in found] == [Started, Stopped]


def test_semantic_turns_run_through_a_session() -> None:
    """The core asks the shell for a judgement, and ends the turn when the answer says so."""
    client = Client(session=semantic_vad())
    events: Events = client.append(voice(1000) + silence(400))
    (question,) = [action for action in client.done if isinstance(action, Judge)]
    assert kinds(events) == ["input_audio_buffer.speech_started"]
    events = client.take(client.core.judged(question.turn, question.pause, 1.0))
    assert kinds(events)[0] == "input_audio_buffer.speech_stopped"
    assert kinds(events)[-1] == "response.created"
    (item,) = client.core.conversation
    assert heard(client, item.id) == item.parts[0].duration_ms
    assert client.take(client.core.judged(question.turn, question.pause, 1.0)) == []
