"""Excess: what a model says beyond what is kept is not taken, and what it said before is played."""

from __future__ import annotations

import pytest

from tests.unit.broker.scene import MS, Scene

PIECE_MS = 1000


@pytest.fixture(autouse=True)
def _kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten seconds are kept, instead of ten minutes."""
    monkeypatch.setattr("services.broker.excess.MOST_S", 10)


def flood(scene: Scene, pieces: int, words: str = "on ") -> None:
    """The model says as much, a second in each delta."""
    for _ in range(pieces):
        scene.speak("r1", "a1", PIECE_MS, words)


def heard_s(scene: Scene) -> float:
    """Return how many seconds of the reply went to egress."""
    return len(scene.audio_of(1)) / 2 / MS / 1000


def story() -> Scene:
    """A scene in which the model has begun to answer turn 1."""
    scene = Scene()
    scene.turn(1, item="u1")
    scene.transcript("u1", "tell me a story")
    scene.created("r1")
    scene.item("r1", "a1")
    return scene


def test_a_model_that_floods_is_cancelled_once_and_what_it_said_is_played() -> None:
    """Ten pieces and one are kept, nothing after them; heard to its end it is a reply like any other."""
    scene = story()
    flood(scene, 10)
    assert not scene.of("response.cancel")
    flood(scene, 20)
    (cancel,) = scene.of("response.cancel")
    assert cancel["response_id"] == "r1"
    scene.done("r1", "cancelled")
    assert heard_s(scene) == 11
    scene.played(1, 11 * PIECE_MS, ended=True)
    assert scene.said[-1] == ("assistant", " ".join(["on"] * 11))
    scene.turn(2, item="u2")
    assert scene.steps.count("create") == 2


def test_a_long_story_that_is_heard_as_it_comes_is_not_cut() -> None:
    """However long it is, it is never too far ahead."""
    scene = story()
    for piece in range(30):
        flood(scene, 1)
        scene.played(1, piece * PIECE_MS)
    scene.item_done("r1", "a1")
    scene.done("r1")
    assert not scene.of("response.cancel")
    assert heard_s(scene) == 30


def test_a_model_that_can_not_be_stopped_talks_to_nobody() -> None:
    """What it goes on to say is dropped, also when there is room again; its end ends the reply."""
    scene = story()
    flood(scene, 11)
    scene.played(1, 5 * PIECE_MS)
    flood(scene, 5, "off ")
    scene.item_done("r1", "a1")
    scene.done("r1")
    assert heard_s(scene) == 11
    scene.played(1, 11 * PIECE_MS, ended=True)
    assert scene.said[-1] == ("assistant", " ".join(["on"] * 11))
    assert len(scene.of("response.cancel")) == 1
