"""The beta driver: both ways between the dialects, each side held to its own official types."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.broker.detection import Detection
from services.broker.manner import TurnMode
from services.broker.upstream.beta import NAMES, BetaDriver
from services.broker.upstream.drivers import driver_for
from tests.fakes.realtime.wire import Event, client_faults, server_faults
from tests.unit.broker.upstream.wire import CORE, TOOL, settings

SPEACHES = {"PARLEY_MODEL_SERVER": "speaches"}
PLACE = {"event_id": "e", "response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}


def driver() -> BetaDriver:
    """A driver for speaches."""
    made = driver_for(settings(**SPEACHES))
    assert isinstance(made, BetaDriver)
    return made


@pytest.mark.parametrize("event", CORE, ids=lambda event: event["type"])
def test_every_event_of_the_cores_is_put_into_the_beta(event: Event) -> None:
    """As the official types of the beta take it."""
    (sent,) = driver().outgoing(event)
    assert client_faults(sent, beta=True) == []
    assert sent["type"] == event["type"]


def test_what_the_assistant_said_goes_out_as_text() -> None:
    """The beta's content has other names; a user's has the same."""
    contents = [
        driver().outgoing(event)[0]["item"]["content"]
        for event in CORE
        if event["type"] == "conversation.item.create" and event["item"]["type"] == "message"
    ]
    assert contents == [[{"type": "input_text", "text": "Hello."}], [{"type": "text", "text": "So be it."}]]


def test_a_response_is_asked_for_in_flat_words() -> None:
    """With the modalities of the beta, where audio has text with it; metadata are left out, they would be refused."""
    (event,) = [event for event in CORE if event.get("response", {}).get("audio")]
    (sent,) = driver().outgoing(event)
    response = sent["response"]
    assert response["modalities"] == ["text", "audio"]
    assert (response["max_response_output_tokens"], response["voice"]) == (400, "marin")
    assert response["input"][1]["content"] == [{"type": "text", "text": "So be it."}]
    assert not response.keys() & {"audio", "output_modalities", "max_output_tokens", "metadata"}


@pytest.mark.parametrize("turns", list(TurnMode))
def test_a_session_is_flattened(turns: TurnMode) -> None:
    """Every part that the beta knows; formats stay the default, reasoning and truncation are not known there."""
    chosen = replace(
        settings(**SPEACHES),
        detection=Detection(turns=turns),
        languages=("de",),
        noise_reduction="near_field",
        speed=0.9,
        reasoning="low",
        max_output_tokens=2000,
        truncation="auto",
        tools=(TOOL,),
    )
    (update,) = driver_for(chosen).opening(chosen.session())
    assert client_faults(update, beta=True) == []
    session = update["session"]
    assert session["input_audio_transcription"] == {
        "model": "Systran/faster-distil-whisper-small.en",
        "language": "de",
    }
    assert session["input_audio_noise_reduction"] == {"type": "near_field"}
    assert (session["voice"], session["speed"], session["modalities"]) == ("af_heart", 0.9, ["text", "audio"])
    assert (session["tools"], session["tool_choice"], session["max_response_output_tokens"]) == ([TOOL], "auto", 2000)
    assert (session["turn_detection"] or {"type": "parley"})["type"] == turns.value
    (again,) = driver().outgoing({"type": "session.update", "session": chosen.session()})
    assert again["session"] == session


def test_a_transcription_session_has_an_event_of_its_own() -> None:
    """And its confirmation is the same to the core as any other."""
    chosen = replace(settings(**SPEACHES), transcribes_only=True, transcription_model="whisper-1")
    made = driver_for(chosen)
    (update,) = made.opening(chosen.session())
    assert update["type"] == "transcription_session.update"
    assert client_faults(update, beta=True) == []
    assert [event["type"] for event in made.incoming({"type": "transcription_session.updated", "session": {}})] == [
        "session.updated"
    ]


def test_the_call_asks_for_the_beta() -> None:
    """With the header of old."""
    call = driver_for(settings(**SPEACHES, SPEACHES_API_KEY="k")).call
    assert call.headers == {"OpenAI-Beta": "realtime=v1", "X-API-Key": "k"}


@pytest.mark.parametrize(
    "event",
    [
        {"type": "response.audio.delta", "delta": "AA", **PLACE},
        {"type": "response.audio.done", **PLACE},
        {"type": "response.audio_transcript.delta", "delta": "So", **PLACE},
        {"type": "response.audio_transcript.done", "transcript": "So", **PLACE},
        {"type": "response.text.delta", "delta": "So", **PLACE},
        {"type": "response.text.done", "text": "So", **PLACE},
    ],
    ids=lambda event: event["type"],
)
def test_what_the_server_sends_has_ga_names_for_the_core(event: Event) -> None:
    """As the official types of either side take it."""
    assert server_faults(event, beta=True) == []
    (heard,) = driver().incoming(event)
    assert server_faults(heard) == []
    assert heard == {**event, "type": NAMES[event["type"]]}


def test_items_and_responses_have_ga_shapes_for_the_core() -> None:
    """Their acknowledgement, too."""
    item = {
        "id": "i",
        "object": "realtime.item",
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [{"type": "audio", "transcript": "So be it."}, {"type": "text", "text": "So."}],
    }
    ga_content = [{"type": "output_audio", "transcript": "So be it."}, {"type": "output_text", "text": "So."}]
    created = {"type": "conversation.item.created", "event_id": "e", "previous_item_id": None, "item": item}
    assert server_faults(created, beta=True) == []
    (heard,) = driver().incoming(created)
    assert server_faults(heard) == []
    assert (heard["type"], heard["item"]["content"]) == ("conversation.item.added", ga_content)
    usage = {"total_tokens": 3, "input_tokens": 1, "output_tokens": 2}
    response = {
        "object": "realtime.response",
        "id": "r",
        "status": "completed",
        "status_details": None,
        "output": [item],
        "modalities": ["text", "audio"],
        "voice": "alloy",
        "output_audio_format": "pcm16",
        "usage": usage,
    }
    done = {"type": "response.done", "event_id": "e", "response": response}
    assert server_faults(done, beta=True) == []
    (heard,) = driver().incoming(done)
    assert server_faults(heard) == []
    assert heard["response"]["output"][0]["content"] == ga_content
    assert heard["response"]["output_modalities"] == ["audio"]
    assert heard["response"]["usage"] == usage


def test_a_session_keeps_what_the_core_looks_at() -> None:
    """When it expires, above all."""
    session = {
        "id": "sess",
        "object": "realtime.session",
        "voice": "alloy",
        "expires_at": 1_800_000_000,
        "turn_detection": None,
    }
    (heard,) = driver().incoming({"type": "session.created", "event_id": "e", "session": session})
    assert heard["session"]["expires_at"] == 1_800_000_000
    assert heard["session"]["audio"]["output"]["voice"] == "alloy"
    assert server_faults(heard) == []
