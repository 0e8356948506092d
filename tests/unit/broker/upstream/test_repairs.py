"""Repairs: what compatible servers leave out, say twice or put elsewhere."""

from __future__ import annotations

import pytest

from services.broker.upstream.ga import GaDriver
from services.broker.upstream.repairs import MOST_WORDS
from tests.fakes.realtime.wire import Event, server_faults
from tests.unit.broker.upstream.wire import settings

USAGE = {"total_tokens": 30, "input_tokens": 20, "output_tokens": 10}


def heard(*messages: Event) -> list[Event]:
    """Return what the core hears of these messages of one connection."""
    driver = GaDriver(settings())
    return [event for message in messages for event in driver.incoming(message)]


def added(kind: str, name: str = "i", role: str = "user") -> Event:
    """An acknowledgement of an item."""
    item = {"id": name, "type": "message", "role": role, "content": [{"type": "input_text", "text": "x"}]}
    return {"type": f"conversation.item.{kind}", "event_id": "e", "item": item}


def test_an_item_is_acknowledged_once_by_whichever_name() -> None:
    """`created` is the older one; who sends both is heard once. One that was deleted may come again."""
    assert heard(added("created"), added("added"), added("created")) == [added("added")]
    assert heard(added("added"), added("created", "j")) == [added("added"), added("added", "j")]
    gone = {"type": "conversation.item.deleted", "event_id": "e", "item_id": "i"}
    assert heard(added("added"), gone, added("added")) == [added("added"), gone, added("added")]
    assert heard({"type": "conversation.item.created"}) == [{"type": "conversation.item.added"}]


@pytest.mark.parametrize(
    ("event", "code", "message"),
    [
        ({"error": {"type": "invalid_request_error", "code": "c", "message": "m"}}, "c", "m"),
        ({"error": {"type": "session_limit_reached", "message": "m"}}, "session_limit_reached", "m"),
        ({"error": {"type": "insufficient_quota", "code": None}}, "insufficient_quota", "insufficient_quota"),
        ({"error": "it broke"}, None, "it broke"),
        ({"message": "it broke", "code": 503}, "503", "it broke"),
        ({"error": {"code": "c"}}, "c", "c"),
        ({"error": {}}, None, "the model gave no reason"),
        ({}, None, "the model gave no reason"),
        ({"error": ["what"]}, None, "the model gave no reason"),
        ({"error": {"message": "x" * 5000}}, None, "x" * MOST_WORDS),
    ],
)
def test_an_error_has_a_code_and_words_wherever_the_server_put_them(
    event: Event, code: str | None, message: str
) -> None:
    """In the type, in a string, beside it, or nowhere."""
    (error,) = heard({"type": "error", "event_id": "e", **event})
    assert (error["error"]["code"], error["error"]["message"]) == (code, message)
    assert server_faults(error) == []


def test_an_error_keeps_the_name_of_the_event_that_it_refuses() -> None:
    """By it a dropped request is told from a race."""
    error = {"type": "invalid_request_error", "code": "c", "message": "m", "param": "p", "event_id": "parley_3"}
    assert heard({"type": "error", "event_id": "e", "error": error}) == [
        {"type": "error", "event_id": "e", "error": error}
    ]


def done(**response: object) -> Event:
    """The end of a response."""
    return {
        "type": "response.done",
        "event_id": "e",
        "response": {"object": "realtime.response", "id": "r", **response},
    }


def test_usage_is_found_beside_the_response() -> None:
    """There xAI puts it; where it is in both places the response's own counts."""
    (event,) = heard({**done(status="completed", output=[]), "usage": USAGE})
    assert event["response"]["usage"] == USAGE
    (event,) = heard({**done(status="completed", output=[], usage=USAGE), "usage": {"total_tokens": 1}})
    assert event["response"]["usage"] == USAGE


