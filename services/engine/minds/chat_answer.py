"""A chat server's streamed answer, chunk by chunk: its text, the tool calls put together, how it ended, what it cost.

A server may send anything; what is not in the form of a chunk is a `ValueError`, what merely is not known is left out.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

from services.engine.minds.inner_voice import InnerVoice
from services.engine.parts import Curtailed, TextDelta, Thought, ThoughtUsage, ToolCall

_MOST_CALLS = 32
_MOST_ARGUMENTS = 256 * 1024  # characters of one call
_MOST_TEXT = 256 * 1024  # characters of one reply: hours of speech


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(slots=True)
class ChatAnswer:
    """Takes the chunks in order (`feed`), and says at the end (`finish`) what was still open.

    `ended` says that the server has said why it stops; `progress` grows with each chunk that brings something.
    """

    ended: bool = False
    progress: int = 0
    _inner: InnerVoice = field(default_factory=InnerVoice)
    _calls: dict[int, _Call] = field(default_factory=dict)
    _curtailed: Curtailed | None = None
    _usage: ThoughtUsage | None = None
    _written: int = 0

    def feed(self, chunk: dict[str, Any]) -> list[Thought]:
        """One chunk, or a whole completion of a server that does not stream. Raises ValueError."""
        if usage := _usage(chunk.get("usage")):
            self._usage = usage
        choices = chunk.get("choices") or []
        if not isinstance(choices, list) or not all(isinstance(choice, dict) for choice in choices):
            raise ValueError("its choices are no list of objects")
        if not choices:
            return []
        return self._take(choices[0])

    def _take(self, choice: dict[str, Any]) -> list[Thought]:
        delta = choice.get("delta") or choice.get("message") or {}
        if not isinstance(delta, dict):
            raise ValueError("its delta is no object")
        said = ""
        for name in ("content", "refusal"):  # a refusal is said, too
            text = delta.get(name)
            if isinstance(text, str):
                self._written += len(text)
                said += self._inner.feed(text)
        if self._written > _MOST_TEXT:
            raise ValueError(f"it is longer than {_MOST_TEXT} characters")
        calls = delta.get("tool_calls") or []
        if not isinstance(calls, list):
            raise ValueError("its tool calls are no list")
        for position, call in enumerate(calls):
            self._add_call(position, call)
        self.progress += len(said) + len(calls)
        if reason := choice.get("finish_reason"):
            self.ended = True
            if reason == "length":
                self._curtailed = Curtailed("max_output_tokens")
            elif reason == "content_filter":
                self._curtailed = Curtailed("content_filter")
        return [TextDelta(said)] if said else []

    def _add_call(self, position: int, fields: object) -> None:
        if not isinstance(fields, dict):
            raise ValueError("a tool call is no object")
        function = fields.get("function") or {}
        index = fields.get("index")
        if not isinstance(index, int) or isinstance(index, bool):
            index = self._index(position, fields.get("id"))
        call = self._calls.setdefault(index, _Call())
        if len(self._calls) > _MOST_CALLS:
            raise ValueError(f"it calls more than {_MOST_CALLS} tools")
        if not isinstance(function, dict):
            raise ValueError("a tool call's function is no object")
        call.id = call.id or _text(fields.get("id"))
        call.name = call.name or _text(function.get("name"))
        call.arguments += _text(function.get("arguments"))
        if len(call.arguments) > _MOST_ARGUMENTS:
            raise ValueError(f"a tool call's arguments are longer than {_MOST_ARGUMENTS} characters")

    def _index(self, position: int, call_id: object) -> int:
        """The place of a call that a server has not numbered: that of the same id, or the next."""
        for index, call in self._calls.items():
            if call_id and call.id == call_id:
                return index
        return len(self._calls) if call_id else position

    def finish(self) -> list[Thought]:
        """The answer is over: the last text, tool calls, how it was cut short, the usage. Raises ValueError."""
        thoughts: list[Thought] = []
        if rest := self._inner.finish():
            thoughts.append(TextDelta(rest))
        # The arguments of a call that was cut short may be half an object: nobody could carry it out.
        for _, call in sorted(self._calls.items() if self._curtailed is None else ()):
            if not call.name:
                raise ValueError("a tool call has no name")
            thoughts.append(ToolCall(call.id or f"call_{secrets.token_hex(10)}", call.name, call.arguments or "{}"))
        if self._curtailed is not None:
            thoughts.append(self._curtailed)
        if self._usage is not None:
            thoughts.append(self._usage)
        return thoughts


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _usage(fields: object) -> ThoughtUsage | None:
    if not isinstance(fields, dict):
        return None
    details = fields.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else 0
    text_in, text_out = _count(fields.get("prompt_tokens")), _count(fields.get("completion_tokens"))
    return ThoughtUsage(text_in, min(_count(cached), text_in), text_out) if text_in or text_out else None


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
