"""Tentative ends: the model thinks while the pause grows, and nobody learns of it before the end is confirmed."""

from __future__ import annotations

import pytest

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import session_pb2 as session
from services.broker.sequencer import REQUEST_TIMEOUT_S
from services.common import names
from tests.unit.broker.scene import MS, Cause, Scene


def prepared(**settings: bool) -> Scene:
    """A scene in which turn 1 has probably ended, and the model has been asked."""
    scene = Scene(**settings)
    scene.guess(1)
    scene.committed("u1")
    return scene


def test_the_model_is_asked_at_the_tentative_end_and_heard_at_the_confirmed_one() -> None:
    """Nothing gets out before; then all that was withheld goes out at once, in order, and the rest as it comes."""
    scene = prepared()
    assert scene.steps == ["commit", "create"]
    before = scene.outward
    scene.transcript("u1", "What time is it?")
    scene.created("r1")
    scene.item("r1", "a1")
    scene.speak("r1", "a1", 300, "It is ")
    scene.wait(0.4)
    assert scene.outward == before
    scene.confirm(1)
    kinds = [request.WhichOneof("message") for request in scene.to_egress]
    assert kinds == ["caption", "caption", "reply_started", "audio"]
    assert [response.WhichOneof("message") for response in scene.to_vad] == ["transcript", "answered", "progress"]
    assert scene.to_vad[0].transcript.text == "What time is it?", "vad alone is told, to weigh it with the pause"
    assert scene.to_vad[2].progress.reply == 1
    assert scene.said == [("user", "What time is it?")]
    assert len(scene.audio_of(1)) == 300 * MS * 2
    scene.speak("r1", "a1", 200, "noon.")
    scene.done("r1")
    scene.played(1, 500, ended=True)
    assert scene.said[-1] == ("assistant", "It is noon.")
    assert len(scene.audio_of(1)) == 500 * MS * 2
    assert scene.steps == ["commit", "create"], "nothing was asked twice"
    assert str(scene.core.tally) == "1 answers begun early, 1 used, 0 wasted, 0 failed"


def test_what_the_pause_hides_is_not_waited_for() -> None:
    """The model takes 500 ms and the pause grows by 420: 80 ms are left of them, where 500 were; by virtual time."""
    first_audio_ms = {}
    for speculate in (True, False):
        scene = Scene(speculate=speculate)
        scene.guess(1)
        asked_s = scene.now_s
        if not speculate:
            scene.now_s += 0.42
            scene.confirm(1)
            asked_s = scene.now_s
        scene.created("r1")
        if speculate:
            scene.now_s += 0.42
            scene.confirm(1)
        scene.now_s = asked_s + 0.5
        scene.speak("r1", "a1", 100)
        started = next(request.reply_started for request in scene.to_egress if request.HasField("reply_started"))
        stages = {stage.name: stage.ms for stage in started.stages}
        assert (stages[names.VAD_ENDPOINT], stages[names.BROKER_COMMIT]) == (700, 0)
        first_audio_ms[speculate] = stages[names.MODEL_FIRST_AUDIO]
    assert first_audio_ms[False] - first_audio_ms[True] == pytest.approx(420)


@pytest.mark.parametrize("words", ["", "one two"])
def test_a_response_that_is_over_before_the_end_is_confirmed(words: str) -> None:
    """It is played whole; one without sound leaves the floor open, and the person is told when the end is."""
    scene = prepared()
    if words:
        scene.answer(1, words=words)
    else:
        scene.created("r1")
        scene.done("r1")
    assert scene.outward == 0
    scene.confirm(1)
    if words:
        assert scene.to_egress[-1].WhichOneof("message") == "reply_ended"
        assert len(scene.audio_of(1)) == 2000 * MS * 2
    else:
        assert scene.silent == [1]
    scene.turn(2, item="u2")
    assert len(scene.of("response.create")) == 2


def test_a_failure_half_way_is_played_as_far_as_it_goes() -> None:
    """As it would be had the model been asked only now."""
    scene = prepared()
    scene.created("r1")
    scene.speak("r1", "a1", 500, "half a")
    scene.done("r1", "failed")
    assert scene.outward == 0
    scene.confirm(1)
    assert scene.to_egress[-1].reply_ended.samples == 500 * MS


def test_another_response_in_the_way_is_not_pushed() -> None:
    """The model is still busy, is being cut, or owes us its word: the end is waited for as ever."""
    scene = Scene()
    scene.turn(1, item="u1")
    scene.guess(2)
    assert scene.steps == ["commit", "create"], "still answering the turn before"
    scene.answer(1)
    scene.confirm(2)
    assert scene.steps == ["commit", "create"] * 2
    scene.answer(2)
    scene.played(2, 500)
    scene.interrupt(1)
    scene.guess(3, interruption=True)
    assert len(scene.of("response.create")) == 2, "the reply is being cut to what was heard"
    scene.played(2, 600, seq=1)
    scene.confirm(3)
    assert len(scene.of("response.create")) == 3, "the item of turn 2 was never confirmed, and nothing is prepared"
    assert scene.core.tally.prepared == 0


