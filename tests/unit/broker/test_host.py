"""The host: an agent greets, and what everything costs is counted."""

from __future__ import annotations

from typing import Any

from parley.v1 import broker_service_pb2 as broker
from services.broker.money import Prices
from services.broker.upstream.capabilities import Capabilities
from tests.unit.broker.scene import Scene

HELLO = "Hello, this is Parley."


def greetings(scene: Scene) -> int:
    """How often the greeting was asked for."""
    return sum(HELLO in event["response"].get("instructions", "") for event in scene.of("response.create"))


def test_an_agent_greets_first_and_once() -> None:
    """Before anybody said anything; it stands in history as the assistant's word."""
    scene = Scene(greeting=HELLO)
    assert scene.steps == ["create"]
    assert greetings(scene) == 1
    scene.answer(1, 1500, HELLO)
    scene.played(1, 1500, ended=True)
    scene.wait(60)
    assert greetings(scene) == 1
    assert scene.said == [("assistant", HELLO)]


def test_no_greeting_waits_for_the_person() -> None:
    """Nothing is asked for."""
    scene = Scene()
    scene.wait(5)
    assert scene.sent == []


def test_a_reconnect_does_not_greet_again() -> None:
    """The new model knows that it was said."""
    scene = Scene(greeting=HELLO)
    scene.answer(1, 1500, HELLO)
    scene.played(1, 1500, ended=True)
    scene.take(scene.core.lose_model(scene.now_s))
    scene.take(scene.core.rebuild(scene.now_s))
    assert greetings(scene) == 1
    told = [event["item"] for event in scene.of("conversation.item.create")]
    assert [item["role"] for item in told] == ["system", "assistant"]
    assert told[1]["content"][0]["text"] == HELLO


def test_a_greeting_lost_before_its_first_word_is_said_by_the_next_connection() -> None:
    """Nobody has heard it yet."""
    scene = Scene(greeting=HELLO)
    scene.created("r1")
    scene.take(scene.core.lose_model(scene.now_s))
    scene.take(scene.core.rebuild(scene.now_s))
    assert greetings(scene) == 2
    scene.answer(2, 1500, HELLO)
    scene.played(2, 1500, ended=True)
    assert scene.said == [("assistant", HELLO)]


def test_a_greeting_can_be_cut_off() -> None:
    """Like any reply: the model remembers what was heard of it."""
    scene = Scene(greeting=HELLO, aligned=True)
    scene.created("r1")
    scene.item("r1", "a1")
    for word in ("Hello,", " this", " is", " Parley."):
        scene.speak("r1", "a1", 400, word)
    scene.interrupt(1)
    scene.played(1, 800, seq=1)
    scene.done("r1", "cancelled")
    scene.turn(1, item="u1", speech_ms=3000, interruption=True)
    assert scene.memory_edits == [("a1", 800)]
    assert scene.said[0] == ("assistant", "Hello, this")
    assert scene.steps[-1] == "create"


def test_a_person_who_is_quicker_is_answered_first() -> None:
    """They spoke before the model was there; the greeting comes after."""
    scene = Scene(begun=False, greeting=HELLO)
    scene.turn(1)
    scene.take(scene.core.begin(scene.now_s))
    assert scene.steps == ["commit", "create"]
    assert greetings(scene) == 0


def test_a_server_that_takes_no_instructions_is_told_by_the_conversation() -> None:
    """The order stands in it as the system's word."""
    scene = Scene(greeting=HELLO, capabilities=Capabilities(instructions_per_response=False))
    assert scene.steps == ["item.create", "create"]
    item = scene.of("conversation.item.create")[0]["item"]
    assert item["role"] == "system"
    assert HELLO in item["content"][0]["text"]
    assert set(scene.of("response.create")[0]["response"]) == {"metadata"}


# Money.


def usage(audio: int) -> dict[str, Any]:
    """What a response has used."""
    return {
        "input_tokens": audio,
        "input_token_details": {"audio_tokens": audio},
        "output_tokens": audio,
        "output_token_details": {"audio_tokens": audio},
    }


def priced(**manner: Any) -> Scene:
    """A scene whose model costs 32 for a million tokens of audio in, and 64 for out; 0.06 for a minute written."""
    return Scene(prices=Prices(audio_in=32, audio_out=64, transcribed_minute=0.06), **manner)


def costs(scene: Scene) -> list[tuple[int, int, int]]:
    """Turn, cost and sum, in millionths, in order."""
    return [(spent.turn, spent.usage.cost_micros, spent.total.cost_micros) for spent in scene.spent]


def test_each_response_and_each_transcription_counts() -> None:
    """For its turn; the session's sum grows."""
    scene = priced()
    for turn in (1, 2):
        scene.turn(turn, item=f"u{turn}")
        kind = "conversation.item.input_audio_transcription.completed"
        told = {"type": "duration", "seconds": 2.0}
        scene.model(kind, item_id=f"u{turn}", transcript="hello", usage=told)
        scene.created(f"r{turn}")
        scene.speak(f"r{turn}", f"a{turn}", 500, "hi")
        scene.done(f"r{turn}", usage=usage(100))
    assert costs(scene) == [(1, 2000, 2000), (1, 9600, 11_600), (2, 2000, 13_600), (2, 9600, 23_200)]
    assert scene.core.spent.cost_micros == 23_200
    assert scene.core.spent.audio_out == 200


def test_usage_beside_the_response_counts_too() -> None:
    """Some servers put it at the top of the event."""
    scene = priced()
    scene.turn(1, item="u1")
    scene.created("r1")
    scene.model("response.done", response={"id": "r1", "status": "completed"}, usage=usage(100))
    assert costs(scene) == [(1, 9600, 9600)]


def test_what_was_cut_off_is_paid_for() -> None:
    """So is what failed, and what nobody had asked for; but nothing is counted twice."""
    scene = priced()
    scene.turn(1, item="u1")
    scene.created("r1")
    scene.interrupt(1)
    scene.done("r1", "cancelled", usage=usage(100))
    scene.done("r1", "cancelled", usage=usage(100))
    scene.done("stranger", usage=usage(100))
    assert costs(scene) == [(1, 9600, 9600), (0, 9600, 19_200)]


def test_a_guess_that_was_wrong_is_paid_for() -> None:
    """Its response, and the writing down of what was taken back."""
    scene = priced()
    scene.guess(1)
    scene.committed("u1")
    scene.created("r1")
    scene.resume(1)
    scene.done("r1", "cancelled", usage=usage(100))
    kind = "conversation.item.input_audio_transcription.completed"
    scene.model(kind, item_id="u1", transcript="hello", usage={"type": "duration", "seconds": 1})
    assert [cost for _, cost, _ in costs(scene)] == [9600, 1000]


def test_what_costs_nothing_is_not_told() -> None:
    """A server that tells of no use, or of nonsense, leaves no trace."""
    scene = priced()
    scene.turn(1, item="u1")
    scene.created("r1")
    scene.done("r1", usage="much")
    assert scene.spent == []


def test_a_typed_turn_in_history_is_counted_to_its_turn() -> None:
    """It has a number like any."""
    scene = priced()
    scene.vad(typed=broker.Typed(turn=4, text="hello"))
    scene.created("r1")
    scene.done("r1", usage=usage(10))
    assert costs(scene) == [(4, 960, 960)]
