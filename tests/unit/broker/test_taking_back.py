"""Tentative ends that do not hold: all is taken back, and stands as if they had never been told."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import session_pb2 as session
from services.broker.speculation import MAX_PREPARED, PATIENCE_S
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
        assert scene.captions[-1].text == "Sorry, I could not answer that.", "this one the person waits for"


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


def test_a_turn_that_had_really_ended_goes_on_and_ends_tentatively() -> None:
    """While its first answer is being cancelled nothing is prepared; then only the second part is taken back."""
    scene = Scene()
    scene.turn(1, item="u1")
    scene.transcript("u1", "A pizza")
    scene.answer(1, done=False)
    scene.interrupt(1, Cause.CAUSE_TURN_RESUMED)
    scene.resume(1)
    scene.guess(1, interruption=True)
    assert scene.core.tally.prepared == 0
    scene.done("r1", "cancelled")
    scene.resume(1)
    told = scene.outward
    scene.guess(1, interruption=True)
    scene.committed("u2")
    scene.answer(2)
    scene.resume(1)
    assert forgotten(scene) == ["a1", "a2", "u2"]
    assert scene.outward == told
    scene.guess(1, interruption=True)
    scene.committed("u3")
    scene.transcript("u3", "with extra cheese and olives")
    scene.answer(3)
    assert scene.outward == told
    scene.confirm(1)
    assert scene.said == [("user", "A pizza"), ("user", "with extra cheese and olives")]
    assert scene.audio_of(3)
    assert len(scene.committed_audio[-1]) == 3 * 100 * MS * 2


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
