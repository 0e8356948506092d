"""Tentative ends: the model thinks while the pause grows, and nobody learns of it before the end is confirmed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import session_pb2 as session
from services.broker.sequencer import REQUEST_TIMEOUT_S
from services.broker.speculation import MAX_PREPARED, PATIENCE_S
from services.common import names
from tests.unit.broker.scene import MS, Cause, Scene


def prepared(**settings: bool) -> Scene:
    """A scene in which turn 1 has probably ended, and the model has been asked."""
    scene = Scene(**settings)
    scene.guess(1)
    scene.committed("u1")
    return scene


def noise(seed: int, ms: int) -> bytes:
    """Speech that is unlike any other."""
    return np.random.default_rng(seed).integers(-9_000, 9_000, ms * 16).astype("<i2").tobytes()


def forgotten(scene: Scene) -> list[str]:
    """The items that the model was told to delete."""
    return [event["item_id"] for event in scene.of("conversation.item.delete")]


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
    assert [response.WhichOneof("message") for response in scene.to_vad] == ["answered", "progress"]
    assert scene.to_vad[1].progress.reply == 1
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


def test_a_turn_that_goes_on_is_asked_as_one() -> None:
    """The response is cancelled, its items and the committed item go, and the next commit holds the whole turn."""
    scene, plain = Scene(), Scene(speculate=False)
    scene.guess(1, pcm=noise(1, 730))
    scene.committed("u1")
    scene.transcript("u1", "I want")
    scene.created("r1")
    scene.item("r1", "a1")
    scene.speak("r1", "a1", 300, "What do you")
    scene.resume(1)
    assert scene.of("response.cancel")[0]["response_id"] == "r1"
    assert sorted(forgotten(scene)) == ["a1", "u1"]
    scene.speak("r1", "a1", 300, "want?")
    scene.item("r1", "b1")
    scene.done("r1", "cancelled")
    assert sorted(forgotten(scene)) == ["a1", "b1", "u1"]
    assert scene.outward == 0
    for each in (scene, plain):
        if each is plain:
            each.vad(audio=broker.TurnAudio(turn=1, pcm=noise(1, 730)))
        each.vad(audio=broker.TurnAudio(turn=1, pcm=noise(2, 410)))
        each.vad(turn_ended=broker.TurnEnded(turn=1, speech_ms=2000))
        each.committed("u2")
        each.transcript("u2", "I want a pizza")
        assert each.of("response.create")[-1]["response"]["metadata"]["turn"] == "1"
        assert each.said == [("user", "I want a pizza")]
        assert each.answered == [1]
    assert scene.committed_audio[-1] == plain.committed_audio[-1], "as if there had been no tentative end"
    scene.answer(2)
    assert scene.audio_of(1) == b""
    assert scene.audio_of(2)
    assert (scene.core.tally.wasted, scene.core.tally.used) == (1, 0)


def test_the_person_goes_on_before_the_model_has_said_anything() -> None:
    """Neither the item nor the response has an id yet: both go as soon as they have one."""
    scene = Scene()
    scene.guess(1)
    scene.resume(1)
    assert scene.steps == ["commit", "create"]
    scene.committed("u1")
    scene.created("r1")
    scene.done("r1", "cancelled")
    assert scene.steps[2:] == ["item.delete", "cancel"]
    scene.transcript("u1", "too late")
    scene.guess(1)
    scene.committed("u2")
    scene.confirm(1)
    scene.answer(2)
    assert scene.audio_of(2)
    assert (scene.said, scene.answered) == ([], [])
    scene.transcript("u2", "both parts")
    assert scene.said == [("user", "both parts")]


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


def test_a_response_that_is_over_before_the_turn_goes_on() -> None:
    """There is nothing to cancel; what it said is forgotten."""
    scene = prepared()
    scene.answer(1)
    scene.resume(1)
    assert scene.of("response.cancel") == []
    assert sorted(forgotten(scene)) == ["a1", "u1"]
    scene.turn(1, item="u2")
    assert len(scene.of("response.create")) == 2


def refuse(scene: Scene) -> None:
    """The request is refused."""
    scene.refuse("rate_limit_exceeded", scene.of("response.create")[-1]["event_id"], "Slow down.")


def fail(scene: Scene) -> None:
    """The response fails before it says anything."""
    scene.created("r1")
    scene.item("r1", "a1")
    scene.done("r1", "failed", status_details={"error": {"code": "rate_limit_exceeded"}})


def refuse_commit(scene: Scene) -> None:
    """The audio is not taken, and the request is answered in vain."""
    scene.refuse("some_new_code", scene.of("input_audio_buffer.commit")[-1]["event_id"])
    scene.created("r1")
    scene.done("r1", "cancelled")


@pytest.mark.parametrize("how", [refuse, fail, refuse_commit])
def test_what_the_model_fails_to_prepare_is_asked_again(how: Callable[[Scene], None]) -> None:
    """The person is told nothing, and vad neither; it is counted; when the turn is over it is asked as ever."""
    scene = Scene()
    scene.guess(1)
    if how is not refuse_commit:
        scene.committed("u1")
    how(scene)
    assert scene.outward == 0
    assert (scene.core.tally.failed, scene.core.tally.wasted) == (1, 0)
    scene.confirm(1)
    scene.committed("u2")
    assert len(scene.of("response.create")) == 2
    assert scene.committed_audio[0] == scene.committed_audio[1]
    scene.answer(2)
    assert scene.audio_of(2)
    assert scene.silent == []
    if how is refuse:
        scene.turn(2, item="u3")
        scene.refuse("rate_limit_exceeded", scene.of("response.create")[-1]["event_id"], "Slow down.")
        assert "Slow down." in scene.captions[-1].text, "this one the person waits for"


def test_a_request_that_is_lost_is_not_held_against_the_model() -> None:
    """The model is given a second each time: two early requests lost in a row end no conversation."""
    scene = Scene(answer_s=1.0)
    for number in (1, 2, 3):
        scene.guess(1)
        scene.committed(f"u{number}")
        scene.wait(1.2)
        scene.resume(1)
    assert scene.outward == 0
    assert scene.core.tally.failed == MAX_PREPARED


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


def test_several_pauses_in_one_turn() -> None:
    """Each is prepared for, up to a limit; the next turn has its own."""
    scene = Scene()
    for number in range(1, MAX_PREPARED + 3):
        scene.guess(1)
        if number <= MAX_PREPARED:
            scene.committed(f"u{number}")
            scene.answer(number)
        scene.resume(1)
    assert len(scene.of("response.create")) == MAX_PREPARED
    scene.guess(1)
    scene.confirm(1)
    scene.committed("u9")
    scene.answer(MAX_PREPARED + 1)
    assert scene.committed_audio[-1] == bytes((MAX_PREPARED + 3) * 100 * MS * 2)
    scene.guess(2)
    assert scene.core.tally.prepared == MAX_PREPARED + 1


def test_an_interrupt_voids_what_was_prepared_but_not_the_end() -> None:
    """A late sound of the assistant's is cut off while the pause grows: the turn is asked when it is confirmed."""
    scene = prepared()
    scene.answer(1, done=False)
    scene.interrupt(1)
    floor = next(r.interrupt for r in scene.to_egress if r.HasField("interrupt")).floor
    assert floor == 1
    scene.done("r1", "cancelled")
    scene.confirm(1)
    scene.committed("u2")
    scene.answer(2)
    assert (scene.audio_of(1), len(scene.audio_of(2))) == (b"", 2000 * MS * 2)


