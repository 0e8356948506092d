"""The settings: which model, how it is reached, and what is refused before anything is dialled."""

from __future__ import annotations

import pytest
from openai.types.realtime import RealtimeSessionCreateRequest

from services.broker.settings import ENGINE_URL, OPENAI_URL, BrokerSettings, ModelSettings
from services.common.errors import SettingsFault
from services.common.settings import Environment


def read(**values: str) -> ModelSettings:
    """Read the model's settings from these variables."""
    return ModelSettings.read(Environment(values))


def test_without_a_key_the_model_is_our_engine_and_with_one_openai() -> None:
    """One variable is enough for either; their transcripts' timing follows."""
    assert (read().url, read().aligned) == (ENGINE_URL, True)
    openai = read(OPENAI_API_KEY=" sk-secret\n")
    assert (openai.url, openai.aligned, openai.key) == (OPENAI_URL, False, "sk-secret")
    assert "sk-secret" not in repr(openai)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.openai.com/v1/realtime",
        "api.openai.com",
        "ws://",
        "wss:///v1/realtime",
        "ws://host:abc/",
        "ws://host:99999/",
        "ws://[::1/",
        "ws://host/#fragment",
    ],
)
def test_a_bad_url_is_named_at_start(url: str) -> None:
    """The message names the variable, its value and what it should look like."""
    with pytest.raises(SettingsFault, match=r"PARLEY_MODEL_URL=.*must be like"):
        read(PARLEY_MODEL_URL=url)


def test_a_key_never_travels_unencrypted() -> None:
    """Not to another machine; to this one it may."""
    with pytest.raises(SettingsFault, match="use wss://"):
        read(PARLEY_MODEL_URL="ws://models.example/v1/realtime", OPENAI_API_KEY="k")
    for host in ("127.0.0.1", "localhost", "[::1]"):
        local = read(PARLEY_MODEL_URL=f"ws://{host}:1/", OPENAI_API_KEY="k")
        assert local.is_local
    assert not read(PARLEY_MODEL_URL="ws://models.example/").is_local


def test_a_key_that_can_be_none_is_refused() -> None:
    """A line break in the middle would become a header of its own."""
    for key in ("sk-a\r\nX-Evil: 1", "clé"):
        with pytest.raises(SettingsFault, match="OPENAI_API_KEY"):
            read(OPENAI_API_KEY=key)


def test_the_model_stands_in_the_url_once() -> None:
    """Added to the query, unless the URL names one; what else is there stays."""
    assert read(OPENAI_API_KEY="k", PARLEY_MODEL="m").full_url == f"{OPENAI_URL}?model=m"
    named = read(PARLEY_MODEL_URL="ws://h/p?model=mine&flag=&api-key=s%26cret", PARLEY_MODEL="m")
    assert named.full_url == "ws://h/p?model=mine&flag=&api-key=s%26cret"


def test_what_is_shown_of_the_url_holds_no_secret() -> None:
    """Some servers take their keys in the query, or as user and password."""
    assert read(PARLEY_MODEL_URL="wss://user:pw@h:1/p?api-key=secret").place == "wss://h:1/p"


def test_the_transcript_timing_can_be_set() -> None:
    """Or is refused by name."""
    assert read(PARLEY_TRANSCRIPT_TIMING="ahead").aligned is False
    assert read(OPENAI_API_KEY="k", PARLEY_TRANSCRIPT_TIMING="aligned").aligned is True
    with pytest.raises(SettingsFault, match="PARLEY_TRANSCRIPT_TIMING='never'"):
        read(PARLEY_TRANSCRIPT_TIMING="never")


def test_the_models_patience_can_be_set() -> None:
    """Within what ingress waits for; a word for a number is refused by name."""
    assert (read().connect_s, read().answer_s) == (8, 10)
    assert read(PARLEY_MODEL_CONNECT_S="0.5", PARLEY_MODEL_ANSWER_S="2").answer_s == 2
    for value in ("9", "soon"):
        with pytest.raises(SettingsFault, match="PARLEY_MODEL_CONNECT_S"):
            read(PARLEY_MODEL_CONNECT_S=value)


def test_answers_may_be_left_until_the_turn_is_over() -> None:
    """For a model that is paid by the answer; anything but on and off is refused by name."""
    assert read().speculate
    assert not read(PARLEY_SPECULATE="off").speculate
    with pytest.raises(SettingsFault, match="PARLEY_SPECULATE='maybe'"):
        read(PARLEY_SPECULATE="maybe")


def test_the_session_object_is_what_the_official_types_take() -> None:
    """Manual turns, 24 kHz both ways, transcription on."""
    session = read(PARLEY_VOICE="cedar").session()
    checked = RealtimeSessionCreateRequest.model_validate(session)
    assert checked.model_extra in (None, {})
    assert session["audio"]["input"]["turn_detection"] is None
    assert session["audio"]["input"]["transcription"]["model"]
    assert session["audio"]["output"]["voice"] == "cedar"


def test_the_brokers_own_settings_have_defaults() -> None:
    """Nothing needs to be set on one machine."""
    assert BrokerSettings.read(Environment({})).common.listen == "127.0.0.1:7702"
