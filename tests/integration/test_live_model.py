"""The broker against OpenAI itself, for whoever has a key and some cents: a turn, an interruption, a function call.

    PARLEY_LIVE_TEST=1 OPENAI_API_KEY=… python -m pytest tests/integration/test_live_model.py -s

It costs a cent or two with the smaller model, and stops at PARLEY_LIVE_BUDGET_USD (0.20), by the usage that the model
tells while it runs. PARLEY_LIVE_MODEL is another model, PARLEY_LIVE_URL another server.
"""

from __future__ import annotations

import asyncio
import os
import re
from dataclasses import replace
from typing import Any

import pytest

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import session_pb2 as session
from services.broker.agent import Agent
from services.broker.conversation import Conversation
from services.broker.manner import Closing
from services.broker.settings import OPENAI_URL
from tests.fakes import speech
from tests.integration.broker_peers import MS, Vad
from tests.integration.broker_ring import BrokerRing, agent
from tests.integration.speaker import Speaker
from tests.integration.talk import ASSISTANT, TOLERANCE_MS, USER
from tests.integration.tools import Bench

BUDGET_USD = float(os.environ.get("PARLEY_LIVE_BUDGET_USD", "0.20"))
ANSWER_S = 30.0

pytestmark = pytest.mark.skipif(
    os.environ.get("PARLEY_LIVE_TEST") != "1" or not os.environ.get("OPENAI_API_KEY"),
    reason=f"costs up to {BUDGET_USD:.2f} USD: set PARLEY_LIVE_TEST=1 and OPENAI_API_KEY to speak to OpenAI",
)


def live_agent(bench: Bench) -> Agent:
    """The agent, its budget included; a model whose price nobody knows is not spoken to."""
    env: dict[str, Any] = {"PARLEY_MODEL_SERVER": "openai", "OPENAI_API_KEY": os.environ["OPENAI_API_KEY"]}
    env |= {"PARLEY_MODEL": os.environ.get("PARLEY_LIVE_MODEL", "gpt-realtime-2.1-mini")}
    env |= {"PARLEY_INSTRUCTIONS": "Answer briefly, in English. For the time call the function look, always."}
    found = agent(os.environ.get("PARLEY_LIVE_URL", OPENAI_URL), [bench.tool("look")], **env)
    if not found.manner.prices.are_known:
        pytest.skip(f"nobody knows what {env['PARLEY_MODEL']} costs, so no budget can be kept")
    closing = Closing(silence_s=0, budget_micros=round(BUDGET_USD * 1_000_000))
    return replace(found, manner=replace(found.manner, closing=closing))


class Caller:
    """A person with a synthetic voice."""

    def __init__(self, ring: BrokerRing, vad: Vad) -> None:
        self.turn = 0
        self.speaker = Speaker(ring.egress, 1.0)
        self._ring = ring
        self._vad = vad

    async def ask(self, words: str, *, interruption: bool = False) -> None:
        """Say something."""
        self.turn += 1
        pcm = speech.say(words)
        await self._vad.say(speech_started=broker.SpeechStarted(turn=self.turn))
        for start in range(0, len(pcm), 3200):
            await self._vad.say(audio=broker.TurnAudio(turn=self.turn, pcm=pcm[start : start + 3200]))
        ended = broker.TurnEnded(turn=self.turn, speech_ms=2000, waited_ms=300, interruption=interruption)
        await self._vad.say(turn_ended=ended)

    async def heard(self, count: int) -> session.HistoryItem:
        """Wait until so many replies have been heard, and written down; return the newest."""
        async with asyncio.timeout(ANSWER_S):
            while True:
                items = await self._ring.store.history("s1")
                replies = [item for item in items if item.role == ASSISTANT]
                if len(replies) >= count and self.speaker.is_quiet:
                    return replies[-1]
                await asyncio.sleep(0.05)

    async def hears(self, ms: float) -> None:
        """Wait until so much of the newest reply was heard."""
        before = max(self.speaker.heard, default=0)
        async with asyncio.timeout(ANSWER_S):
            while True:
                newest = max(self.speaker.heard, default=0)
                if newest > before and self.speaker.heard[newest] >= ms * MS:
                    return
                await asyncio.sleep(0.01)

    async def cuts_in(self) -> int:
        """Take the floor; return the position of what was heard, in samples."""
        reply, position = self.speaker.fall_silent()
        await self._vad.interrupt(1)
        await self._ring.egress.played(reply, position / MS, seq=1)
        return position


async def cost_usd(ring: BrokerRing) -> float:
    """What the session record says."""
    record = await ring.store.read_record("s1")
    return record.usage.cost_micros / 1_000_000 if record is not None else 0.0


async def keep_to_budget(ring: BrokerRing) -> None:
    """Break off when it becomes too dear."""
    while True:
        spent = await cost_usd(ring)
        assert spent <= BUDGET_USD, f"it has cost {spent:.3f} USD of {BUDGET_USD:.2f}: broken off"
        await asyncio.sleep(0.25)


@pytest.mark.timeout(180)
async def test_a_turn_an_interruption_and_a_function_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the fakes say of the service is so: the transcript, the truncation, the call and its result, the usage."""
    events: list[dict[str, Any]] = []
    take = Conversation.from_model

    def noted(core: Conversation, event: dict[str, Any], now_s: float) -> Any:
        events.append(event)
        return take(core, event, now_s)

    monkeypatch.setattr(Conversation, "from_model", noted)
    bench = Bench(answer=lambda at: "a quarter past seven")
    async with BrokerRing(live_agent(bench)) as ring, asyncio.TaskGroup() as group:
        vad = await ring.dial()
        await vad.ready()
        caller = Caller(ring, vad)
        background = [group.create_task(caller.speaker.play()), group.create_task(keep_to_budget(ring))]

        await caller.ask("What is the capital of France?")
        assert "paris" in (await caller.heard(1)).text.lower()

        await caller.ask("Please count slowly from one to forty.")
        await caller.hears(2500)
        position = await caller.cuts_in()
        cut = await caller.heard(2)
        assert cut.interrupted
        assert abs(cut.heard_ms - position / MS) <= TOLERANCE_MS

        await caller.ask("What time is it?", interruption=True)
        answer = await caller.heard(3)
        assert re.search(r"quarter|7|seven", answer.text.lower()), answer.text
        assert bench.calls

        truncated = [event for event in events if event["type"] == "conversation.item.truncated"]
        assert [abs(event["audio_end_ms"] - position / MS) <= TOLERANCE_MS for event in truncated] == [True]
        errors = [event["error"] for event in events if event["type"] == "error"]
        assert [error for error in errors if error.get("code") != "response_cancel_not_active"] == []
        asked = [item.text for item in await ring.store.history("s1") if item.role == USER]
        assert "france" in asked[0].lower()
        spent = await cost_usd(ring)
        assert 0 < spent <= BUDGET_USD
        print(f"live: {len(events)} events, {spent:.4f} USD")
        for task in background:
            task.cancel()
