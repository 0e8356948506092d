"""The official `openai` SDK, unmodified, against the engine."""

from __future__ import annotations

import pytest

from tests.conformance.client_run import SPEECH, Run, python_client

QUESTION = SPEECH["question"]
ANSWER = "2 plus 3 is 5."
SPOKEN_REPLY = [
    "response.created",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    "response.output_audio_transcript.delta",
    "response.output_audio.delta",
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
]
"""The order of a spoken reply's events, as recorded from the service itself."""
TURN_TAKING = [
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
    "response.created",
]
TURNS = ["typed", "typed_and_spoken", "manual", "server_vad", "semantic_vad", "interrupted"]
OTHERS = ["tool", "out_of_band", "cancelled", "truncated", "transcription", "refused"]
CLIENT = python_client("openai_sdk", *TURNS, *OTHERS)


@pytest.mark.parametrize("scenario", TURNS + OTHERS)
def test_every_event_is_known_to_the_sdk(run: Run, scenario: str) -> None:
    """Each event is of a type the SDK knows, valid by that type, and without fields the SDK does not have."""
    assert run(CLIENT).facts(scenario)["faults"] == []


def test_typed_question_is_answered_in_writing(run: Run) -> None:
    """A text response comes in deltas that join to the item's text, and tells what it took."""
    facts = run(CLIENT).facts("typed")
    assert (facts["status"], facts["written"], facts["audio_s"]) == ("completed", ANSWER, 0)
    assert facts["output"][0]["content"] == [{"type": "output_text", "text": ANSWER}]
    assert facts["usage"]["output_tokens"] > 0


def test_typed_question_is_answered_aloud(run: Run) -> None:
    """A reply's events come in the service's order, its transcript with its audio."""
    facts = run(CLIENT).facts("typed_and_spoken")
    assert (facts["status"], facts["transcript"]) == ("completed", ANSWER)
    assert facts["audio_s"] > 0.5
    assert facts["usage"]["output_token_details"]["audio_tokens"] > 0
    reply = facts["types"][facts["types"].index("response.created") :]
    assert _first_of_each(reply, SPOKEN_REPLY) == SPOKEN_REPLY


@pytest.mark.parametrize("scenario", ["manual", "server_vad", "semantic_vad"])
def test_spoken_question_is_understood_and_answered(run: Run, scenario: str) -> None:
    """What was said is transcribed and answered, whoever tells that the turn is over; all events name one item."""
    facts = run(CLIENT).facts(scenario)
    assert (facts["understood"], facts["status"]) == (QUESTION, "completed")
    assert facts["transcript"] == ANSWER
    assert facts["audio_s"] > 0.5
    assert facts["one_item"]


@pytest.mark.parametrize("scenario", ["server_vad", "semantic_vad"])
def test_engine_tells_where_speech_was(run: Run, scenario: str) -> None:
    """Speech that began at 500 ms is told once, from up to 300 ms (the padding) before it, and its end after it."""
    facts = run(CLIENT).facts(scenario)
    ((started_ms,), (stopped_ms,)) = facts["started_ms"], facts["stopped_ms"]
    assert 100 <= started_ms <= 700
    assert started_ms + 1000 < stopped_ms
    order = _first_of_each(facts["types"], TURN_TAKING)
    assert order == TURN_TAKING


def test_reply_is_interrupted_by_speech(run: Run) -> None:
    """Speech over a reply cancels it by the engine's own decision, and what was said is answered."""
    facts = run(CLIENT).facts("interrupted")
    assert facts["first"] == {"type": "cancelled", "reason": "turn_detected"}
    assert facts["cut_after_onset"]
    assert (facts["status"], facts["answer"]) == ("completed", ANSWER)


def test_function_call_makes_its_round(run: Run) -> None:
    """A declared function is called with arguments; what it gave is spoken."""
    facts = run(CLIENT).facts("tool")
    assert facts["statuses"] == ["completed", "completed"]
    assert facts["call"] == {"type": "function_call", "name": "get_weather", "status": "completed"}
    assert len({*facts["arguments"], facts["pieces"]}) == 1
    assert "paris" in facts["pieces"].lower()
    assert "twenty one degrees" in facts["transcript"]
    assert facts["audio_s"] > 0.5


def test_question_beside_the_conversation(run: Run) -> None:
    """An out-of-band response comes while another speaks, carries its metadata, and leaves no trace."""
    facts = run(CLIENT).facts("out_of_band")
    assert (facts["status"], facts["metadata"], facts["text"]) == ("completed", {"topic": "sums"}, ANSWER)
    assert facts["conversation"] is None
    assert (facts["in_conversation"], facts["story_in_conversation"]) == (False, True)


def test_cancelled_reply_ends_once(run: Run) -> None:
    """A cancelled response says so, nothing of it follows, and the next is whole."""
    facts = run(CLIENT).facts("cancelled")
    assert (facts["status"], facts["details"]) == ("cancelled", {"type": "cancelled", "reason": "client_cancelled"})
    assert facts["left_over"] == []
    assert facts["next"] == "completed"


def test_truncated_reply_is_remembered_as_heard(run: Run) -> None:
    """After a truncate at 2 s the item holds 2 s of audio and the words of those."""
    facts = run(CLIENT).facts("truncated")
    assert (facts["audio_end_ms"], facts["kept_s"]) == (2000, 2.0)
    assert 0 < len(facts["kept"]) < len(facts["said"]) / 2
    assert facts["said"].startswith(facts["kept"])


def test_transcription_comes_while_one_speaks(run: Run) -> None:
    """In a transcription session words come before the commit, under the item's id, and nothing is answered."""
    facts = run(CLIENT).facts("transcription")
    assert facts["early"].strip()
    assert facts["same_item"]
    assert facts["transcript"] == SPEECH["long"]
    assert facts["responses"] == 0


def test_errors_name_the_event_they_answer(run: Run) -> None:
    """Each wrong event gets its own error with the service's code, and the session goes on."""
    facts = run(CLIENT).facts("refused")
    assert facts["errors"] == {
        "e-cancel": "response_cancel_not_active",
        "e-commit": "input_audio_buffer_commit_empty",
        "e-retrieve": "item_retrieve_invalid_item_id",
        "e-truncate": "item_truncate_invalid_item_id",
        "e-update": "invalid_value",
        "e-create": "conversation_already_has_active_response",
    }
    assert facts["types"] == ["invalid_request_error"]
    assert facts["after"] == "completed"


def _first_of_each(types: list[str], wanted: list[str]) -> list[str]:
    """The wanted types in the order in which each first came."""
    return list(dict.fromkeys(kind for kind in types if kind in wanted))