def test_a_short_interruption_is_understood_first() -> None:
    """It may be a bare stop, which wants no answer: nothing is prepared."""
    for fields in ({"speech_ms": 400}, {"speech_ms": 2000, "stop_word": "stop"}):
        scene = Scene()
        scene.turn(1, item="u1")
        scene.answer(1)
        scene.interrupt(1)
        scene.played(1, 500, seq=1)
        scene.guess(2, interruption=True, **fields)
        assert len(scene.of("input_audio_buffer.commit")) == 1
    scene = Scene()
    scene.guess(1, interruption=True, speech_ms=400)
    scene.confirm(1)
    scene.committed("u1")
    scene.transcript("u1", "Stop!")
    assert (scene.silent, scene.of("response.create")) == ([1], [])


def test_an_announcement_waits_for_the_turn() -> None:
    """It is said after the answer, or when the person goes on; and keeps nothing from being prepared twice."""
    for goes_on in (False, True):
        scene = prepared()
        scene.vad(announcement=session.Announcement(id="x", text="Dinner."))
        scene.answer(1)
        assert scene.outward == 0
        if goes_on:
            scene.resume(1)
        else:
            scene.confirm(1)
        assert "instructions" in scene.of("response.create")[-1]["response"]
        assert bool(scene.audio_of(1)) is not goes_on
        scene.answer(2)
        assert scene.audio_of(2)


def test_sound_of_the_pause_is_not_the_next_turns() -> None:
    """Audio between the tentative end and its confirmation belongs to no turn."""
    scene = prepared()
    scene.vad(audio=broker.TurnAudio(turn=1, pcm=bytes(9600)))
    scene.confirm(1)
    scene.answer(1)
    scene.turn(2)
    assert len(scene.committed_audio[-1]) == len(scene.committed_audio[0])


def test_words_in_progress_are_shown_from_their_beginning() -> None:
    """What was understood while nobody might know comes with the confirmation."""
    scene = prepared()
    kind = "conversation.item.input_audio_transcription.delta"
    scene.model(kind, item_id="u1", delta="Hel")
    scene.confirm(1)
    scene.model(kind, item_id="u1", delta="lo")
    assert [(caption.text, caption.final) for caption in scene.captions] == [("Hel", False), ("lo", False)]


def test_a_confirmation_that_is_for_another_turn_or_comes_twice_changes_nothing() -> None:
    """Only the end that stands can be confirmed, once."""
    scene = prepared()
    scene.answer(1)
    scene.confirm(2)
    assert scene.outward == 0
    scene.confirm(1)
    told = scene.outward
    scene.confirm(1)
    assert scene.outward == told


def test_the_prepared_answer_is_interrupted_like_any_other() -> None:
    """After its confirmation nothing is special about it."""
    scene = prepared()
    scene.answer(1)
    scene.confirm(1)
    scene.played(1, 500)
    scene.interrupt(1, Cause.CAUSE_SPEECH)
    scene.played(1, 600, seq=1)
    assert scene.memory_edits == [("a1", 600)]


def test_a_response_released_before_it_has_begun_may_still_be_refused() -> None:
    """The person waits for it by now, and is told; the request's time still counts from when it was made."""
    scene = prepared()
    scene.confirm(1)
    scene.refuse("rate_limit_exceeded", scene.of("response.create")[-1]["event_id"], "Slow down.")
    assert scene.captions[-1].text == "Sorry, I could not answer that."
    assert scene.silent == [1]
    scene = prepared()
    scene.wait(1)
    scene.confirm(1)
    scene.wait(REQUEST_TIMEOUT_S - 0.8)
    assert scene.silent == [1]


@pytest.mark.parametrize(("words", "is_question"), [("Do you take milk? ", True), ("Here you are.", False)])
def test_vad_is_told_whether_a_reply_asks(words: str, is_question: bool) -> None:
    """After a question a short answer is complete: vad cannot know, the broker can."""
    scene = Scene()
    scene.turn(1)
    scene.committed("u1")
    scene.transcript("u1", "Coffee, please.")
    scene.created("r1")
    scene.item("r1", "a1")
    scene.speak("r1", "a1", 300, words)
    scene.done("r1")
    (asked,) = [response.asked for response in scene.to_vad if response.HasField("asked")]
    assert (asked.reply, asked.is_question) == (1, is_question)
