"""Transcription: words while the person speaks, the text at the end, and failures that are told."""

from __future__ import annotations

from typing import Any

import pytest

from services.engine.parts import PartError
from services.engine.protocol.events import Listen
from tests.unit.engine.protocol.client import MANUAL, Client, Events, kinds, only, silence, voice

DELTA = "conversation.item.input_audio_transcription.delta"
COMPLETED = "conversation.item.input_audio_transcription.completed"
FAILED = "conversation.item.input_audio_transcription.failed"


def manual(**transcription: Any) -> dict[str, Any]:
    wanted = {"model": "x", **transcription}
    return {"type": "realtime", "audio": {"input": {"turn_detection": None, "transcription": wanted}}}


def listening(client: Client) -> str:
    """The item of the turn that is being heard."""
    return [action.item_id for action in client.done if isinstance(action, Listen)][-1]


def commit(client: Client) -> Events:
    return client.send("input_audio_buffer.commit")


def test_a_manual_turn_is_told_after_its_commit() -> None:
    """As at OpenAI: the words heard before wait for it, come in one delta, and join to the transcript."""
    client = Client(session=manual())
    client.append(silence(200))
    item_id = listening(client)
    assert client.take(client.core.words(item_id, "stop")) == []
    assert client.take(client.core.words(item_id, " that")) == []
    events = commit(client)
    assert kinds(events)[:3] == [
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ]
    assert only(events, DELTA)["delta"] == "stop that"
    assert events[1]["item"]["content"] == [{"type": "input_audio", "transcript": None}]
    events = client.take(client.core.words(item_id, " noise"))
    events += client.take(client.core.transcribed(item_id, "stop that noise please"))
    assert [event.get("delta") for event in events] == [" noise", " please", None]
    completed = only(events, COMPLETED)
    assert completed["transcript"] == "stop that noise please"
    assert completed["usage"] == {"type": "duration", "seconds": 0.2}
    assert {event["item_id"] for event in events} == {item_id}
    (retrieved,) = client.send("conversation.item.retrieve", item_id=item_id)
    assert retrieved["item"]["content"][0]["transcript"] == "stop that noise please"


def test_detected_turns_are_told_while_they_are_spoken() -> None:
    """Where the server hears turns, deltas come between speech_started and the commit, under the turn's identifier."""
    client = Client(session={"type": "realtime", "audio": {"input": {"transcription": {"model": "x"}}}})
    started = only(client.append(voice(500)), "input_audio_buffer.speech_started")
    delta = only(client.take(client.core.words(started["item_id"], "what time")), DELTA)
    assert (delta["item_id"], delta["delta"]) == (started["item_id"], "what time")
    events = client.append(silence(700))
    assert only(events, "input_audio_buffer.committed")["item_id"] == started["item_id"]
    events = client.take(client.core.transcribed(started["item_id"], "what time is it"))
    assert kinds(events) == [DELTA, COMPLETED]


@pytest.mark.parametrize("detected", [True, False])
def test_a_transcription_session_captions_live(detected: bool) -> None:
    """With commits or with turn detection: deltas before the commit, named as the commit will name the item."""
    client = Client(transcribes_only=True)
    if not detected:
        client.update(type="transcription", audio={"input": {"turn_detection": None}})
    begun = client.append(voice(500))
    item_id = listening(client)
    told = client.take(client.core.words(item_id, "hello"))
    assert [(event["type"], event["item_id"]) for event in told] == [(DELTA, item_id)]
    events = client.append(silence(700)) if detected else commit(client)
    assert kinds(begun) == (["input_audio_buffer.speech_started"] if detected else [])
    assert only(events, "input_audio_buffer.committed")["item_id"] == item_id
    assert not [kind for kind in kinds(events) if kind.startswith("response.")]
    events = client.take(client.core.transcribed(item_id, "hello there"))
    assert [event.get("delta", event.get("transcript")) for event in events] == [" there", "hello there"]
    client.append(voice(500))
    assert listening(client) != item_id


def test_more_may_be_known_at_the_end() -> None:
    """A text that is not what was told before comes as it is in `completed`, and no delta contradicts."""
    client = Client(session=manual())
    client.append(silence(200))
    item_id = commit(client)[0]["item_id"]
    client.take(client.core.words(item_id, "what dime"))
    events = client.take(client.core.transcribed(item_id, "what time is it"))
    assert kinds(events) == [COMPLETED]
    assert events[0]["transcript"] == "what time is it"


def test_nothing_understood_is_told_too() -> None:
    """A turn without words is completed, empty."""
    client = Client(session=manual())
    client.append(silence(200))
    events = client.take(client.core.transcribed(commit(client)[0]["item_id"], ""))
    assert kinds(events) == [COMPLETED]
    assert events[0]["transcript"] == ""


def test_a_failure_is_told() -> None:
    """The item is known to be the one, the conversation goes on without its words."""
    client = Client(session=manual())
    client.append(silence(200))
    item_id = commit(client)[0]["item_id"]
    events = client.take(client.core.transcription_failed(item_id, PartError("too_slow", "no answer")))
    assert kinds(events) == [FAILED]
    assert events[0]["item_id"] == item_id
    assert (events[0]["error"]["code"], events[0]["error"]["message"]) == ("too_slow", "no answer")
    assert client.take(client.core.transcribed(item_id, "late")) == []


def test_transcription_is_silent_unless_asked_for() -> None:
    """Without it the words go to the mind only."""
    client = Client(session=MANUAL)
    client.append(silence(200))
    item_id = commit(client)[0]["item_id"]
    assert client.take(client.core.words(item_id, "stop")) == []
    assert client.core.transcribed(item_id, "stop") == []
    assert [item.text for item in client.core.conversation] == ["stop"]


def test_a_cleared_turn_is_never_told() -> None:
    """Words of a false start are not those of the turn that follows."""
    client = Client(session=manual())
    client.append(silence(200))
    client.core.words(listening(client), "oops")
    client.send("input_audio_buffer.clear")
    client.append(silence(200))
    assert DELTA not in kinds(commit(client))


def test_the_recogniser_is_told_what_to_expect() -> None:
    """Language, prompt and keywords of the session reach it."""
    client = Client(session=manual(languages=["de", "en"], prompt="An order.", keywords=["Parley", "Broker"]))
    client.append(silence(20))
    assert [action for action in client.done if isinstance(action, Listen)][-1] == Listen(
        listening(client), "de", "An order. Parley, Broker"
    )
