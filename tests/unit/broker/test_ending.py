"""The end of a session by itself: silence, goodbyes, budgets and time. Never in the middle of something."""

from __future__ import annotations

from typing import Any

import pytest

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import session_pb2 as session
from parley.v1 import stream_pb2
from services.broker.ending import OVERTIME_S, WORDS
from services.broker.manner import Closing
from services.broker.money import Prices
from services.common.errors import ModelFault
from tests.unit.broker.scene import Scene

GOODBYE = "Nice talking to you."


def hangups(scene: Scene) -> list[str]:
    """Why vad was told to hang up, each time it was."""
    told = [response.hangup for response in scene.to_vad if response.HasField("hangup")]
    return [stream_pb2.Hangup.Reason.Name(hangup.reason)[7:] for hangup in told]


def dictated(scene: Scene) -> list[str]:
    """What the agent wanted said of its own accord, word for word."""
    orders = [event["response"].get("instructions", "") for event in scene.of("response.create")]
    return [order.split('"')[1] for order in orders if '"' in order]


def waiting(**closing: Any) -> Scene:
    """A scene that ends by itself as told."""
    return Scene(closing=Closing(**closing))


def exchange(scene: Scene, turn: int, words: str = "hello", *, ms: int = 2000) -> None:
    """A turn, understood, answered and heard."""
    scene.turn(turn, item=f"u{turn}")
    scene.transcript(f"u{turn}", words)
    reply = int(scene.of("response.create")[-1]["response"]["metadata"]["reply"])
    scene.answer(reply, ms)
    scene.played(reply, ms, ended=True)


def say_dictated(scene: Scene, ms: int = 1000) -> None:
    """The model says what it was told to, and it is heard."""
    reply = int(scene.of("response.create")[-1]["response"]["metadata"]["reply"])
    scene.answer(reply, ms, "as told")
    scene.played(reply, ms, ended=True)


# Silence.


def test_silence_ends_a_session_once() -> None:
    """With its reason, and words for a client that shows them."""
    scene = waiting(silence_s=30)
    scene.wait(29)
    assert hangups(scene) == []
    scene.wait(1.2)
    assert hangups(scene) == ["SILENCE"]
    assert scene.core.hangup is not None
    assert scene.core.hangup.words == WORDS[stream_pb2.Hangup.REASON_SILENCE]
    scene.wait(60)
    assert hangups(scene) == ["SILENCE"]


def test_silence_counts_from_the_end_of_playback() -> None:
    """Generated long before, the answer is still being heard: nobody is silent."""
    scene = waiting(silence_s=10)
    scene.turn(1, item="u1")
    scene.transcript("u1", "tell me all")
    scene.answer(1, 60_000)
    for second in range(1, 60):
        scene.wait(1)
        scene.played(1, second * 1000)
    scene.played(1, 60_000, ended=True)
    scene.wait(9.5)
    assert hangups(scene) == []
    scene.wait(1)
    assert hangups(scene) == ["SILENCE"]


def test_no_limit_no_end() -> None:
    """0 is for ever."""
    scene = waiting(silence_s=0)
    scene.wait(400)
    assert hangups(scene) == []


def test_one_friendly_question_before_the_end() -> None:
    """After as long a silence again it ends; the question itself is not silence."""
    scene = waiting(silence_s=10, reprompt="Are you still there?")
    scene.wait(10.2)
    assert dictated(scene) == ["Are you still there?"]
    say_dictated(scene)
    scene.wait(9.5)
    assert hangups(scene) == []
    scene.wait(1)
    assert hangups(scene) == ["SILENCE"]
    assert len(dictated(scene)) == 1


def test_whoever_answers_the_question_may_be_asked_again_later() -> None:
    """The person is there: all begins anew."""
    scene = waiting(silence_s=10, reprompt="Are you still there?")
    scene.wait(10.2)
    say_dictated(scene)
    exchange(scene, 1, "yes")
    scene.wait(9.5)
    assert len(dictated(scene)) == 1
    scene.wait(1)
    assert len(dictated(scene)) == 2
    assert hangups(scene) == []


def speak(scene: Scene) -> None:
    """The person begins to speak, and it was nothing."""
    scene.vad(speech_started=broker.SpeechStarted(turn=1))
    scene.vad(speech_dismissed=broker.SpeechDismissed(turn=1))


def write(scene: Scene) -> None:
    """The person types, and is answered."""
    scene.vad(typed=broker.Typed(turn=1, text="hello"))
    scene.answer(1, 100)
    scene.played(1, 100, ended=True)


def announce(scene: Scene) -> None:
    """An operator has something said."""
    scene.vad(announcement=session.Announcement(id="a", text="The train is late."))
    scene.wait(0.1)
    say_dictated(scene, 100)


@pytest.mark.parametrize("stir", [speak, write, announce])
def test_what_stirs_the_silence(stir: Any) -> None:
    """Speech, typing and announcements: the silence begins anew."""
    scene = waiting(silence_s=10)
    scene.wait(9)
    stir(scene)
    scene.wait(9)
    assert hangups(scene) == []
    scene.wait(1.5)
    assert hangups(scene) == ["SILENCE"]


