"""The person's captions: each word once, whoever writes it down, and then the line as history has it."""

from __future__ import annotations

from parley.v1 import broker_service_pb2 as broker
from tests.unit.broker.scene import Scene


def shown(scene: Scene) -> list[tuple[str, bool, int]]:
    """All captions of the person: words, whether final, turn."""
    return [(caption.text, caption.final, caption.turn) for caption in scene.captions if not caption.reply]


def delta(scene: Scene, item: str, words: str) -> None:
    """The model writes the next words down."""
    scene.model("conversation.item.input_audio_transcription.delta", item_id=item, delta=words)


def live(scene: Scene, words: str) -> None:
    """A recogniser beside it does."""
    scene.take(scene.core.live_words(words))


def hear(scene: Scene, turn: int) -> None:
    """A piece of a turn is heard."""
    scene.vad(audio=broker.TurnAudio(turn=turn, pcm=bytes(3200)))


def test_the_models_words_are_shown_as_they_come() -> None:
    """After its commit; then the whole line."""
    scene = Scene()
    scene.turn(1, item="u1")
    delta(scene, "u1", "good")
    delta(scene, "u1", " morning")
    scene.transcript("u1", "Good morning.")
    assert shown(scene) == [("good", False, 1), (" morning", False, 1), ("Good morning.", True, 1)]


def test_live_words_are_shown_while_they_are_spoken_and_weighed() -> None:
    """The turn taking is told all of them so far, each time."""
    scene = Scene()
    hear(scene, 1)
    live(scene, "good")
    live(scene, " morning")
    assert shown(scene) == [("good", False, 1), (" morning", False, 1)]
    written = [response.transcript.text for response in scene.to_vad if response.HasField("transcript")]
    assert written == ["good", "good morning"]


def test_what_stands_there_is_not_shown_again() -> None:
    """The model's own deltas come later, and are the same words."""
    scene = Scene()
    hear(scene, 1)
    live(scene, "good morning")
    scene.turn(1, item="u1")
    delta(scene, "u1", "good morning")
    scene.transcript("u1", "Good morning.")
    assert shown(scene) == [("good morning", False, 1), ("Good morning.", True, 1)]


def test_live_words_that_come_too_late_are_dropped() -> None:
    """The line is final: they stand in it already."""
    scene = Scene()
    scene.turn(1, item="u1")
    scene.transcript("u1", "Good morning.")
    live(scene, "morning")
    assert shown(scene) == [("Good morning.", True, 1)]


def test_live_words_of_nothing_are_none() -> None:
    """Blanks, and words before anybody spoke."""
    scene = Scene()
    live(scene, "ghost")
    hear(scene, 1)
    live(scene, "  ")
    assert shown(scene) == []


def test_a_new_turn_has_a_new_line() -> None:
    """Also where the words of the last one are still awaited."""
    scene = Scene()
    scene.turn(1, item="u1")
    live(scene, "one")
    scene.turn(2, item="u2")
    live(scene, "two")
    scene.transcript("u1", "One.")
    live(scene, " too")
    written = [(r.transcript.turn, r.transcript.text) for r in scene.to_vad if r.HasField("transcript")]
    assert written == [(1, "one"), (2, "two"), (2, "two too")]
    assert shown(scene)[2:] == [("One.", True, 1), (" too", False, 2)]


def test_a_turn_that_goes_on_goes_on_in_its_line() -> None:
    """What the second part says is shown for the same turn."""
    scene = Scene()
    scene.turn(1, item="u1")
    scene.transcript("u1", "I want")
    scene.resume(1)
    hear(scene, 1)
    live(scene, "a pizza")
    scene.turn(1, item="u2")
    scene.transcript("u2", "a pizza")
    assert shown(scene) == [("I want", True, 1), ("a pizza", False, 1), ("a pizza", True, 1)]


def test_nothing_of_a_guess_is_shown_before_it_is_sure() -> None:
    """Then all of it is, at once."""
    scene = Scene()
    scene.guess(1)
    scene.committed("u1")
    delta(scene, "u1", "good morning")
    assert shown(scene) == []
    scene.confirm(1)
    assert shown(scene) == [("good morning", False, 1)]


def test_typed_words_are_a_line() -> None:
    """At once."""
    scene = Scene()
    scene.vad(typed=broker.Typed(turn=1, text="hello"))
    assert shown(scene) == [("hello", True, 1)]
