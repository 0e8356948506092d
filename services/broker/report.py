"""The report of a session that has ended: what was said and done in it, and what it cost (docs/sessions.md)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from parley.v1 import session_pb2 as wire
from services.broker.money import amount

MOST_ITEMS: Final = 5_000
"""Of the transcript, and of the tools; the last ones are kept, and `omitted` says how many are not."""

MOST_CHARS: Final = 2_000
"""Of a tool's arguments, and of its output."""

_ROLES: Final = {wire.HistoryItem.ROLE_USER: "user", wire.HistoryItem.ROLE_ASSISTANT: "assistant"}


@dataclass(frozen=True)
class Ended:
    """A session that is over."""

    session: str
    agent: str
    started_at_ms: int
    ended_at_ms: int
    reason: str
    """Why: "silence", "goodbye", "assistant", "budget", "time", "client" or "fault"."""
    history: Sequence[wire.HistoryItem]
    usage: wire.Usage
    currency: str = "USD"
    summary: str | None = None


def report(ended: Ended) -> dict[str, Any]:
    """Return the body of the webhook, as JSON knows it."""
    spoken = [item for item in ended.history if item.role in _ROLES]
    tools = _tools(item for item in ended.history if item.role == wire.HistoryItem.ROLE_TOOL)
    data: dict[str, Any] = {
        "session": ended.session,
        "agent": ended.agent or "default",
        "started_at": _time(ended.started_at_ms),
        "ended_at": _time(ended.ended_at_ms),
        "reason": ended.reason,
        "turns": len({item.turn for item in spoken if item.role == wire.HistoryItem.ROLE_USER and item.turn}),
        "transcript": [_spoken(item) for item in spoken[-MOST_ITEMS:]],
        "tools": tools[-MOST_ITEMS:],
        "omitted": max(len(spoken) - MOST_ITEMS, 0) + max(len(tools) - MOST_ITEMS, 0),
        "usage": {
            field.name: getattr(ended.usage, field.name)
            for field in wire.Usage.DESCRIPTOR.fields
            if field.name != "cost_micros"
        },
        "cost": {"amount": amount(ended.usage.cost_micros), "currency": ended.currency},
        "summary": ended.summary,
    }
    return {"type": "session.ended", "timestamp": data["ended_at"], "data": data}


def _spoken(item: wire.HistoryItem) -> dict[str, Any]:
    return {
        "role": _ROLES[item.role],
        "text": item.text,
        "at": _time(item.at_ms),
        "interrupted": item.interrupted,
    }


def _tools(items: Iterable[wire.HistoryItem]) -> list[dict[str, Any]]:
    """Return each call once, in the order in which they began, as it went in the end."""
    calls: dict[tuple[int, str], dict[str, Any]] = {}
    for item in items:
        tool = item.tool
        call = calls.setdefault((item.turn, tool.call_id), {"at": _time(item.at_ms)})
        call |= {
            "name": tool.name,
            "arguments": tool.arguments[:MOST_CHARS],
            "output": tool.output[:MOST_CHARS],
            "status": wire.ToolCall.Status.Name(tool.status).removeprefix("STATUS_").lower(),
            "turn": item.turn,
        }
    return list(calls.values())


def _time(ms: int) -> str:
    """Write a moment as RFC 3339, in UTC, to the millisecond."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
