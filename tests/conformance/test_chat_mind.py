"""Both agent SDKs against an engine whose mind is a chat server: replies of several parts at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from tests.conformance.client_run import Client, node_client, python_client, run_client
from tests.conformance.engine_process import running_engine
from tests.fakes.openai_http.script import Call, Script
from tests.fakes.openai_http.server import FakeOpenAI

pytestmark = pytest.mark.asyncio(loop_scope="module")
PREAMBLE, ANSWER = "Let me look.", "Both are sunny."
LOOKS_TWICE = Script(
    texts=("Let me", " look."),
    calls=(Call("call_1", "get_weather", '{"city": "Paris"}'), Call("call_2", "get_weather", '{"city": "Rome"}')),
)
Engine = tuple[str, FakeOpenAI]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine_and_mind(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Engine]:
    """An engine that thinks at a fake chat server, and the server."""
    log = tmp_path_factory.mktemp("engine") / "engine.log"
    async with FakeOpenAI() as mind:
        chat = {"PARLEY_ENGINE_LLM": "openai", "PARLEY_ENGINE_LLM_URL": mind.url, "PARLEY_ENGINE_LLM_MODEL": "tiny"}
        with ExitStack() as running:
            start = running_engine(log, PARLEY_ENGINE_DECODERS="1", **chat)
            url = await asyncio.to_thread(running.enter_context, start)
            yield url, mind


@pytest.mark.parametrize(
    "client", [python_client("openai_agents"), node_client("openai_agents")], ids=["python", "node"]
)
async def test_tools_called_at_once_are_answered_at_once(engine_and_mind: Engine, client: Client, speech: Path) -> None:
    """A reply says something and calls two tools: both run, and a reply follows to what came of both."""
    if client.missing:
        pytest.skip(client.missing)
    url, mind = engine_and_mind
    mind.answer(LOOKS_TWICE, Script(texts=("Both are", " sunny.")))
    run = await asyncio.to_thread(run_client, client.playing("two_tools"), url, speech)
    facts = run.facts("two_tools")
    assert facts["errors"] == []
    assert facts["asked"] == ["Paris", "Rome"]
    user, preamble, first, second, *_, answer = facts["history"]
    assert user["text"] == "compare the weather in paris and in rome"
    assert (preamble["text"], answer["text"]) == (PREAMBLE, ANSWER)
    assert (first["output"], second["output"]) == ("sunny in Paris", "sunny in Rome")
    assert mind.problems == []
    messages = mind.requests[-1]["messages"]
    assert [message["content"] for message in messages if message["role"] == "tool"] == [
        "sunny in Paris",
        "sunny in Rome",
    ]
