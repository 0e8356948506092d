"""The session object: merged, checked, and never half changed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.engine.protocol.client import MANUAL, Client, kinds

PCMU = {"type": "audio/pcmu"}


@pytest.fixture
def client() -> Client:
    return Client()


def test_a_new_session_detects_turns(client: Client) -> None:
    """As at OpenAI: server_vad is on, with its values written out, and answers and interrupts by itself."""
    (created,) = client.opening
    session = created["session"]
    assert session["id"] == "sess_1"
    assert session["expires_at"] == 4600
    assert session["model"] == "m"
    assert session["audio"]["input"]["turn_detection"] == {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 500,
        "idle_timeout_ms": None,
        "create_response": True,
        "interrupt_response": True,
    }
    assert session["audio"]["output"] == {
        "format": {"type": "audio/pcm", "rate": 24000},
        "voice": "marin",
        "speed": 1.0,
    }


def test_update_merges(client: Client) -> None:
    """What an update does not name stays as it was; null clears."""
    client.update(type="realtime", instructions="Be brief.", audio={"input": {"transcription": {"model": "any"}}})
    session = client.update(type="realtime", audio={"output": {"voice": "cedar", "speed": 1.2}})
    assert session["instructions"] == "Be brief."
    assert session["audio"]["input"]["transcription"] == {"model": "any"}
    assert session["audio"]["output"]["voice"] == "cedar"
    session = client.update(type="realtime", instructions=None, audio={"input": {"transcription": None}})
    assert session["audio"]["input"]["transcription"] is None
    assert session["instructions"] == ""


def test_turn_detection_merges_within_its_kind(client: Client) -> None:
    """A changed threshold leaves the rest; another kind brings its own defaults; null turns it off."""

    def update(change: Any) -> Any:
        session = client.update(type="realtime", audio={"input": {"turn_detection": change}})
        return session["audio"]["input"]["turn_detection"]

    assert update({"type": "server_vad", "silence_duration_ms": 700})["silence_duration_ms"] == 700
    changed = update({"threshold": 0.8})
    assert (changed["threshold"], changed["silence_duration_ms"]) == (0.8, 700)
    assert update({"type": "server_vad", "silence_duration_ms": None})["silence_duration_ms"] == 500
    assert update({"type": "semantic_vad", "interrupt_response": False}) == {
        "type": "semantic_vad",
        "eagerness": "auto",
        "create_response": True,
        "interrupt_response": False,
    }
    assert update({"eagerness": "high"})["interrupt_response"] is False
    assert update(None) is None


def test_transcription_and_noise_reduction_merge(client: Client) -> None:
    """One language takes the place of several; the strength of a noise reduction stays until it is changed."""
    client.update(
        type="realtime",
        audio={
            "input": {
                "transcription": {"model": "gpt-transcribe", "languages": ["en", "de"], "keywords": ["Parley"]},
                "noise_reduction": {"type": "near_field", "strength": 0.5},
            }
        },
    )
    session = client.update(
        type="realtime",
        audio={"input": {"transcription": {"language": "de"}, "noise_reduction": {"type": "far_field"}}},
    )
    assert session["audio"]["input"]["transcription"] == {
        "model": "gpt-transcribe",
        "language": "de",
        "keywords": ["Parley"],
    }
    assert session["audio"]["input"]["noise_reduction"] == {"type": "far_field", "strength": 0.5}


def test_everything_a_session_has_is_taken(client: Client) -> None:
    """All that the official clients may set is accepted and shown."""
    tool = {"type": "function", "name": "look", "description": "Looks.", "parameters": {"type": "object"}}
    session = client.update(
        type="realtime",
        model="gpt-realtime-2.1",
        output_modalities=["text"],
        tools=[tool],
        tool_choice={"type": "function", "name": "look"},
        parallel_tool_calls=True,
        reasoning={"effort": "low"},
        max_output_tokens=300,
        truncation={"type": "retention_ratio", "retention_ratio": 0.8, "token_limits": {"post_instructions": 8000}},
        prompt={"id": "p", "version": "1", "variables": {"a": "b", "c": {"type": "input_text", "text": "d"}}},
        include=["item.input_audio_transcription.logprobs"],
        audio={"input": {"format": PCMU}, "output": {"format": {"type": "audio/pcma"}, "voice": {"id": "voice_1"}}},
    )
    assert session["tools"] == [tool]
    assert session["audio"]["output"]["voice"] == "marin"  # a voice that only OpenAI has: this one stands in
    assert session["model"] == "m"  # under whatever name a client asks for it
    assert session["audio"]["input"]["format"] == PCMU


def test_tracing_can_be_turned_on_later(client: Client) -> None:
    """A second update may turn it on, and after that it cannot be changed, only repeated."""
    client.update(type="realtime", instructions="a")
    assert client.update(type="realtime", tracing="auto")["tracing"] == "auto"
    assert client.update(type="realtime", tracing="auto", instructions="b")["tracing"] == "auto"
    error = client.error("session.update", session={"type": "realtime", "tracing": {"workflow_name": "w"}})
    assert (error["code"], error["param"]) == ("invalid_value", "session.tracing")


def of_input(**fields: Any) -> dict[str, Any]:
    return {"type": "realtime", "audio": {"input": fields}}


def of_output(**fields: Any) -> dict[str, Any]:
    return {"type": "realtime", "audio": {"output": fields}}


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({}, "missing_required_parameter", "session.type"),
        ({"type": "conversation"}, "invalid_value", "session.type"),
        ({"type": "realtime", "voice": "marin"}, "unknown_parameter", "session.voice"),
        ({"type": "realtime", "id": "sess_2"}, "unknown_parameter", "session.id"),
        ({"type": "realtime", "model": 3}, "invalid_type", "session.model"),
        ({"type": "realtime", "audio": 3}, "invalid_type", "session.audio"),
        ({"type": "realtime", "audio": {"sound": {}}}, "unknown_parameter", "session.audio.sound"),
        ({"type": "realtime", "output_modalities": ["audio", "text"]}, "invalid_value", "session.output_modalities"),
        ({"type": "realtime", "instructions": 3}, "invalid_type", "session.instructions"),
        ({"type": "realtime", "max_output_tokens": 0}, "invalid_value", "session.max_output_tokens"),
        ({"type": "realtime", "max_output_tokens": "all"}, "invalid_type", "session.max_output_tokens"),
        ({"type": "realtime", "tools": {}}, "invalid_type", "session.tools"),
        ({"type": "realtime", "tools": [{"name": "x"}]}, "missing_required_parameter", "session.tools[0].type"),
        (
            {"type": "realtime", "tools": [{"type": "mcp", "server_label": "x"}]},
            "invalid_value",
            "session.tools[0].type",
        ),
        (
            {"type": "realtime", "tools": [{"type": "function", "name": "a b"}]},
            "invalid_value",
            "session.tools[0].name",
        ),
        ({"type": "realtime", "tools": [{"type": "function", "name": "a"}] * 2}, "invalid_value", "session.tools"),
        (
            {"type": "realtime", "tool_choice": {"type": "function", "name": "x"}},
            "invalid_value",
            "session.tool_choice",
        ),
        ({"type": "realtime", "tool_choice": "perhaps"}, "invalid_value", "session.tool_choice"),
        ({"type": "realtime", "reasoning": {"effort": "none"}}, "invalid_value", "session.reasoning.effort"),
        ({"type": "realtime", "truncation": "sometimes"}, "invalid_value", "session.truncation"),
        (
            {"type": "realtime", "truncation": {"type": "retention_ratio", "retention_ratio": 2}},
            "invalid_value",
            "session.truncation.retention_ratio",
        ),
        ({"type": "realtime", "prompt": {}}, "missing_required_parameter", "session.prompt.id"),
        ({"type": "realtime", "prompt": {"id": "p", "version": 1}}, "invalid_type", "session.prompt.version"),
        ({"type": "realtime", "prompt": {"id": "p", "variables": 3}}, "invalid_type", "session.prompt.variables"),
        (
            {"type": "realtime", "prompt": {"id": "p", "variables": {"a": {"type": "input_image"}}}},
            "invalid_value",
            "session.prompt.variables.a.type",
        ),
        ({"type": "realtime", "tracing": {"workflow_name": 3}}, "invalid_type", "session.tracing.workflow_name"),
        ({"type": "realtime", "tracing": {"metadata": "m"}}, "invalid_type", "session.tracing.metadata"),
        ({"type": "realtime", "include": ["everything"]}, "invalid_value", "session.include[0]"),
        ({"type": "realtime", "parallel_tool_calls": "yes"}, "invalid_type", "session.parallel_tool_calls"),
        (of_input(format={"type": "audio/opus"}), "invalid_value", "session.audio.input.format.type"),
        (of_input(format={"type": "audio/pcm", "rate": 16000}), "invalid_value", "session.audio.input.format.rate"),
        (of_input(turn_detection={"type": "ears"}), "invalid_value", "session.audio.input.turn_detection.type"),
        (
            of_input(turn_detection={"type": "server_vad", "threshold": 2}),
            "invalid_value",
            "session.audio.input.turn_detection.threshold",
        ),
        (
            of_input(turn_detection={"type": "server_vad", "idle_timeout_ms": 4000}),
            "invalid_value",
            "session.audio.input.turn_detection.idle_timeout_ms",
        ),
        (
            of_input(turn_detection={"type": "semantic_vad", "threshold": 0.5}),
            "unknown_parameter",
            "session.audio.input.turn_detection.threshold",
        ),
        (
            of_input(turn_detection={"type": "semantic_vad", "eagerness": "very"}),
            "invalid_value",
            "session.audio.input.turn_detection.eagerness",
        ),
        (
            of_input(turn_detection={"create_response": 1}),
            "invalid_type",
            "session.audio.input.turn_detection.create_response",
        ),
        (
            of_input(transcription={"language": "en", "languages": ["de"]}),
            "invalid_value",
            "session.audio.input.transcription.languages",
        ),
        (
            of_input(transcription={"voice": "x"}),
            "unknown_parameter",
            "session.audio.input.transcription.voice",
        ),
        (of_input(noise_reduction={}), "missing_required_parameter", "session.audio.input.noise_reduction.type"),
        (of_output(voice="nobody"), "invalid_value", "session.audio.output.voice"),
        (of_output(speed=9), "invalid_value", "session.audio.output.speed"),
    ],
)
def test_bad_update_changes_nothing(client: Client, session: Any, code: str, param: str) -> None:
    """A refused update names the field and leaves the session as it was, even its good fields."""
    before = client.core.configuration.as_dict()
    error = client.error("session.update", session={"instructions": "new", **session})
    assert (error["code"], error["param"]) == (code, param)
    assert client.core.configuration.as_dict() == before


def test_voice_is_fixed_once_heard() -> None:
    """After the first audio a change of voice is refused, in an update and in a response; speed may change."""
    client = Client(session=MANUAL)
    client.update(**of_output(voice="en-gb+m3"))
    client.spoken()
    assert client.error("session.update", session=of_output(voice="cedar"))["code"] == "cannot_update_voice"
    again = {"audio": {"output": {"voice": "cedar"}}}
    assert client.error("response.create", response=again)["code"] == "cannot_update_voice"
    assert client.update(**of_output(voice="en-gb+m3", speed=1.5))["audio"]["output"]["speed"] == 1.5


@pytest.mark.parametrize("by_query", [True, False])
def test_a_transcription_session_has_no_output(by_query: bool) -> None:
    """Asked for by the query or by an update, it shows what it hears and gives no responses."""
    client = Client(transcribes_only=by_query)
    session = client.update(type="transcription", audio={"input": {"turn_detection": None}})
    assert session["type"] == "transcription"
    assert session["object"] == "realtime.transcription_session"
    assert session["audio"] == {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "transcription": {"model": "m"},
            "noise_reduction": None,
            "turn_detection": None,
        }
    }
    assert client.error("response.create")["code"] == "invalid_value"
    assert client.error("session.update", session={"type": "realtime"})["param"] == "session.type"
    unknown = client.error("session.update", session={"type": "transcription", "instructions": "x"})
    assert (unknown["code"], unknown["param"]) == ("unknown_parameter", "session.instructions")
    changed = client.update(type="transcription", audio={"input": {"transcription": {"model": "x", "language": "de"}}})
    assert changed["audio"]["input"]["transcription"] == {"model": "x", "language": "de"}


def test_expiry_is_told() -> None:
    """The last event of a session that has lasted an hour says so."""
    client = Client()
    (event,) = client.take(client.core.expire())
    assert kinds([event]) == ["error"]
    assert event["error"]["code"] == "session_expired"
