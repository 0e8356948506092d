"""Summary: the model is asked, after a session, to say in a few sentences what it was about."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from parley.v1 import session_pb2 as wire
from services.broker.event import Event, table, tables, text
from services.broker.items import spoken_item
from services.broker.model_settings import ModelSettings
from services.broker.realtime import RealtimeSocket, model_session
from services.common.errors import ModelFault

log = logging.getLogger("parley.broker")

PATIENCE_S: Final = 20.0
MOST_CHARACTERS: Final = 60_000
"""Of the conversation's end."""

ORDER: Final = (
    "Summarise the conversation that follows for the people who run the assistant, in at most five sentences, in its "
    "own language: what the person wanted, what was agreed or done, what is still open. Write nothing else."
)
_ROLES: Final = {wire.HistoryItem.ROLE_USER: "Person", wire.HistoryItem.ROLE_ASSISTANT: "Assistant"}


async def summarise(settings: ModelSettings, session: str, history: Sequence[wire.HistoryItem]) -> str | None:
    """Return what was talked about, None where the model can't or won't say, or nobody said anything."""
    lines = [f"{_ROLES[item.role]}: {item.text}" for item in history if item.role in _ROLES and item.text]
    if not lines or not settings.capabilities.out_of_band:
        return None
    try:
        async with asyncio.timeout(PATIENCE_S), model_session(replace(settings, tools=())) as socket:
            return await _ask(socket, "\n".join(lines)[-MOST_CHARACTERS:])
    except (ModelFault, TimeoutError) as error:
        log.warning("session %s: no summary: %s", session, error or "the model took too long")
        return None


async def _ask(socket: RealtimeSocket, talk: str) -> str | None:
    """Raises ModelFault when the connection breaks before there is an answer."""
    answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def take(event: dict[str, Any]) -> None:
        if answer.done():
            return
        if text(event, "type") == "response.done":
            answer.set_result(_written(table(event, "response")))
        elif text(event, "type") == "error":
            answer.set_result("")

    response = {
        "conversation": "none",
        "output_modalities": ["text"],
        "instructions": ORDER,
        "input": [spoken_item("user", talk)],
    }
    reading = asyncio.create_task(socket.run(take))
    try:
        await socket.send({"type": "response.create", "event_id": "parley_summary", "response": response})
        waiting: set[asyncio.Future[Any]] = {reading, answer}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        return (answer.result() or None) if answer.done() else None
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


def _written(response: Event) -> str:
    parts = [part for item in tables(response, "output") for part in tables(item, "content")]
    return " ".join(text(part, "text") for part in parts).strip()