def test_a_typed_turn_voids_what_was_prepared() -> None:
    """It is asked by itself; the spoken words are not lost if their end is confirmed after all."""
    scene = prepared()
    scene.answer(1)
    scene.vad(typed=broker.Typed(turn=2, text="never mind"))
    assert scene.said == [("user", "never mind")]
    assert scene.of("response.create")[-1]["response"]["metadata"]["turn"] == "2"


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


def test_a_dismissed_turn_leaves_nothing() -> None:
    """It was no speech: neither model nor history keep it, and its audio is not in the next turn."""
    scene = prepared()
    scene.answer(1)
    scene.vad(speech_dismissed=broker.SpeechDismissed(turn=1))
    assert sorted(forgotten(scene)) == ["a1", "u1"]
    scene.turn(2, item="u2")
    assert len(scene.committed_audio[-1]) == len(scene.committed_audio[0])
    scene.transcript("u2", "hello")
    assert scene.said == [("user", "hello")]


def test_a_session_that_ends_in_the_pause_leaves_nothing() -> None:
    """Hanging up before the end is confirmed: what was prepared enters no history."""
    scene = prepared()
    scene.transcript("u1", "hello")
    scene.answer(1)
    scene.close()
    assert scene.outward == 0
    assert scene.core.tally.wasted == 1


def test_an_end_that_nobody_confirms_is_not_waited_for_for_ever() -> None:
    """The model is free for others again; a late word is still obeyed."""
    scene = prepared()
    scene.vad(announcement=session.Announcement(id="x", text="Dinner."))
    scene.answer(1)
    scene.wait(PATIENCE_S + 0.1)
    scene.answer(2)
    assert scene.audio_of(2)
    scene.confirm(1)
    scene.committed("u2")
    scene.answer(3)
    assert scene.audio_of(3)


def test_an_end_that_was_final_without_a_word() -> None:
    """Neither confirmed nor resumed, but told again: the turn is committed once, whole."""
    scene = prepared()
    scene.answer(1)
    scene.turn(1, item="u2")
    assert len(scene.committed_audio[-1]) == 2 * 100 * MS * 2
    scene.answer(2)
    assert (scene.audio_of(1), bool(scene.audio_of(2))) == (b"", True)


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
    refuse(scene)
    assert "Slow down." in scene.captions[-1].text
    assert scene.silent == [1]
    scene = prepared()
    scene.wait(1)
    scene.confirm(1)
    scene.wait(REQUEST_TIMEOUT_S - 0.8)
    assert scene.silent == [1]
