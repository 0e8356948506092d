"""The conversation: asking, being refused, being disappointed, and a model that says what it shouldn't."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parley.v1 import broker_service_pb2 as broker
from services.broker.answering import Answering
from services.broker.faults import ModelRefused
from services.broker.sequencer import CANCEL_TIMEOUT_S, REQUEST_TIMEOUT_S, SILENCE_TIMEOUT_S, Slot
from services.common.errors import ModelFault
from tests.unit.broker.scene import Scene


def asked() -> Scene:
    """A scene in which the model has been asked to answer turn 1."""
    scene = Scene()
    scene.turn(1, item="u1")
    return scene


def answering(scene: Scene) -> Answering:
    """What holds the scene's one response."""
    return scene.core._answering


def request_id(scene: Scene) -> str:
    """The id of the last request."""
    return str(scene.of("response.create")[-1]["event_id"])


def test_a_turn_is_committed_and_answered() -> None:
    """Audio, commit, create, in this order; vad learns which reply answers the turn."""
    scene = asked()
    assert scene.steps == ["commit", "create"]
    scene.created("r1")
    progress = scene.to_vad[-1].progress
    assert (progress.turn, progress.stage, progress.reply) == (1, broker.TurnProgress.STAGE_REPLYING, 1)


def test_a_model_that_is_slow_to_connect_is_asked_when_it_is_ready() -> None:
    """The person speaks 15 s before the model is there: no request times out, and the turn is answered."""
    scene = Scene(begun=False)
    scene.turn(1)
    scene.wait(15.5)
    assert scene.steps == ["commit"]
    assert scene.history == []
    scene.take(scene.core.begin(scene.now_s))
    assert scene.steps == ["commit", "create"]
    scene.committed("u1")
    scene.transcript("u1", "hello")
    scene.answer(1)
    assert scene.said == [("user", "hello")]
    assert scene.audio_of(1)


def test_a_tentative_end_waits_for_its_confirmation() -> None:
    """With speculation off nothing is done before; a wrong confirmation is none; a resumed turn voids it."""
    scene = Scene(speculate=False)
    scene.vad(turn_ended=broker.TurnEnded(turn=1, tentative=True))
    scene.vad(turn_confirmed=broker.TurnConfirmed(turn=2))
    assert scene.steps == []
    scene.vad(turn_resumed=broker.TurnResumed(turn=1))
    scene.vad(turn_confirmed=broker.TurnConfirmed(turn=1))
    assert scene.steps == []
    scene.vad(turn_ended=broker.TurnEnded(turn=1, tentative=True))
    scene.vad(turn_confirmed=broker.TurnConfirmed(turn=1))
    assert scene.steps == ["commit", "create"]


def test_an_active_response_in_the_way_is_waited_for() -> None:
    """The model dropped the request: it is made again when whatever is in the way is done, and heard as new."""
    scene = asked()
    scene.refuse("conversation_already_has_active_response", request_id(scene))
    scene.wait(1)
    assert len(scene.of("response.create")) == 1
    scene.done("stranger")
    assert len(scene.of("response.create")) == 2
    scene.answer(2)
    assert scene.audio_of(2)
    assert scene.silent == []


def test_a_request_dropped_as_busy_is_not_made_again_for_an_interrupted_turn() -> None:
    """The person took the floor in between: nobody wants that answer any more."""
    scene = asked()
    scene.interrupt(1)
    scene.refuse("conversation_already_has_active_response", request_id(scene))
    scene.wait(0.3)
    scene.done("stranger")
    assert len(scene.of("response.create")) == 1


def test_an_interrupt_stops_even_a_response_of_unknown_id() -> None:
    """Only then is a cancel sent without an id."""
    scene = asked()
    scene.refuse("conversation_already_has_active_response", request_id(scene))
    scene.interrupt(1)
    assert "response_id" not in scene.of("response.cancel")[0]


def test_a_cancel_that_comes_too_late_is_no_fault() -> None:
    """The race is benign: nothing is said, nothing changes."""
    scene = asked()
    scene.answer(1, done=False)
    scene.interrupt(1)
    before = (len(scene.sent), len(scene.to_egress))
    scene.refuse("response_cancel_not_active", scene.of("response.cancel")[0]["event_id"])
    assert (len(scene.sent), len(scene.to_egress)) == before


