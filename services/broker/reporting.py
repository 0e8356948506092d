"""Reporting: after a session has ended, its operator is told; nobody waits for it."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from typing import Final

from services.broker.account import end_reason
from services.broker.agent import Agent
from services.broker.report import Ended, report
from services.broker.session import Thinking
from services.broker.summary import summarise
from services.broker.webhook import Courier, Webhook
from services.common.errors import ParleyError

log = logging.getLogger("parley.broker")

CLOSING_S: Final = 5.0
"""How long a stopping broker waits for the reports that are under way."""

MOST: Final = 1_000
"""Reports under way; more are given up, and logged."""


class Reporting:
    """The reports of all sessions of a process."""

    def __init__(self, courier: Courier | None = None) -> None:
        self._courier = courier or Courier()
        self._tasks: set[asyncio.Task[None]] = set()

    def report(self, agent: Agent, thinking: Thinking, fault: ParleyError | None) -> None:
        """Report a session that has just ended, if its agent has a webhook."""
        if agent.webhook is None:
            return
        if len(self._tasks) >= MOST:
            log.error("session %s is not reported: %d reports are under way", thinking.session, MOST)
            return
        ended = Ended(
            session=thinking.session,
            agent=agent.name,
            started_at_ms=thinking.story.began_at_ms,
            ended_at_ms=int(time.time() * 1000),
            reason=end_reason(thinking.core.hangup, fault),
            history=tuple(thinking.story.items),
            usage=thinking.core.spent,
            currency=agent.manner.prices.currency,
        )
        task = asyncio.create_task(self._send(agent, agent.webhook, ended))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, agent: Agent, webhook: Webhook, ended: Ended) -> None:
        if webhook.summary:
            ended = replace(ended, summary=await summarise(agent.model, ended.session, ended.history))
        await self._courier.send(webhook, ended.session, report(ended))

    async def close(self) -> None:
        """Wait for what is under way, but not for ever."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=CLOSING_S)
            for task in late:
                task.cancel()
            if late:
                log.warning("%d reports were not delivered", len(late))
        await self._courier.close()