def test_a_person_who_speaks_on_and_on_is_not_silent() -> None:
    """However long the turn."""
    scene = waiting(silence_s=5)
    scene.vad(speech_started=broker.SpeechStarted(turn=1))
    scene.wait(30)
    assert hangups(scene) == []


def test_a_server_that_confirms_no_commit_does_not_keep_the_session_open() -> None:
    """Its word is not waited for for ever."""
    scene = waiting(silence_s=10)
    scene.turn(1)
    scene.answer(1)
    scene.played(1, 2000, ended=True)
    scene.wait(30)
    assert hangups(scene) == ["SILENCE"]


def test_the_models_absence_is_nobodys_silence() -> None:
    """Nothing ends while it is away, and the silence begins when it is back."""
    scene = waiting(silence_s=10, max_s=20)
    scene.wait(8)
    scene.take(scene.core.lose_model(scene.now_s))
    scene.wait(40)
    assert hangups(scene) == []
    assert dictated(scene) == []
    scene.take(scene.core.rebuild(scene.now_s))
    scene.wait(0.1)
    assert dictated(scene) == [Closing().last_words], "the time was up meanwhile"


def test_silence_begins_anew_with_a_new_connection() -> None:
    """The person waited for the model, not the model for the person."""
    scene = waiting(silence_s=10)
    scene.wait(8)
    scene.take(scene.core.lose_model(scene.now_s))
    scene.wait(5)
    scene.take(scene.core.rebuild(scene.now_s))
    scene.wait(9.5)
    assert hangups(scene) == []
    scene.wait(1)
    assert hangups(scene) == ["SILENCE"]


# Goodbyes.


def test_a_goodbye_is_answered_and_heard_before_the_end() -> None:
    """The person said it; the model says it back; then the line goes."""
    scene = waiting(silence_s=0)
    scene.turn(1, item="u1")
    scene.transcript("u1", "Okay, bye!")
    scene.answer(1, 1500, "goodbye")
    scene.wait(3)
    assert hangups(scene) == []
    scene.played(1, 1500, ended=True)
    scene.wait(0.1)
    assert hangups(scene) == ["GOODBYE"]


def test_a_goodbye_whose_words_come_late() -> None:
    """The transcript may be slower than the answer, and than its playback."""
    scene = waiting(silence_s=0)
    scene.turn(1, item="u1")
    scene.answer(1, 500)
    scene.played(1, 500, ended=True)
    scene.wait(1)
    scene.transcript("u1", "Goodbye.")
    scene.wait(0.1)
    assert hangups(scene) == ["GOODBYE"]


def test_a_goodbye_understood_before_its_turn_was_sure_to_be_over() -> None:
    """The transcript of a tentative end counts once the end is confirmed, and not before."""
    scene = waiting(silence_s=0)
    scene.guess(1)
    scene.committed("u1")
    scene.transcript("u1", "Goodbye!")
    scene.answer(1, 500)
    scene.wait(0.5)
    assert hangups(scene) == []
    scene.confirm(1)
    scene.played(1, 500, ended=True)
    scene.wait(0.1)
    assert hangups(scene) == ["GOODBYE"]


def test_a_typed_goodbye_is_one() -> None:
    """Whoever types takes leave as well."""
    scene = waiting(silence_s=0)
    scene.vad(typed=broker.Typed(turn=1, text="bye"))
    scene.answer(1, 500)
    scene.wait(0.5)
    assert hangups(scene) == []
    scene.played(1, 500, ended=True)
    scene.wait(0.1)
    assert hangups(scene) == ["GOODBYE"]


def test_an_agent_may_not_care() -> None:
    """The profile says so."""
    scene = waiting(silence_s=0, on_goodbye=False)
    exchange(scene, 1, "Goodbye!")
    scene.wait(5)
    assert hangups(scene) == []


def test_whoever_interrupts_the_goodbye_stays() -> None:
    """And is answered."""
    scene = waiting(silence_s=0)
    scene.turn(1, item="u1")
    scene.transcript("u1", "Bye!")
    scene.answer(1, 2000)
    scene.interrupt(1)
    scene.played(1, 500, seq=1)
    scene.turn(2, item="u2", speech_ms=3000, interruption=True)
    scene.transcript("u2", "no wait, one more thing")
    scene.answer(2)
    scene.played(2, 2000, ended=True)
    scene.wait(10)
    assert hangups(scene) == []


def test_whoever_goes_on_after_the_goodbye_was_understood_stays() -> None:
    """The turn was not over."""
    scene = waiting(silence_s=0)
    scene.turn(1, item="u1")
    scene.transcript("u1", "Bye")
    scene.resume(1)
    scene.turn(1, item="u2")
    scene.transcript("u2", "is what I will never say")
    scene.answer(2)
    scene.played(2, 2000, ended=True)
    scene.wait(10)
    assert hangups(scene) == []