def test_a_refused_request_is_explained(caplog: pytest.LogCaptureFixture) -> None:
    """The person reads that there is no answer, the operator why; vad opens the floor; the next turn is asked anew."""
    scene = asked()
    scene.refuse("rate_limit_exceeded", request_id(scene), "Slow down.")
    assert scene.captions[-1].text == "Sorry, I could not answer that."
    assert "turn 1 was not answered: Slow down." in caplog.text
    assert scene.silent == [1]
    scene.turn(2)
    assert len(scene.of("response.create")) == 2


def test_a_failed_response_is_explained(caplog: pytest.LogCaptureFixture) -> None:
    """The only report of a failed generation stands inside response.done."""
    scene = asked()
    scene.created("r1")
    scene.item("r1", "a1")
    scene.done("r1", "failed", status_details={"error": {"code": "content_policy"}})
    assert scene.captions[-1].text == "Sorry, I could not answer that."
    assert "turn 1 was not answered: content_policy" in caplog.text
    assert scene.silent == [1]
    assert scene.memory_edits == [("a1", None)], "the model must not believe that it said something"


def test_a_response_that_fails_half_way_is_played_as_far_as_it_goes() -> None:
    """What came is heard and remembered, and the fault explained."""
    scene = asked()
    scene.transcript("u1", "hello")
    scene.created("r1")
    scene.speak("r1", "a1", 500, "half a")
    scene.done("r1", "failed")
    assert scene.to_egress[-1].reply_ended.samples == 12_000
    scene.played(1, 500, ended=True)
    assert scene.said[-1] == ("assistant", "half a")
    assert scene.silent == []


@pytest.mark.parametrize("status", ["completed", "incomplete", "cancelled"])
def test_a_response_without_audio_leaves_the_floor_open(status: str) -> None:
    """A model with nothing to say: vad must not wait for sound, and the next turn goes its way."""
    scene = asked()
    scene.created("r1")
    scene.done("r1", status)
    assert scene.silent == [1]
    scene.turn(2)
    assert len(scene.of("response.create")) == 2


def test_a_response_nobody_asked_for_is_cancelled() -> None:
    """Out of the blue; or late, told from the one asked for since by the metadata."""
    scene = Scene()
    scene.model("response.created", response={"id": "r0"})
    assert scene.of("response.cancel")[0]["response_id"] == "r0"
    scene.turn(1)
    scene.wait(REQUEST_TIMEOUT_S + 0.1)
    assert scene.silent == [1]
    scene.turn(2)
    scene.model("response.created", response={"id": "r1", "metadata": {"reply": "1", "turn": "1"}})
    assert scene.of("response.cancel")[1]["response_id"] == "r1"
    scene.answer(2)
    assert scene.audio_of(2)


def test_a_server_that_echoes_no_metadata_is_believed() -> None:
    """Then the response that begins is the one asked for."""
    scene = asked()
    scene.created("r1", echo=False)
    scene.speak("r1", "a1", 100)
    assert scene.audio_of(1)


def test_a_request_that_is_lost_is_given_up_and_explained(caplog: pytest.LogCaptureFixture) -> None:
    """After ten seconds the floor is open, and the person knows that nothing will be said; why, the log says."""
    scene = asked()
    scene.wait(REQUEST_TIMEOUT_S + 0.1)
    assert scene.silent == [1]
    assert scene.captions[-1].text == "Sorry, I could not answer that."
    assert "turn 1 was not answered: the model did not answer" in caplog.text


def test_two_requests_lost_in_a_row_end_the_conversation() -> None:
    """A response between them is a sign of life; without one the model is gone, though its connection stands."""
    scene = asked()
    scene.wait(REQUEST_TIMEOUT_S + 0.1)
    scene.turn(2)
    scene.answer(2)
    scene.turn(3)
    scene.wait(REQUEST_TIMEOUT_S + 0.1)
    scene.turn(4)
    with pytest.raises(ModelFault, match="left 2 requests in a row without an answer"):
        scene.wait(REQUEST_TIMEOUT_S + 0.1)


