"""Context: a conversation as a mind is told it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from services.engine.parts import Context, Line
from services.engine.protocol.item import Item
from services.engine.protocol.response import Response


def context_of(response: Response, items: Iterable[Item], now: datetime) -> Context:
    """All that the mind needs for a response to these items, at local time `now`."""
    wish = response.wish
    limit = wish.max_output_tokens
    own = {output.item.id for output in response.outputs}
    return Context(
        lines=[line for item in items if item.id not in own for line in _lines(item)],
        now=now,
        instructions=wish.instructions,
        tools=wish.tools,
        tool_choice=wish.tool_choice,
        max_output_tokens=limit if isinstance(limit, int) else None,
    )


def _lines(item: Item) -> list[Line]:
    if item.kind == "function_call":
        return [Line("call", "", item.call["call_id"], item.call["name"], item.call["arguments"])]
    if item.kind == "function_call_output":
        return [Line("tool", item.call["output"], item.call["call_id"])]
    if item.is_silence or (item.role == "assistant" and not item.text):
        return []  # nobody said anything
    if item.role == "assistant":
        return [Line("assistant", item.text)]
    return [Line("system" if item.role == "system" else "user", item.text)]
