"""The GA driver: everything that goes to the server is what the official types take."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.broker.detection import Detection
from services.broker.manner import TurnMode
from services.broker.model_settings import ModelSettings
from services.broker.upstream.driver import OPENING_ID
from services.broker.upstream.drivers import driver_for
from services.broker.upstream.ga import GaDriver
from tests.fakes.realtime.wire import Event, client_faults, server_faults
from tests.unit.broker.upstream.wire import CORE, TOOL, settings

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
NAMES = ["type", "item", "item_id", "response", "error", "id", "usage", "output", "content", "role", "code", "session"]
KINDS = [
    "error",
    "session.created",
    "conversation.item.added",
    "conversation.item.created",
    "input_audio_buffer.committed",
    "conversation.item.input_audio_transcription.completed",
    "response.created",
    "response.audio.delta",
    "response.done",
]
ANYTHING = st.builds(
    lambda kind, event: {**event, "type": kind},
    st.sampled_from(KINDS) | JSON,
    st.dictionaries(
        st.sampled_from(NAMES), JSON | st.dictionaries(st.sampled_from(NAMES), JSON, max_size=4), max_size=4
    ),
)


@pytest.mark.parametrize("event", CORE, ids=lambda event: event["type"])
def test_every_event_of_the_cores_goes_out_as_it_is_with_an_id(event: Event) -> None:
    """So that an error can name what it refuses; audio alone needs none, it is never answered."""
    (sent,) = GaDriver(settings()).outgoing(event)
    assert client_faults(sent) == []
    assert {key: value for key, value in sent.items() if key != "event_id"} == {
        key: value for key, value in event.items() if key != "event_id"
    }
    if event["type"] == "input_audio_buffer.append":
        assert "event_id" not in sent
    else:
        assert sent["event_id"] == event.get("event_id", sent["event_id"]) != ""


def test_ids_are_never_given_twice() -> None:
    """Not within a connection."""
    driver = GaDriver(settings())
    ids = [driver.outgoing({"type": "response.cancel"})[0]["event_id"] for _ in range(3)]
    assert len(set(ids)) == 3


@pytest.mark.parametrize("turns", list(TurnMode))
def test_the_opening_is_what_the_official_types_take(turns: TurnMode) -> None:
    """With everything that an agent can set."""
    chosen = replace(
        settings(OPENAI_API_KEY="k"),
        detection=Detection(turns=turns, eagerness="low"),
        languages=("de", "fr"),
        noise_reduction="far_field",
        speed=1.2,
        reasoning="low",
        max_output_tokens=2000,
        truncation={"type": "retention_ratio", "retention_ratio": 0.8, "token_limits": {"post_instructions": 8000}},
        tools=(TOOL,),
    )
    (update,) = driver_for(chosen).opening(chosen.session())
    assert client_faults(update) == []
    assert update["event_id"] == OPENING_ID
    told = update["session"]["audio"]["input"]["turn_detection"]
    if turns is TurnMode.PARLEY:
        assert told is None
    else:
        assert told["type"] == turns.value
        assert (told["create_response"], told["interrupt_response"]) == (False, False)


def test_a_transcription_session_opens_without_a_model() -> None:
    """A model in the URL would make it a conversation; where a turn ends our commit says."""
    chosen = replace(
        settings(OPENAI_API_KEY="k"),
        transcribes_only=True,
        transcription_model="gpt-live-transcribe",
        languages=("de",),
    )
    driver = GaDriver(chosen)
    (update,) = driver.opening(chosen.session())
    assert client_faults(update) == []
    assert update["session"]["type"] == "transcription"
    assert update["session"]["audio"]["input"]["turn_detection"] is None
    assert driver.call.url == "wss://api.openai.com/v1/realtime?intent=transcription"


def test_the_call_carries_the_key_and_hides_it_from_logs() -> None:
    """And nothing of the beta, by which OpenAI closes at once."""
    call = GaDriver(settings(OPENAI_API_KEY="sk-secret")).call
    assert call.headers == {"Authorization": "Bearer sk-secret"}
    assert call.url.endswith("?model=gpt-realtime-2.1")
    assert "sk-secret" not in repr(call)


def test_metadata_are_not_sent_to_who_would_lose_them() -> None:
    """At speaches each is answered with an error."""
    (sent,) = GaDriver(settings(PARLEY_MODEL_SERVER="localai")).outgoing(
        {"type": "response.create", "response": {"metadata": {"reply": "1"}, "instructions": "x"}}
    )
    assert sent["response"] == {"instructions": "x"}


def test_what_the_official_server_sends_passes_untouched() -> None:
    """It needs no repair."""
    driver = GaDriver(settings())
    for event in (
        {"type": "response.output_audio.delta", "event_id": "e", "response_id": "r", "item_id": "i", "delta": "AA",
         "output_index": 0, "content_index": 0},
        {"type": "input_audio_buffer.committed", "event_id": "e", "item_id": "i", "previous_item_id": None},
        {"type": "an.event.of.tomorrow", "event_id": "e"},
    ):  # fmt: skip
        if event["type"] != "an.event.of.tomorrow":
            assert server_faults(event) == []
        assert driver.incoming(event) == [event]


DIALECTS = [settings(PARLEY_MODEL_SERVER="engine"), settings(PARLEY_MODEL_SERVER="speaches")]


@given(st.lists(ANYTHING, max_size=6), st.sampled_from(DIALECTS))
def test_whatever_a_server_sends_a_driver_raises_for_none_of_it(messages: list[Event], server: ModelSettings) -> None:
    """And every event that comes of it has a type."""
    driver = driver_for(server)
    for message in messages:
        for event in driver.incoming(message):
            assert isinstance(event["type"], str)
