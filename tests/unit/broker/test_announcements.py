"""Announcements in the broker: one response at a time, turns first, and remembered like any reply."""

from __future__ import annotations

import pytest

from parley.v1 import session_pb2 as session
from services.broker.sequencer import MAX_ANNOUNCEMENTS, REQUEST_TIMEOUT_S, Sequencer
from services.broker.verbatim import LEAD_IN
from services.engine.minds.verbatim import dictated
from tests.unit.broker.scene import Cause, Scene

WORDS = "Your taxi is here."


def announce(scene: Scene, name: str = "a", text: str = WORDS) -> None:
    """An operator's words come from vad."""
    scene.vad(announcement=session.Announcement(id=name, text=text))


def dictations(scene: Scene) -> list[str | None]:
    """What each request to the model dictates, as our own engine understands it; None where it dictates nothing."""
    asked = (event["response"] for event in scene.of("response.create"))
    return [dictated(response.get("instructions", "")) for response in asked]


def test_the_model_is_asked_to_say_exactly_this() -> None:
    """No context to answer to, no tools, nothing but the words; the item joins the conversation."""
    scene = Scene()
    announce(scene)
    (request,) = scene.of("response.create")
    assert request["response"] == {
        "conversation": "auto",
        "input": [],
        "instructions": f'{LEAD_IN}"{WORDS}"',
        "tool_choice": "none",
        "metadata": {"reply": "1", "turn": "0"},
    }


@pytest.mark.parametrize("text", [WORDS, 'He said: "No!"', '"Quoted."', "a: b: c", "Zwei\nZeilen", "“curly”", "x"])
def test_any_words_reach_the_engine_as_they_are(text: str) -> None:
    """What the broker asks for is what our engine reads out of it, quotes and colons included."""
    scene = Scene()
    announce(scene, text=text)
    assert dictations(scene) == [text]


def test_it_is_a_reply_like_any_other() -> None:
    """It has a number, audio, captions and an end, and is remembered as the assistant's when it was heard."""
    scene = Scene()
    announce(scene)
    scene.answer(1, words=WORDS)
    scene.played(1, 2000, ended=True)
    started = next(request.reply_started for request in scene.to_egress if request.HasField("reply_started"))
    assert (started.reply, started.turn) == (1, 0)
    assert [stage.name for stage in started.stages] == ["model.first_audio"], "no turn ended before it"
    assert len(scene.audio_of(1)) == 2 * 48_000
    assert [(caption.text, caption.turn) for caption in scene.captions if caption.final] == [(WORDS, 0)]
    assert scene.said == [("assistant", WORDS)]
    assert (scene.history[0].turn, scene.history[0].reply) == (0, 1)


def test_it_is_said_once_however_often_it_is_sent() -> None:
    """A second message of one name asks for nothing, and vad need not wait for it."""
    scene = Scene()
    announce(scene)
    scene.answer(1)
    announce(scene)
    assert len(scene.of("response.create")) == 1
    assert scene.silent == [0]


def test_an_interrupted_one_is_cut_to_what_was_heard() -> None:
    """The model and the history keep the words that were heard, as of any reply."""
    scene = Scene(aligned=True)
    announce(scene)
    scene.created("r1")
    for word in ("one ", "two ", "three "):
        scene.speak("r1", "a1", 1000, word)
    scene.played(1, 1500)
    scene.interrupt(1, Cause.CAUSE_OPERATOR)
    scene.played(1, 2000, seq=1)
    assert scene.steps == ["create", "cancel", "item.truncate"]
    assert scene.memory_edits == [("a1", 2000)]
    assert scene.said == [("assistant", "one two")]
    assert scene.history[0].interrupted


def test_while_a_response_is_generated_it_waits() -> None:
    """The model takes one request at a time."""
    scene = Scene()
    scene.turn(1, item="u1")
    scene.created("r1")
    announce(scene, "a")
    announce(scene, "b")
    assert dictations(scene) == [None]
    scene.done("r1")
    assert dictations(scene) == [None, WORDS]
    scene.answer(2)
    assert dictations(scene) == [None, WORDS, WORDS]


def test_a_persons_turn_goes_first() -> None:
    """Whether it was there before the announcement or came while that was waiting."""
    scene = Scene(begun=False)
    announce(scene, "a")
    scene.turn(1)
    announce(scene, "b")
    scene.take(scene.core.begin(scene.now_s))
    assert dictations(scene) == [None]
    scene.answer(1)
    assert dictations(scene) == [None, WORDS]


