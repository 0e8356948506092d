"""Second tries: what failed for a passing reason is asked for again before anybody is told."""

from __future__ import annotations

import pytest

from parley.v1 import session_pb2 as session
from services.broker.second_try import PAUSES_S
from tests.unit.broker.scene import Scene


def asked() -> Scene:
    """A scene whose turn 1 has been understood and asked about."""
    scene = Scene()
    scene.turn(1, item="u1")
    scene.transcript("u1", "hello")
    return scene


def fail(scene: Scene, number: int, code: str = "server_error", message: str = "") -> None:
    """The response asked for last begins and fails."""
    scene.created(f"r{number}")
    error = {"type": "server_error", "code": code, "message": message}
    scene.done(f"r{number}", "failed", status_details={"type": "failed", "error": error})


def requests(scene: Scene) -> int:
    """How many responses were asked for."""
    return len(scene.of("response.create"))


def test_a_failure_of_the_servers_is_asked_for_again() -> None:
    """After a short pause; nobody learns of it, and the answer is the turn's."""
    scene = asked()
    fail(scene, 1)
    assert requests(scene) == 1
    scene.wait(PAUSES_S[0] - 0.1)
    assert requests(scene) == 1
    scene.wait(0.2)
    assert requests(scene) == 2
    assert scene.captions[-1].text == "hello"
    scene.answer(2)
    scene.played(2, 2000, ended=True)
    assert scene.said == [("user", "hello"), ("assistant", "one two three four")]
    assert scene.silent == []
    assert scene.core.is_quiet


@pytest.mark.parametrize("code", ["rate_limit_exceeded", "inference_rate_limit_exceeded"])
@pytest.mark.parametrize(("words", "pause_s"), [("1.3s", 1.3), ("750ms", 0.75), ("4 s", 4.0)])
def test_a_rate_limit_names_its_pause(code: str, words: str, pause_s: float) -> None:
    """It is kept, to the tick."""
    scene = asked()
    fail(scene, 1, code, f"Rate limit reached. Please try again in {words}. Visit the page.")
    scene.wait(pause_s - 0.1)
    assert requests(scene) == 1
    scene.wait(0.15)
    assert requests(scene) == 2


def test_a_pause_that_is_too_long_is_not_waited_for() -> None:
    """The person is told at once instead."""
    scene = asked()
    fail(scene, 1, "rate_limit_exceeded", "Please try again in 20s.")
    scene.wait(25)
    assert requests(scene) == 1
    assert scene.captions[-1].text == "Sorry, I could not answer that."
    assert scene.silent == [1]


def test_after_three_tries_the_person_is_told() -> None:
    """The pauses grow; then vad opens the floor, and the next turn has tries of its own."""
    scene = asked()
    fail(scene, 1)
    scene.wait(PAUSES_S[0] + 0.05)
    fail(scene, 2)
    scene.wait(PAUSES_S[1] - 0.1)
    assert requests(scene) == 2
    scene.wait(0.15)
    fail(scene, 3, message="Out of order.")
    assert scene.captions[-1].text == "Sorry, I could not answer that."
    assert scene.silent == [1]
    scene.wait(10)
    assert requests(scene) == 3
    scene.turn(2, item="u2")
    fail(scene, 4)
    scene.wait(PAUSES_S[0] + 0.05)
    assert requests(scene) == 5


def test_a_failure_that_will_not_pass_is_told() -> None:
    """Asking again would change nothing."""
    scene = asked()
    scene.created("r1")
    error = {"type": "invalid_request_error", "code": "content_policy", "message": "No."}
    scene.done("r1", "failed", status_details={"type": "failed", "error": error})
    scene.wait(5)
    assert scene.captions[-1].text == "Sorry, I could not answer that."
    assert requests(scene) == 1
    assert scene.silent == [1]


def test_whoever_interrupts_meanwhile_is_not_answered_for_the_old_turn() -> None:
    """The pause ends with it, and the new turn is asked about at once."""
    scene = asked()
    fail(scene, 1)
    scene.interrupt(1)
    scene.turn(2, item="u2")
    assert requests(scene) == 2
    scene.created("r2")
    scene.wait(5)
    assert requests(scene) == 2
    assert scene.of("response.create")[-1]["response"]["metadata"]["turn"] == "2"


def test_a_turn_that_goes_on_is_asked_about_when_it_ends() -> None:
    """Not before."""
    scene = asked()
    fail(scene, 1)
    scene.resume(1)
    scene.wait(3)
    assert requests(scene) == 1
    scene.turn(1, item="u1.2")
    assert requests(scene) == 2


def test_a_newer_turn_is_answered_with_the_one_that_failed() -> None:
    """One response for both, when the pause is over."""
    scene = asked()
    fail(scene, 1)
    scene.turn(2, item="u2")
    assert requests(scene) == 1
    scene.wait(PAUSES_S[0] + 0.05)
    assert requests(scene) == 2
    assert scene.of("response.create")[-1]["response"]["metadata"]["turn"] == "2"


def test_what_was_half_said_is_not_said_again() -> None:
    """It is played as far as it goes, and the fault told."""
    scene = asked()
    scene.created("r1")
    scene.speak("r1", "a1", 500, "half a")
    error = {"type": "server_error", "code": "server_error", "message": "Oops."}
    scene.done("r1", "failed", status_details={"error": error})
    scene.wait(5)
    assert requests(scene) == 1
    assert any(caption.text == "Sorry, I could not answer that." for caption in scene.captions)


def test_an_announcement_is_not_tried_again() -> None:
    """Its operator has the log; whoever listens is not told of what they never expected."""
    scene = Scene()
    scene.vad(announcement=session.Announcement(id="a", text="The train is late."))
    fail(scene, 1)
    scene.wait(5)
    assert requests(scene) == 1
    assert scene.captions == []


def test_a_connection_that_breaks_in_the_pause_asks_anew_at_once() -> None:
    """The new server has no pause to keep."""
    scene = asked()
    fail(scene, 1)
    scene.take(scene.core.lose_model(scene.now_s))
    scene.take(scene.core.rebuild(scene.now_s))
    assert requests(scene) == 2
    scene.wait(5)
    assert requests(scene) == 2
