"""Items of the GA Realtime protocol, as a client creates them."""

from __future__ import annotations

from typing import Any


def spoken_item(role: str, words: str, item_id: str = "") -> dict[str, Any]:
    """Return a message of the "user", the "assistant" or the "system"; without an id the server chooses one."""
    kind = "output_text" if role == "assistant" else "input_text"
    item = {"type": "message", "role": role, "content": [{"type": kind, "text": words}]}
    return {**item, "id": item_id} if item_id else item


def call_item(call_id: str, name: str, arguments: str, item_id: str) -> dict[str, Any]:
    """Return the item of a tool call that another connection's model has made."""
    return {"type": "function_call", "id": item_id, "call_id": call_id, "name": name, "arguments": arguments}


def output_item(call_id: str, output: str) -> dict[str, Any]:
    """Return the item that gives a tool's result."""
    return {"type": "function_call_output", "call_id": call_id, "output": output}
