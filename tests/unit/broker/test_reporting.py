"""Reporting: the operator is told of a session that has ended, and nobody waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import pytest

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import session_pb2
from services.broker import reporting
from services.broker.agent import Agent
from services.broker.conversation import Conversation
from services.broker.manner import Closing, Manner
from services.broker.model_settings import ModelSettings
from services.broker.reporting import CLOSING_S, Reporting
from services.broker.session import Thinking
from services.broker.tools.declaration import Toolbox
from services.broker.webhook import Courier, Webhook, key_of
from services.common.errors import ModelFault, ParleyError
from tests.unit.broker.upstream.wire import settings
from tests.unit.engine.virtual_time import run

HOOK = Webhook("https://crm.example/hook", key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
AGENT = Agent("clerk", settings(), Manner(), Toolbox(), webhook=HOOK)


class Post:
    """Stands in for the courier: notes what is sent, and takes its time."""

    def __init__(self, takes_s: float = 0.0) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.is_closed = False
        self._takes_s = takes_s

    async def send(self, webhook: Webhook, session: str, body: dict[str, Any]) -> bool:
        """Take a report."""
        assert webhook.url == HOOK.url
        await asyncio.sleep(self._takes_s)
        self.sent.append((session, body))
        return True

    async def close(self) -> None:
        """Let go."""
        self.is_closed = True


def ended(agent: Agent = AGENT, *, hangup: bool = False) -> Thinking:
    """A session in which something was typed, and that has ended, by itself or not."""
    now_s = 100.0
    core = Conversation(replace(agent.manner, closing=Closing(silence_s=5)))
    thinking = Thinking("s1", core, clock=lambda: now_s)
    thinking.begin()
    if hangup:
        for second in (104.0, 105.5, 106.0):
            core.tick(second)
    thinking.from_vad(broker.RespondRequest(typed=broker.Typed(turn=1, text="hello")))
    thinking.close(None)
    return thinking


def reported(
    *, agent: Agent = AGENT, fault: ParleyError | None = None, hangup: bool = False, post: Post | None = None
) -> Post:
    """Report a session, and stop."""
    post = post or Post()

    async def session() -> None:
        made = Reporting(cast("Courier", post))
        made.report(agent, ended(agent, hangup=hangup), fault)
        await asyncio.sleep(0.1)
        await made.close()

    run(session())
    return post


@pytest.mark.parametrize(
    ("hangup", "fault", "reason"),
    [(False, None, "client"), (False, ModelFault("gone"), "fault"), (True, None, "silence")],
)
def test_a_report_says_why_it_ended(hangup: bool, fault: ParleyError | None, reason: str) -> None:
    """By itself, by its client, or by a fault; with what was said."""
    (session, body), *more = reported(fault=fault, hangup=hangup).sent
    assert (session, more) == ("s1", [])
    assert body["data"]["reason"] == reason
    assert body["data"]["agent"] == "clerk"
    assert [line["text"] for line in body["data"]["transcript"]] == ["hello"]
    assert body["data"]["summary"] is None


def test_an_agent_without_a_webhook_is_not_reported() -> None:
    """Nothing is sent."""
    assert reported(agent=replace(AGENT, webhook=None)).sent == []


def test_a_summary_is_made_where_it_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the agent's own model, of this session's history."""

    async def summed_up(model: ModelSettings, session: str, history: Sequence[session_pb2.HistoryItem]) -> str:
        assert model is AGENT.model
        return f"{session}: {history[0].text}"

    monkeypatch.setattr(reporting, "summarise", summed_up)
    post = reported(agent=replace(AGENT, webhook=replace(HOOK, summary=True)))
    assert post.sent[0][1]["data"]["summary"] == "s1: hello"


def test_a_stopping_broker_waits_for_reports_but_not_for_ever(caplog: pytest.LogCaptureFixture) -> None:
    """What takes longer is logged."""
    slow, slower = Post(CLOSING_S - 1), Post(CLOSING_S + 1)
    assert len(reported(post=slow).sent) == 1
    assert reported(post=slower).sent == []
    assert slow.is_closed
    assert slower.is_closed
    assert "1 reports were not delivered" in caplog.text


def test_reports_do_not_pile_up(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """More than so many at once are given up, and logged."""
    monkeypatch.setattr(reporting, "MOST", 2)
    post = Post(1)

    async def sessions() -> None:
        made = Reporting(cast("Courier", post))
        for _ in range(3):
            made.report(AGENT, ended(), None)
        await made.close()

    run(sessions())
    assert len(post.sent) == 2
    assert "is not reported" in caplog.text
