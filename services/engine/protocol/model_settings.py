"""What a session or a response tells the model, as a client sets it: instructions, tools, limits.

`reasoning`, `truncation`, `tracing`, `prompt`, `include` and `parallel_tool_calls` are checked and shown; the engine's
minds have nothing to do with them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from services.engine.protocol.errors import ClientError, wrong_value
from services.engine.protocol.fields import (
    Fields,
    boolean_at,
    choice_at,
    integer_at,
    list_at,
    needed,
    number_at,
    object_at,
    only,
    string_at,
)

Check = Callable[[object, str], Any]
"""Returns the value at a path as it is to be kept. Raises ClientError."""

_EFFORTS: Final = ("minimal", "low", "medium", "high", "xhigh")
_MAX_TOKENS: Final = 4096
_MAX_INSTRUCTIONS: Final = 1 << 20
_MAX_TOOLS: Final = 128
_TOOL_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_METADATA: Final = (16, 64, 512)  # pairs, and characters of a key and of a value


def modalities_at(value: object, path: str) -> list[str]:
    """["audio"] or ["text"]."""
    for modalities in (["audio"], ["text"]):
        if value == modalities:
            return modalities
    raise wrong_value(path, 'it must be ["audio"] or ["text"]')


def tools_at(value: object, path: str) -> list[Fields]:
    """Function tools."""
    tools = [_tool(tool, f"{path}[{index}]") for index, tool in enumerate(list_at(value, path))]
    if len(tools) > _MAX_TOOLS:
        raise wrong_value(path, f"there may be {_MAX_TOOLS} tools at most")
    names = [tool["name"] for tool in tools]
    if len(set(names)) < len(names):
        raise wrong_value(path, "two tools have the same name")
    return tools


def _tool(value: object, path: str) -> Fields:
    tool = object_at(value, path)
    kind = needed(tool, "type", path)
    if kind == "mcp":
        message = "This engine does not call MCP servers: call them yourself, behind function tools"
        raise ClientError("invalid_value", message, f"{path}.type")
    choice_at(kind, f"{path}.type", ("function",))
    only(tool, ("type", "name", "description", "parameters"), path)
    name = string_at(needed(tool, "name", path), f"{path}.name")
    if not _TOOL_NAME.fullmatch(name):
        raise wrong_value(f"{path}.name", "it must be 1 to 64 letters, digits, underscores and dashes")
    if tool.get("description") is not None:
        string_at(tool["description"], f"{path}.description")
    if tool.get("parameters") is not None:
        object_at(tool["parameters"], f"{path}.parameters")
    return {name: value for name, value in tool.items() if value is not None}


def tool_choice_at(value: object, path: str) -> str | Fields:
    """How the model chooses: "auto", "none", "required", or the one function it must call."""
    if not isinstance(value, dict):
        return choice_at(value, path, ("auto", "none", "required"))
    only(value, ("type", "name"), path)
    choice_at(needed(value, "type", path), f"{path}.type", ("function",))
    return {"type": "function", "name": string_at(needed(value, "name", path), f"{path}.name")}


def check_choice(tools: list[Fields], choice: str | Fields, path: str) -> None:
    """Refuse a choice that these tools do not offer. Raises ClientError."""
    if isinstance(choice, dict) and choice["name"] not in [tool["name"] for tool in tools]:
        raise wrong_value(path, f"there is no tool '{choice['name']}'")


def max_tokens_at(value: object, path: str) -> int | str:
    """How much a response may say: 1 to 4096 tokens, or "inf"."""
    return "inf" if value in ("inf", None) else integer_at(value, path, 1, _MAX_TOKENS)


def metadata_at(value: object, path: str) -> dict[str, str]:
    """Strings by strings, given back as they are."""
    metadata = object_at(value, path)
    if not all(isinstance(text, str) for text in metadata.values()):
        raise ClientError("invalid_type", f"Invalid type for '{path}': it must map strings to strings.", path)
    pairs, longest_key, longest_value = _METADATA
    if len(metadata) > pairs or any(len(k) > longest_key or len(v) > longest_value for k, v in metadata.items()):
        rule = f"it may have {pairs} pairs, keys of {longest_key} and values of {longest_value} characters"
        raise wrong_value(path, rule)
    return metadata


def _instructions(value: object, path: str) -> str:
    return string_at(value, path, _MAX_INSTRUCTIONS)


def _reasoning(value: object, path: str) -> Fields:
    fields = object_at(value, path)
    only(fields, ("effort",), path)
    if fields.get("effort") is not None:
        choice_at(fields["effort"], f"{path}.effort", _EFFORTS)
    return fields


def _truncation(value: object, path: str) -> str | Fields:
    if not isinstance(value, dict):
        return choice_at(value, path, ("auto", "disabled"))
    only(value, ("type", "retention_ratio", "token_limits"), path)
    choice_at(needed(value, "type", path), f"{path}.type", ("retention_ratio",))
    number_at(needed(value, "retention_ratio", path), f"{path}.retention_ratio", 0.0, 1.0)
    if value.get("token_limits") is not None:
        limits = object_at(value["token_limits"], f"{path}.token_limits")
        only(limits, ("post_instructions",), f"{path}.token_limits")
        if limits.get("post_instructions") is not None:
            integer_at(limits["post_instructions"], f"{path}.token_limits.post_instructions", 1)
    return value


def _tracing(value: object, path: str) -> str | Fields:
    if not isinstance(value, dict):
        return choice_at(value, path, ("auto",))
    only(value, ("workflow_name", "group_id", "metadata"), path)
    for name in ("workflow_name", "group_id"):
        if value.get(name) is not None:
            string_at(value[name], f"{path}.{name}")
    if value.get("metadata") is not None:
        object_at(value["metadata"], f"{path}.metadata")
    return value


def _prompt(value: object, path: str) -> Fields:
    fields = object_at(value, path)
    only(fields, ("id", "version", "variables"), path)
    string_at(needed(fields, "id", path), f"{path}.id")
    if fields.get("version") is not None:
        string_at(fields["version"], f"{path}.version")
    if fields.get("variables") is not None:
        for name, variable in object_at(fields["variables"], f"{path}.variables").items():
            _variable(variable, f"{path}.variables.{name}")
    return fields


def _variable(value: object, path: str) -> None:
    if not isinstance(value, dict):
        string_at(value, path)
        return
    only(value, ("type", "text"), path)
    choice_at(needed(value, "type", path), f"{path}.type", ("input_text",))
    string_at(needed(value, "text", path), f"{path}.text")


def include_at(value: object, path: str) -> list[str]:
    """What is to be sent besides; of the one thing there is (log probabilities) the engine has none."""
    known = ("item.input_audio_transcription.logprobs",)
    return [choice_at(entry, f"{path}[{index}]", known) for index, entry in enumerate(list_at(value, path))]


OF_SESSION: Final[dict[str, tuple[Check, Any]]] = {
    "output_modalities": (modalities_at, ["audio"]),
    "instructions": (_instructions, ""),
    "tools": (tools_at, []),
    "tool_choice": (tool_choice_at, "auto"),
    "parallel_tool_calls": (boolean_at, None),
    "reasoning": (_reasoning, None),
    "max_output_tokens": (max_tokens_at, "inf"),
    "tracing": (_tracing, None),
    "truncation": (_truncation, "auto"),
    "prompt": (_prompt, None),
    "include": (include_at, None),
}
"""The fields of a session besides `audio`: their checks and their defaults, to which null leads back."""

OF_RESPONSE: Final = (
    "output_modalities",
    "instructions",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "reasoning",
    "max_output_tokens",
    "prompt",
)
"""Those of them that a response may set for itself."""
