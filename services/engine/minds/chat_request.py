"""What a chat server is asked: the conversation, the tools and the limits, as `POST /chat/completions` takes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from services.engine.parts import Context, Line

Message = dict[str, Any]

_NO_RESULT = "(There is no result yet.)"


def chat_request(
    context: Context, model: str, preamble: str, limit_field: str, extra: Mapping[str, Any]
) -> dict[str, Any]:
    """Make the body of a streaming request.

    `preamble` goes before the instructions, `limit_field` is what the server calls the limit on tokens, and `extra`
    are fields that the operator adds, over all others.
    """
    body: dict[str, Any] = {
        "model": model,
        "messages": list(_messages(context, preamble)),
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if tools := [_tool(tool) for tool in context.tools if tool.get("type") == "function"]:
        body["tools"] = tools
        body["tool_choice"] = _choice(context.tool_choice)
    if context.max_output_tokens is not None:
        body[limit_field] = context.max_output_tokens
    return {**body, **extra}


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    fields = {name: tool[name] for name in ("name", "description", "parameters") if tool.get(name) is not None}
    return {"type": "function", "function": fields}


def _choice(choice: str | Mapping[str, Any]) -> str | dict[str, Any]:
    if isinstance(choice, str):
        return choice
    return {"type": "function", "function": {"name": choice.get("name", "")}}


def _messages(context: Context, preamble: str) -> Iterator[Message]:
    """The conversation. Servers insist that the results of calls stand right behind them, whoever spoke meanwhile."""
    if system := "\n\n".join(filter(None, [preamble, context.instructions])):
        yield {"role": "system", "content": system}
    results = {line.call_id: line.text for line in context.lines if line.speaker == "tool"}
    called = {line.call_id for line in context.lines if line.speaker == "call"}
    calls: list[Line] = []
    for line in context.lines:
        if line.speaker == "call":
            calls.append(line)
            continue
        yield from _calls(calls, results)
        calls = []
        if line.speaker == "tool":
            if line.call_id not in called:
                yield {"role": "system", "content": f"The result of a tool: {line.text}"}
        elif line.text.strip():
            yield {"role": line.speaker, "content": line.text}
    yield from _calls(calls, results)


def _calls(calls: Sequence[Line], results: Mapping[str, str]) -> Iterator[Message]:
    """Calls made at once are one message, followed by what came of each."""
    if not calls:
        return
    yield {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": call.call_id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments or "{}"},
            }
            for call in calls
        ],
    }
    for call in calls:
        yield {"role": "tool", "tool_call_id": call.call_id, "content": results.get(call.call_id, _NO_RESULT)}
