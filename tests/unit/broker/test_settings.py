"""The settings: which model, how it is reached, and what is refused before anything is dialled."""

from __future__ import annotations

from dataclasses import replace

import pytest
from openai.types.realtime import RealtimeSessionCreateRequest

from services.broker.settings import ENGINE_URL, OPENAI_URL, BrokerSettings, ModelSettings
from services.broker.upstream.capabilities import Capabilities
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


@pytest.mark.parametrize("server", ["", "engine"])
def test_an_address_that_is_wrong_is_shown_without_its_query(server: str) -> None:
    """Some servers take their keys there."""
    with pytest.raises(SettingsFault, match=r"PARLEY_MODEL_URL='https://h\.example/v1' must be") as fault:
        read(PARLEY_MODEL_URL="https://me:pw@h.example/v1?api-key=s3cret", PARLEY_MODEL_SERVER=server)
    assert "s3cret" not in str(fault.value)


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


def test_a_server_can_be_named_and_its_address_given() -> None:
    """A profile says what is known of it; the URL where it is; the variables still decide on the rest."""
    named = read(PARLEY_MODEL_SERVER="localai")
    assert (named.server.name, named.model, named.transcription_model) == ("localai", "gpt-realtime", "whisper-1")
    moved = read(PARLEY_MODEL_SERVER="localai", PARLEY_MODEL_URL="ws://box:1/v1", PARLEY_MODEL="m", PARLEY_VOICE="v")
    assert (moved.full_url, moved.voice) == ("ws://box:1/v1/realtime?model=m", "v")
    assert moved.capabilities.commit_responds
    with pytest.raises(SettingsFault, match="PARLEY_MODEL_SERVER='x' is none of the servers: azure, engine,"):
        read(PARLEY_MODEL_SERVER="x")
    with pytest.raises(SettingsFault, match=r"PARLEY_MODEL_URL='ws://evil\.example/' would send the key unencrypted"):
        read(PARLEY_MODEL_SERVER="openai", PARLEY_MODEL_URL="ws://evil.example/", OPENAI_API_KEY="k")


def test_a_server_of_which_nothing_is_known_is_believed_to_be_as_openais() -> None:
    """Only the URL is given: as before there were profiles."""
    unknown = read(PARLEY_MODEL_URL="wss://gw.example/v1/realtime", OPENAI_API_KEY="k")
    assert (unknown.server.name, unknown.capabilities) == ("", Capabilities())
    assert unknown.server.call_headers() == {"Authorization": "Bearer k"}
    assert read(PARLEY_MODEL_URL="ws://127.0.0.1:1/x").server.call_headers() == {}


def test_nothing_is_written_down_where_transcription_is_off() -> None:
    """And the core is told so."""
    off = read(PARLEY_TRANSCRIPTION_MODEL="off")
    assert off.session()["audio"]["input"]["transcription"] is None
    assert (off.capabilities.transcribes, read().capabilities.transcribes) == (False, True)


def test_hints_of_language_are_what_the_transcriber_takes() -> None:
    """One, or a list where a list is known; several to one that takes one would be a wrong hint."""

    def told(model: str, *languages: str) -> object:
        settings = replace(read(PARLEY_TRANSCRIPTION_MODEL=model), languages=languages)
        return settings.session()["audio"]["input"]["transcription"]

    assert told("gpt-transcribe", "de") == {"model": "gpt-transcribe", "language": "de"}
    assert told("gpt-transcribe", "de", "fr") == {"model": "gpt-transcribe", "languages": ["de", "fr"]}
    assert told("whisper-1", "de", "fr") == {"model": "whisper-1"}
    assert told("whisper-1") == {"model": "whisper-1"}


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
