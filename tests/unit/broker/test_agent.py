"""Agents: what the broker makes of a profile and the environment, and what it refuses."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from services.broker.agent import Agent, read_broker_agents
from services.broker.detection import Detection
from services.broker.manner import Closing, TurnMode
from services.broker.model_settings import INSTRUCTIONS, ModelSettings
from services.broker.upstream.driver import OPENING_ID
from services.common.agents import Agents
from services.common.errors import SettingsFault
from services.common.settings import Environment
from tests.fakes.realtime.wire import client_faults

KEY = {"OPENAI_API_KEY": "sk-1"}


def agents(folder: Path, **env: str) -> Agents[Agent]:
    """Read the agents of a folder."""
    return read_broker_agents(Environment({"PARLEY_AGENTS": str(folder), **env}))


def read(folder: Path, text: str, **env: str) -> Agent:
    """Write a profile and read it."""
    (folder / "tutor.yaml").write_text(text, encoding="utf-8")
    return agents(folder, **env).find("tutor")


def told(agent: Agent) -> dict[str, Any]:
    """Return the session that the model is told of, which the official types must take."""
    session = agent.model.session()
    assert client_faults({"type": "session.update", "event_id": OPENING_ID, "session": session}) == []
    return session


def test_without_profiles_the_environment_alone_decides() -> None:
    """Whatever name a client gives. But for the tool to hang up the session is the one of old."""
    env = Environment({**KEY, "PARLEY_VOICE": "cedar", "PARLEY_SPECULATE": "off", "PARLEY_MODEL_ANSWER_S": "3"})
    found = read_broker_agents(env)
    agent = found.find("anybody")
    assert agent is found.find("")
    session = told(agent)
    assert [tool["name"] for tool in session.pop("tools")] == ["end_conversation"]
    assert session.pop("tool_choice") == "auto"
    assert session == ModelSettings.read(env).session()
    assert (agent.manner.speculate, agent.manner.answer_s, agent.manner.instructions) == (False, 3, INSTRUCTIONS)
    assert agent.manner.closing == Closing(silence_s=30)
    assert (agent.captions, agent.webhook) == (None, None)


def test_every_key_of_the_model_is_obeyed(tmp_path: Path) -> None:
    """And what the profile doesn't say is the environment's."""
    agent = read(
        tmp_path,
        """
model:
  name: gpt-realtime-2.1-mini
  instructions: |
    You are Ada.
    Be brief.
  turns: server_vad
  vad: {threshold: 0.7, silence_ms: 700}
  transcription: gpt-live-transcribe
  languages: [de, fr]
  noise_reduction: far_field
  reasoning: low
  max_output_tokens: 900
  truncation: ratio
  truncation_ratio: 0.7
  context_tokens: 8000
  speculate: false
voice: {name: cedar, speed: 1.25, language: de, greeting: Guten Tag!}
""",
        **KEY,
        PARLEY_VOICE="ash",
    )
    session = told(agent)
    assert session["audio"]["input"] == {
        "format": {"type": "audio/pcm", "rate": 24000},
        "turn_detection": {
            "type": "server_vad",
            "threshold": 0.7,
            "prefix_padding_ms": 300,
            "silence_duration_ms": 700,
            "create_response": False,
            "interrupt_response": False,
        },
        "noise_reduction": {"type": "far_field"},
        "transcription": {"model": "gpt-live-transcribe", "languages": ["de", "fr"]},
    }
    assert (session["audio"]["output"]["voice"], session["audio"]["output"]["speed"]) == ("cedar", 1.25)
    assert session["instructions"].startswith("You are Ada.\nBe brief.\n\nSpeak German, unless")
    assert agent.manner.instructions == session["instructions"]
    assert (session["reasoning"], session["max_output_tokens"]) == ({"effort": "low"}, 900)
    limits = {"token_limits": {"post_instructions": 8000}}
    assert session["truncation"] == {"type": "retention_ratio", "retention_ratio": 0.7, **limits}
    assert agent.model.full_url.endswith("?model=gpt-realtime-2.1-mini")
    assert (agent.manner.turns, agent.manner.greeting, agent.manner.speculate) == (
        TurnMode.SERVER_VAD,
        "Guten Tag!",
        False,
    )
    assert (agent.manner.prices.audio_in, agent.manner.prices.transcribed_minute) == (10.0, 0.017)


def test_the_usual_figures_of_a_servers_ear_are_ours() -> None:
    """Not the server's, which are not what its documentation says."""
    assert Detection(TurnMode.SERVER_VAD).told() == {
        "type": "server_vad",
        "threshold": 0.6,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 500,
        "create_response": False,
        "interrupt_response": False,
    }


def test_every_key_of_the_session_is_obeyed(tmp_path: Path) -> None:
    """How it ends, and who is told."""
    agent = read(
        tmp_path,
        """
session:
  silence_s: 12.5
  reprompt: Still there?
  goodbye: false
  end_tool: false
  max_s: 600
  budget_usd: 0.25
  last_words: Bye.
  webhook: {url: 'https://office.example/calls', secret_env: HOOK, summary: true}
tools: {filler: One moment., filler_after_s: 2, max_rounds: 3}
""",
        HOOK="whsec_" + "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3",
    )
    assert agent.manner.closing == Closing(12.5, "Still there?", False, False, 600, 250_000, "Bye.")
    assert (agent.manner.filler, agent.manner.filler_after_s, agent.manner.max_tool_rounds) == ("One moment.", 2, 3)
    assert agent.webhook is not None
    assert "tools" not in told(agent)


