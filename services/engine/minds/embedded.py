"""The embedded mind: the small conversationalist behind the interface of minds, with a plain way with tools."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from typing import Any, Final

from services.engine.minds.conversationalist import answer, says_goodbye
from services.engine.minds.tool_wish import wish
from services.engine.minds.verbatim import dictated
from services.engine.parts import Context, Curtailed, Line, TextDelta, Thought, ToolCall

END_CONVERSATION: Final = "end_conversation"  # by this name an agent hangs up
_CHARACTERS_PER_TOKEN = 4


class EmbeddedMind:
    """Thinks without a model, at once."""

    async def think(self, context: Context) -> AsyncGenerator[Thought, None]:
        """Call the function that is asked for, else say what there is to say; no longer than allowed."""
        for thought in _thoughts(context):
            yield thought


def _thoughts(context: Context) -> Iterator[Thought]:
    spoken = next((line for line in reversed(context.lines) if line.speaker != "system"), Line("system"))
    if spoken.speaker == "user" and spoken.text.strip() and not dictated(context.instructions):
        tools, forced = _open_to(context)
        others = [tool for tool in tools if forced or tool.get("name") != END_CONVERSATION]
        if wanted := wish(spoken.text, others, forced):
            if wanted.missing:
                yield TextDelta(f"For that I need to know the {_list(wanted.missing)}. Please ask again with it.")
            else:
                yield _call(wanted.name, wanted.arguments)
            return
        if says_goodbye(spoken.text) and any(tool.get("name") == END_CONVERSATION for tool in tools):
            yield from _limited(answer(context.lines, context.now), context.max_output_tokens)
            yield _call(END_CONVERSATION, {})
            return
    yield from _limited(answer(context.lines, context.now, context.instructions), context.max_output_tokens)


def _open_to(context: Context) -> tuple[Sequence[Mapping[str, Any]], bool]:
    """The functions that may be called, and whether one must be."""
    choice = context.tool_choice
    if isinstance(choice, dict):
        return [tool for tool in context.tools if tool.get("name") == choice.get("name")], True
    return ([], False) if choice == "none" else (context.tools, choice == "required")


def _call(name: str, arguments: Mapping[str, Any]) -> ToolCall:
    return ToolCall(f"call_{secrets.token_hex(10)}", name, json.dumps(arguments, ensure_ascii=False))


def _list(names: Sequence[str]) -> str:
    return " and the ".join(name.replace("_", " ") for name in names)


def _limited(text: str, most_tokens: int | None) -> Iterator[Thought]:
    longest = len(text) if most_tokens is None else most_tokens * _CHARACTERS_PER_TOKEN
    if len(text) <= longest:
        yield TextDelta(text)
        return
    if kept := text[:longest].rpartition(" ")[0]:
        yield TextDelta(kept)
    yield Curtailed("max_output_tokens")