def test_a_request_may_be_given_less_time() -> None:
    """As PARLEY_MODEL_ANSWER_S says."""
    scene = Scene(answer_s=1.0)
    scene.turn(1)
    scene.wait(1.1)
    assert scene.silent == [1]


def test_a_response_that_falls_silent_is_given_up() -> None:
    """Its audio so far is played to its end, it is cancelled, and the next turn is asked."""
    scene = asked()
    scene.answer(1, done=False)
    scene.wait(SILENCE_TIMEOUT_S + 0.1)
    assert scene.of("response.cancel")[0]["response_id"] == "r1"
    assert scene.to_egress[-1].WhichOneof("message") == "reply_ended"
    scene.turn(2)
    assert len(scene.of("response.create")) == 2


def test_a_cancelled_response_whose_end_is_never_told_does_not_block_the_next() -> None:
    """The model owes a response.done; the conversation doesn't wait for ever for it."""
    scene = asked()
    scene.answer(1, done=False)
    scene.interrupt(1)
    scene.turn(2)
    scene.wait(CANCEL_TIMEOUT_S - 0.1)
    assert len(scene.of("response.create")) == 1
    scene.wait(0.3)
    assert len(scene.of("response.create")) == 2
    assert answering(scene).sequencer.slot is Slot.REQUESTED


@pytest.mark.parametrize("field", ["code", "type"])
def test_a_fatal_error_ends_the_conversation(field: str) -> None:
    """An empty account, told by code or by type: no second try helps, and the log says what to do."""
    with pytest.raises(ModelRefused, match="OPENAI_API_KEY") as caught:
        Scene().model("error", error={field: "insufficient_quota", "message": "You exceeded your quota."})
    assert not caught.value.to_wire().retryable


def test_an_expired_session_may_be_begun_again() -> None:
    """After an hour the model says so; a new conversation helps."""
    with pytest.raises(ModelFault, match=r"60 minutes\.") as caught:
        Scene().model("error", error={"code": "session_expired", "message": "60 minutes."})
    assert "new conversation" in caught.value.to_wire().message
    assert caught.value.to_wire().retryable


def test_other_errors_are_logged_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    """The socket stays usable after an error."""
    scene = asked()
    before = (len(scene.sent), len(scene.to_egress))
    scene.refuse("invalid_value", "parley_77", "already shorter")
    scene.refuse("item_delete_invalid_item_id", "parley_78")
    assert (len(scene.sent), len(scene.to_egress)) == before
    assert [record.getMessage() for record in caplog.records] == ["the model reports invalid_value: already shorter"]


KINDS = (
    "error",
    "session.updated",
    "rate_limits.updated",
    "input_audio_buffer.committed",
    "conversation.item.input_audio_transcription.delta",
    "conversation.item.input_audio_transcription.completed",
    "response.created",
    "response.done",
    "response.output_item.added",
    "response.output_audio.delta",
    "response.output_audio.done",
    "response.output_audio_transcript.delta",
    "response.something.new",
    "something.new",
)
FIELDS = ("item_id", "response_id", "response", "item", "delta", "error", "transcript", "content_index", "part")
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "r1", "a1", "u1", "AAAA", "é"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["id", "type", "code", "status", "metadata", "message"]), inner, max_size=3)
    ),
    max_leaves=4,
)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(KINDS) | JUNK, st.dictionaries(st.sampled_from(FIELDS), JUNK, max_size=4)), max_size=8
    )
)
def test_garbage_ends_nothing(events: list[tuple[object, dict[str, object]]]) -> None:
    """Known and unknown kinds with fields missing, null or of any type: no exception, and speech still gets in."""
    scene = asked()
    scene.created("r1")
    scene.item("r1", "a1")
    for kind, fields in events:
        scene.take(scene.core.from_model({"type": kind, **fields}, scene.now_s))
    scene.interrupt(1)
    scene.wait(0.3)
    scene.turn(2)
    assert len(scene.of("input_audio_buffer.commit")) == 2
