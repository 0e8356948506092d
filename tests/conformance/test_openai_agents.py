"""The official agent SDKs, Python `openai-agents` and npm `@openai/agents`, unmodified, against the engine."""

from __future__ import annotations

import pytest

from tests.conformance.client_run import SPEECH, Client, Facts, Run, node_client, python_client

QUESTION = SPEECH["question"]
ANSWER = "2 plus 3 is 5."
SCENARIOS = [
    "tool",
    "spoken",
    "telephone",
    "interrupted_by_voice",
    "interrupted_while_playing",
    "interrupted_by_button",
]
PYTHON = python_client("openai_agents", *SCENARIOS)
NODE = node_client("openai_agents", *SCENARIOS, "edited")
both = pytest.mark.parametrize("client", [PYTHON, NODE], ids=["python", "node"])


@both
def test_tool_is_executed_and_its_result_spoken(run: Run, client: Client) -> None:
    """The agent's function runs in the client, once; the reply tells what it gave, and history has it all."""
    facts = run(client).facts("tool")
    assert facts["errors"] == []
    (city,) = facts["asked"]
    assert city.lower() == "paris"
    assert facts["results"] == [f"sunny and twenty one degrees in {city}"]
    user, call, reply = facts["history"]
    assert (user["role"], user["text"]) == ("user", "what is the weather in paris")
    assert (call["type"], call["name"], call["status"]) == ("function_call", "get_weather", "completed")
    assert (call["output"], reply["role"]) == (facts["results"][0], "assistant")
    assert "twenty one degrees" in reply["text"]
    assert facts["audio_s"] > 0.5


@both
def test_spoken_question_is_answered(run: Run, client: Client) -> None:
    """With the SDK's own settings the engine hears the end of a question; both sides are in history."""
    facts = run(client).facts("spoken")
    assert facts["errors"] == []
    assert [(item["role"], item["text"]) for item in facts["history"]] == [("user", QUESTION), ("assistant", ANSWER)]
    assert facts["audio_s"] > 0.5


@both
def test_telephone_line_is_spoken_with(run: Run, client: Client) -> None:
    """A client that names mu-law gives and gets 8 kHz mu-law: as long, and as well understood, as PCM."""
    facts, wide = run(client).facts("telephone"), run(client).facts("spoken")
    assert facts["errors"] == []
    assert [item["text"] for item in facts["history"]] == [QUESTION, ANSWER]
    assert abs(facts["audio_s"] - wide["audio_s"]) < 0.05


@both
def test_settings_left_open_are_told(run: Run, client: Client) -> None:
    """A client that names only semantic_vad is told the rest: from it the SDK knows that the engine cancels."""
    detection = run(client).facts("spoken")["turn_detection"]
    assert detection["type"] == "semantic_vad"
    assert (detection["create_response"], detection["interrupt_response"]) == (True, True)


@both
def test_reply_talked_over_is_cut_where_it_was_heard(run: Run, client: Client) -> None:
    """Speech over a reply: the engine cancels, the client truncates, history keeps what was heard, the next goes on."""
    facts = run(client).facts("interrupted_by_voice")
    assert facts["errors"] == []
    assert "audio_interrupted" in facts["kinds"]
    assert (facts["status"], facts["details"]) == ("cancelled", {"type": "cancelled", "reason": "turn_detected"})
    story, cut, question, answer = facts["history"]
    assert (story["role"], question["role"], answer["role"]) == ("user", "user", "assistant")
    assert (question["text"], answer["text"]) == (QUESTION, ANSWER)
    _holds_only_what_was_heard(facts, cut)


@both
def test_reply_that_was_made_already_is_cut_where_it_was_heard(run: Run, client: Client) -> None:
    """Speech over a reply that is only being played: nothing is cancelled, and history keeps what was heard."""
    facts = run(client).facts("interrupted_while_playing")
    assert facts["errors"] == []
    assert "audio_interrupted" in facts["kinds"]
    assert (facts["status"], facts["details"]) == ("completed", None)
    _, cut, question, answer = facts["history"]
    assert (question["text"], answer["text"]) == (QUESTION, ANSWER)
    _holds_only_what_was_heard(facts, cut)


@both
def test_reply_stopped_by_the_client_is_cut_where_it_was_heard(run: Run, client: Client) -> None:
    """The client's own interrupt: it truncates and cancels, history keeps what was heard, the next reply is whole."""
    facts = run(client).facts("interrupted_by_button")
    assert facts["errors"] == []
    assert "audio_interrupted" in facts["kinds"]
    assert (facts["status"], facts["details"]) == ("cancelled", {"type": "cancelled", "reason": "client_cancelled"})
    _, cut, _, answer = facts["history"]
    assert answer["text"] == "My name is Parley."
    _holds_only_what_was_heard(facts, cut)


def test_history_is_edited_by_the_client(run: Run) -> None:
    """An item of the client's is put first and another is taken out, as npm alone offers; the engine does as told."""
    facts = run(NODE).facts("edited")
    assert facts["errors"] == []
    assert [item["text"] for item in facts["history"]] == ["my name is odile", ANSWER]


def _holds_only_what_was_heard(facts: Facts, cut: Facts) -> None:
    """The reply in history ends at the last word that was begun before the truncation, some seconds into the reply."""
    assert cut["id"] == facts["cut"]
    assert 1000 < facts["end_ms"] < 8000
    assert len(facts["heard"]) < len(facts["said"]) / 2
    assert cut["text"].strip() == facts["heard"].strip() != ""