def test_a_cancel_drops_one_that_waits() -> None:
    """The person has taken the floor: neither what is spoken nor what waits for the model comes any more."""
    scene = Scene()
    scene.turn(1, item="u1")
    scene.created("r1")
    announce(scene)
    scene.interrupt(1)
    scene.wait(0.5)
    scene.done("r1", "cancelled")
    scene.wait(0.5)
    assert dictations(scene) == [None]


def test_a_cancel_drops_one_that_was_asked_for() -> None:
    """Its response is ended as soon as its name is known; not one sample of it goes out."""
    scene = Scene()
    announce(scene)
    scene.interrupt(1, Cause.CAUSE_OPERATOR)
    scene.created("r1")
    scene.speak("r1", "a1", 500)
    scene.done("r1", "cancelled")
    scene.wait(0.5)
    assert scene.of("response.cancel")[0]["response_id"] == "r1"
    assert scene.audio_of(1) == b""
    assert scene.said == []


def test_one_after_an_interrupt_waits_until_it_is_known_what_was_heard() -> None:
    """Say with interrupt: first the memory is cut, then the new words are asked for."""
    scene = Scene()
    announce(scene, "a")
    scene.answer(1)
    scene.interrupt(1, Cause.CAUSE_OPERATOR)
    announce(scene, "b", "Never mind.")
    assert dictations(scene) == [WORDS]
    scene.played(1, 700, seq=1)
    assert scene.steps == ["create", "item.truncate", "create"]
    assert dictations(scene) == [WORDS, "Never mind."]


def test_a_busy_model_is_asked_again_in_the_same_order() -> None:
    """A request that the model dropped is made again before later ones."""
    scene = Scene()
    announce(scene, "a", "One.")
    announce(scene, "b", "Two.")
    scene.refuse("conversation_already_has_active_response", scene.of("response.create")[-1]["event_id"])
    scene.done("stranger")
    assert dictations(scene) == ["One.", "One."]
    scene.answer(2)
    assert dictations(scene) == ["One.", "One.", "Two."]


@pytest.mark.parametrize("how", ["refused", "failed", "lost"])
def test_one_that_the_model_does_not_say_is_given_up(how: str, caplog: pytest.LogCaptureFixture) -> None:
    """The log says why, vad learns that nothing comes, and the person, who asked for nothing, gets no apology."""
    scene = Scene()
    announce(scene)
    if how == "refused":
        scene.refuse("server_error", scene.of("response.create")[-1]["event_id"], "out of words")
    elif how == "failed":
        scene.created("r1")
        scene.done("r1", "failed", status_details={"error": {"message": "out of words"}})
    else:
        scene.wait(REQUEST_TIMEOUT_S + 0.2)
    assert scene.silent == [0]
    assert scene.captions == []
    assert "announcement a was not said to its end" in caplog.text
    scene.turn(1, item="u1")
    assert dictations(scene) == [WORDS, None], "the conversation goes on"


def test_the_report_of_a_turn_is_not_that_of_an_announcement() -> None:
    """The first turn after it is timed from its own end."""
    scene = Scene()
    announce(scene)
    scene.answer(1)
    scene.wait(5)
    scene.turn(1, item="u1")
    scene.answer(2)
    started = [request.reply_started for request in scene.to_egress if request.HasField("reply_started")]
    assert [stage.ms for stage in started[1].stages][:2] == [300, 0]


def test_too_many_are_refused(caplog: pytest.LogCaptureFixture) -> None:
    """The queue before the model is bounded, too."""
    scene = Scene(begun=False)
    for number in range(MAX_ANNOUNCEMENTS + 1):
        announce(scene, str(number))
    assert "too many wait" in caplog.text
    assert scene.silent == [0]


def test_the_sequencer_grants_turns_first_and_announcements_in_order() -> None:
    """One wish is granted at a time; dropping all of them leaves none."""
    sequencer = Sequencer()
    for name in ("a", "b"):
        sequencer.announce(session.Announcement(id=name))
    sequencer.want(7)
    assert (sequencer.wish, sequencer.announcement) == (7, None)
    sequencer.requested("e1", 0.0)
    sequencer.created("r1", 0.0)
    assert not sequencer.may_request
    sequencer.done("r1")
    waiting = sequencer.announcement
    assert sequencer.may_request
    assert waiting is not None
    assert waiting.id == "a"
    sequencer.drop_all()
    assert not sequencer.may_request