def test_an_agent_may_have_a_server_of_its_own(tmp_path: Path) -> None:
    """With that one's model, voice and transcription; the environment's are for the environment's server."""
    env = {**KEY, "PARLEY_MODEL": "gpt-realtime-2.1-mini", "PARLEY_VOICE": "ash", "PARLEY_MODEL_ANSWER_S": "4"}
    own = read(tmp_path, "model: {server: localai}", **env)
    assert (own.model.server.name, own.model.model, own.model.voice) == ("localai", "gpt-realtime", "alloy")
    assert (own.manner.capabilities.commit_responds, own.manner.answer_s) == (True, 4)
    same = read(tmp_path, "model: {server: openai}", **env)
    assert (same.model.model, same.model.voice) == ("gpt-realtime-2.1-mini", "ash")


def test_a_named_server_is_where_the_environment_says_that_it_is(tmp_path: Path) -> None:
    """`make run` has an engine at a port of its own."""
    env = {"PARLEY_MODEL_SERVER": "engine", "PARLEY_MODEL_URL": "ws://127.0.0.1:41234/v1/realtime"}
    agent = read(tmp_path, "model: {server: engine, captions: engine}", **env)
    assert agent.model.place == env["PARLEY_MODEL_URL"]
    assert agent.captions is not None
    assert agent.captions.place == env["PARLEY_MODEL_URL"]


def test_captions_come_from_a_session_that_only_writes(tmp_path: Path) -> None:
    """At the model's server, another, or the engine; with the one's model, or one that is named."""
    here = read(tmp_path, "model: {captions: transcription}", **KEY).captions
    assert here is not None
    assert here.full_url == "wss://api.openai.com/v1/realtime?intent=transcription"
    session = here.session()
    assert client_faults({"type": "session.update", "session": session}) == []
    assert session["audio"]["input"]["transcription"] == {"model": "gpt-live-transcribe"}
    there = read(tmp_path, "model: {captions: transcription, captions_server: localai, captions_model: w}").captions
    assert there is not None
    assert (there.server.name, there.transcription_model) == ("localai", "w")
    engine = read(tmp_path, "model: {captions: engine}", **KEY).captions
    assert engine is not None
    assert engine.server.name == "engine"


def test_the_model_is_told_of_the_agents_tools(tmp_path: Path) -> None:
    """And of the one that hangs up; remote ones only where the server calls them."""
    text = """
tools:
  functions:
    - {name: look_up, description: Looks it up., http: {url: 'https://a.example/x'}}
  mcp:
    - {label: docs, url: 'https://b.example/mcp'}
"""
    agent = read(tmp_path, text, **KEY)
    assert [tool.get("name") or tool["server_label"] for tool in told(agent)["tools"]] == [
        "look_up",
        "docs",
        "end_conversation",
    ]
    assert agent.toolbox.find("look_up") is not None
    with pytest.raises(SettingsFault, match=r"tutor\.yaml:5: mcp in tools is of no use: the server engine calls no"):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("model:\n  server: bing", r":2: server in model must be one of the servers \(azure, .*\), not 'bing'"),
        ("model:\n  server: azure", r"azure\.yaml:\d+: key_env names AZURE_OPENAI_API_KEY, which is not set"),
        ("model:\n  turns: ours", r':2: turns in model must be "parley", "semantic_vad" or "server_vad", not \'ours\''),
        ("model:\n  eagerness: low", r":2: eagerness in model counts with turns: semantic_vad only"),
        ("model:\n  turns: semantic_vad\n  vad: {}", r":3: vad in model counts with turns: server_vad only"),
        (
            "model:\n  turns: server_vad\n  vad:\n    treshold: 1",
            r":4: treshold in model\.vad is unknown; there are: thr",
        ),
        ("model:\n  server: speaches\n  turns: semantic_vad", r":3: turns in model can't be semantic_vad: it does not"),
        (
            "model:\n  server: speech-to-speech",
            r":1: turns in model must be server_vad: speech-to-speech ends turns by",
        ),
        ("model:\n  languages: [de, xx]", r":2: languages in model holds 'xx'; there are: ar, bg"),
        ("model:\n  context_tokens: 900", r":2: context_tokens in model counts with truncation: ratio only"),
        ("model:\n  captions_model: x", r":2: captions_model in model counts with captions: transcription only"),
        (
            "model:\n  server: localai\n  captions: transcription",
            r":3: captions in model needs captions_model: localai",
        ),
        ("model:\n  speculate: on", r":2: speculate in model must be true or false, not 'on'"),
        ("model:\n  temperature: 0.8", r":2: temperature in model is unknown; there are: server,"),
        ("voice:\n  speed: 2", r":2: speed in voice must be a number from 0\.25 to 1\.5, not 2"),
        ("voice:\n  language: Klingon", r':2: language in voice must be "ar", "bg"'),
        ("session:\n  budget_usd: free", r":2: budget_usd in session must be US dollars from 0 to 1000, not 'free'"),
        ("session:\n  max_s: -1", r":2: max_s in session must be seconds from 0 to 86400, not -1"),
        ("session:\n  webhook:\n    url: 7", r":3: url in session\.webhook must be"),
        ("tools:\n  filler: true", r":2: filler in tools must be text: put it in quotes"),
    ],
)
def test_what_cannot_be_is_told_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    """File, line, key, and what to do; the broker does not start."""
    with pytest.raises(SettingsFault, match=told):
        read(tmp_path, text)


def test_a_budget_that_nobody_can_keep_is_told_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The agent works all the same; where nothing costs anything there is nothing to tell."""
    budget = "session: {budget_usd: 1}"
    with caplog.at_level(logging.WARNING):
        read(tmp_path, budget)
        read(tmp_path, budget, **KEY)
    assert caplog.messages == []
    read(tmp_path, budget, PARLEY_MODEL_URL="wss://user:pw@gw.example/v1")
    (message,) = caplog.messages
    assert "agent tutor has a budget that cannot be kept" in message
    assert "pw" not in message