def test_a_response_that_ends_strangely_has_ended() -> None:
    """Without output, with a status that none ends by, with details that are a string."""
    (event,) = heard(done(status="finished", status_details="unimplemented", output=None, metadata="x", usage=7))
    response = event["response"]
    assert (response["status"], response["status_details"], response["output"]) == ("completed", None, [])
    assert (response["metadata"], response["usage"]) == (None, None)
    assert server_faults(event) == []
    (event,) = heard({"type": "response.done"})
    assert event["response"]["status"] == "completed"
    (event,) = heard({"type": "response.created", "response": {"id": "r"}})
    assert (event["response"]["metadata"], event["response"]["output"]) == (None, [])


def test_a_response_that_fails_by_an_error_alone_ends_by_it() -> None:
    """LocalAI sends no response.done then, and the person would wait for nothing."""
    created = {"type": "response.created", "event_id": "e", "response": {"id": "r", "status": "in_progress"}}
    failure = {"type": "error", "event_id": "e", "error": {"code": "inference_failed", "message": "no backend"}}
    _, event = heard(created, failure)
    assert (event["type"], event["response"]["id"], event["response"]["status"]) == ("response.done", "r", "failed")
    assert event["response"]["status_details"]["error"]["message"] == "no backend"
    assert heard(failure)[0]["type"] == "error"
    assert [event["type"] for event in heard(created, done(status="completed"), failure)][-1] == "error"
    other = {"type": "error", "event_id": "e", "error": {"code": "rate_limit_exceeded", "message": "m"}}
    assert [event["type"] for event in heard(created, other)] == ["response.created", "error"]


def test_what_has_no_type_means_nothing() -> None:
    """Nor does it end anything."""
    assert heard({}, {"type": 7}, {"type": None}) == []


# One turn, two names.

COMMITTED: Event = {"type": "input_audio_buffer.committed", "event_id": "e", "item_id": "first"}


def transcript(name: str, kind: str = "completed") -> Event:
    """A transcript under a name."""
    return {"type": f"conversation.item.input_audio_transcription.{kind}", "item_id": name, "transcript": "Hi."}


def spoken(name: str) -> Event:
    """An item of the person's voice."""
    item = {"id": name, "type": "message", "role": "user", "content": [{"type": "input_audio", "transcript": "Hi."}]}
    return {"type": "conversation.item.added", "item": item}


def test_a_turn_that_gets_a_second_name_keeps_the_first_to_the_core() -> None:
    """LocalAI commits under one name and transcribes under another; towards the server it is the other way round."""
    driver = GaDriver(settings())
    driver.incoming(COMMITTED)
    (words,) = driver.incoming(transcript("other"))
    assert words["item_id"] == "first"
    (item,) = driver.incoming(spoken("other"))
    assert item["item"]["id"] == "first"
    (answer,) = driver.incoming({**added("added", "next", "assistant"), "previous_item_id": "other"})
    assert (answer["item"]["id"], answer["previous_item_id"]) == ("next", "first")
    (sent,) = driver.outgoing({"type": "conversation.item.delete", "item_id": "first"})
    assert sent["item_id"] == "other"


def test_turns_under_way_get_their_second_names_in_order() -> None:
    """The oldest that waits is meant."""
    second = {**COMMITTED, "item_id": "second"}
    events = heard(COMMITTED, second, transcript("x"), transcript("y"), transcript("x", "delta"))
    assert [event["item_id"] for event in events[2:]] == ["first", "second", "first"]


def test_where_names_are_kept_nothing_is_renamed() -> None:
    """A late transcript of an earlier turn is no other name for a later one, and typed words are no turn's audio."""
    second = {**COMMITTED, "item_id": "second"}
    events = heard(COMMITTED, spoken("first"), second, transcript("first"), added("added", "typed"), spoken("second"))
    assert [event.get("item_id") or event["item"]["id"] for event in events] == [
        "first", "first", "second", "first", "typed", "second",
    ]  # fmt: skip
    heard_first = {"type": "input_audio_buffer.speech_started", "item_id": "third", "audio_start_ms": 0}
    events = heard(COMMITTED, heard_first, transcript("third", "delta"), spoken("first"))
    assert [event.get("item_id") or event["item"]["id"] for event in events] == ["first", "third", "third", "first"]