def test_a_goodbye_of_an_older_turn_is_none() -> None:
    """The person has said something else since."""
    scene = waiting(silence_s=0)
    scene.turn(1, item="u1")
    scene.turn(2, item="u2")
    scene.transcript("u1", "Goodbye!")
    scene.created("r1")
    scene.done("r1")
    scene.answer(2)
    scene.played(2, 2000, ended=True)
    scene.wait(5)
    assert hangups(scene) == []


# Time and money.


def usage(tokens: int) -> dict[str, Any]:
    """What a response has used."""
    return {"output_tokens": tokens, "output_token_details": {"audio_tokens": tokens}}


def test_time_ends_at_the_next_pause_with_last_words() -> None:
    """What is being said is said; then the last words, then the end, when they were heard."""
    scene = waiting(silence_s=0, max_s=20, last_words=GOODBYE)
    scene.wait(19)
    scene.turn(1, item="u1")
    scene.transcript("u1", "hello")
    scene.answer(1, 5000)
    scene.wait(3)
    assert dictated(scene) == []
    scene.played(1, 5000, ended=True)
    scene.wait(0.1)
    assert dictated(scene) == [GOODBYE]
    scene.answer(2, 1000, GOODBYE)
    scene.wait(1)
    assert hangups(scene) == []
    scene.played(2, 1000, ended=True)
    scene.wait(0.1)
    assert hangups(scene) == ["TIME"]
    scene.wait(30)
    assert hangups(scene) == ["TIME"]
    assert dictated(scene) == [GOODBYE]


def test_a_pause_that_never_comes_is_not_waited_for_for_ever() -> None:
    """After a minute of overtime the last words are said after the answer that is under way."""
    scene = waiting(silence_s=0, max_s=10, last_words=GOODBYE)
    scene.wait(9)
    scene.turn(1, item="u1")
    scene.transcript("u1", "hello")
    scene.answer(1, 100_000)
    scene.wait(OVERTIME_S)
    assert dictated(scene) == []
    scene.wait(2)
    assert dictated(scene) == [GOODBYE]


def test_a_budget_ends_like_time() -> None:
    """Once it is spent, and not before; what is owed is counted to the last."""
    prices = Prices(audio_out=64)
    scene = Scene(closing=Closing(silence_s=0, budget_micros=100_000, last_words=GOODBYE), prices=prices)
    exchange(scene, 1)
    scene.done("x", usage=usage(1_000))
    scene.wait(1)
    assert dictated(scene) == []
    scene.done("y", usage=usage(600))
    scene.wait(0.1)
    assert dictated(scene) == [GOODBYE]
    say_dictated(scene)
    scene.wait(0.1)
    assert hangups(scene) == ["BUDGET"]
    assert scene.core.spent.cost_micros == 102_400


def test_no_last_words_no_wait() -> None:
    """An agent that says nothing hangs up at the pause."""
    scene = waiting(silence_s=0, max_s=5, last_words="")
    scene.wait(5.3)
    assert dictated(scene) == []
    assert hangups(scene) == ["TIME"]


def test_whoever_talks_into_the_last_words_is_answered_and_then_it_ends() -> None:
    """Time is up all the same; the last words are not said twice."""
    scene = waiting(silence_s=0, max_s=5, last_words=GOODBYE)
    scene.wait(5.1)
    scene.answer(1, 2000, GOODBYE)
    scene.interrupt(1)
    scene.played(1, 300, seq=1)
    scene.turn(1, item="u1", speech_ms=3000, interruption=True)
    scene.transcript("u1", "but I need")
    scene.answer(2)
    scene.wait(1)
    assert hangups(scene) == []
    scene.played(2, 2000, ended=True)
    scene.wait(0.1)
    assert hangups(scene) == ["TIME"]
    assert dictated(scene) == [GOODBYE]


def test_last_words_that_the_model_can_not_say_do_not_keep_it_open() -> None:
    """Its failure is the operator's to read; the person hears the end."""
    scene = waiting(silence_s=0, max_s=5, last_words=GOODBYE)
    scene.wait(5.1)
    scene.created("r1")
    scene.done("r1", "failed", status_details={"error": {"code": "server_error"}})
    scene.wait(0.1)
    assert hangups(scene) == ["TIME"]


def test_nothing_ends_before_it_began() -> None:
    """The model takes long to come: that is no silence."""
    scene = Scene(begun=False, closing=Closing(silence_s=5, max_s=5))
    scene.wait(20)
    assert hangups(scene) == []
    scene.take(scene.core.begin(scene.now_s))
    scene.wait(4)
    assert hangups(scene) == []


def test_a_model_that_answers_no_more_is_no_polite_end() -> None:
    """Two requests in a row without an answer end the session by a fault, not by silence."""
    scene = Scene(closing=Closing(silence_s=5), answer_s=10)
    scene.turn(1, item="u1")
    scene.transcript("u1", "hello")
    scene.wait(10.5)
    assert hangups(scene) == []
    scene.turn(2, item="u2")
    with pytest.raises(ModelFault):
        scene.wait(11)
