"""Declaration: which tools an agent has, how they are carried out, and what its model is told of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

END_CONVERSATION: Final = "end_conversation"
"""The tool that is built in: the model hangs up by it."""

_END: Final[dict[str, Any]] = {
    "type": "function",
    "name": END_CONVERSATION,
    "description": (
        "Hang up. Call it only when the person clearly wants to end the conversation: they say goodbye, or that "
        "there is nothing else. Say your goodbye first, in the same response. Do not call it because of a pause, "
        "thanks alone, a finished task, or a request to be quiet; when in doubt, ask instead."
    ),
    "parameters": {"type": "object", "properties": {}, "additionalProperties": False},
}

NO_PARAMETERS: Final[dict[str, Any]] = {"type": "object", "properties": {}}


class Retry(Enum):
    """What may be done when nobody knows whether a call was carried out."""

    ALWAYS = "always"
    """It is made again, under the same Idempotency-Key."""
    NEVER = "never"
    """It is made once; the model is told that the outcome is unknown."""


@dataclass(frozen=True)
class HttpEndpoint:
    """A tool that is a request. `url` may hold `{name}` in its path, for arguments."""

    url: str
    method: str = "POST"
    timeout_s: float = 10.0
    """How long one try may take; all of them may take twice that."""
    retries: int = 2
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """With the one that holds the secret, if there is any."""

    @property
    def is_safe(self) -> bool:
        """True when a request changes nothing, so that one that failed was not carried out (RFC 9110, 9.2.1)."""
        return self.method == "GET"


@dataclass(frozen=True)
class PythonEntry:
    """A tool that is a function of the operator's own, called with its arguments as keywords."""

    path: str
    """"package.module:callable"."""
    function: Callable[..., Any]
    timeout_s: float = 10.0
    is_async: bool = False
    takes_request: bool = False
    """It has a parameter `tool_request`, and is given the ToolRequest by it."""


@dataclass(frozen=True)
class FunctionTool:
    """A function that the model may call. `parameters` is a JSON Schema of an object."""

    name: str
    description: str
    way: HttpEndpoint | PythonEntry
    parameters: Mapping[str, Any] = field(default_factory=lambda: NO_PARAMETERS)
    retry: Retry = Retry.ALWAYS

    def for_model(self) -> dict[str, Any]:
        """Return it as a GA session takes it."""
        return {
            "type": "function",
            "name": self.name,
            "description": self.description,
            "parameters": dict(self.parameters),
        }


@dataclass(frozen=True)
class McpServer:
    """A remote MCP server whose tools the model's own server calls, where it can."""

    label: str
    url: str
    authorization: str = field(default="", repr=False)
    """An access token; the model's server shows it to the MCP server."""
    allowed: tuple[str, ...] | None = None
    """The only tools that may be called; None for all."""

    def for_model(self) -> dict[str, Any]:
        """Return it as a GA session takes it. Nobody is there to approve a call: what is allowed is approved."""
        tool: dict[str, Any] = {
            "type": "mcp",
            "server_label": self.label,
            "server_url": self.url,
            "require_approval": "never",
        }
        if self.authorization:
            tool["authorization"] = self.authorization
        if self.allowed is not None:
            tool["allowed_tools"] = list(self.allowed)
        return tool


@dataclass(frozen=True)
class Toolbox:
    """All of an agent's tools, and what is said while they work."""

    functions: tuple[FunctionTool, ...] = ()
    mcp: tuple[McpServer, ...] = ()
    filler: str = ""
    """Said when a tool is slow; "" for nothing."""
    filler_after_s: float = 1.5
    max_rounds: int = 8
    """Responses in a row that call tools, before the model has to answer without."""

    def find(self, name: str) -> FunctionTool | None:
        """Return a function by its name."""
        return next((tool for tool in self.functions if tool.name == name), None)

    def for_model(self, *, takes_mcp: bool, end_tool: bool) -> list[dict[str, Any]]:
        """Return the session's `tools`; MCP servers only for a model that takes them."""
        tools = [tool.for_model() for tool in self.functions]
        tools += [server.for_model() for server in self.mcp if takes_mcp]
        return [*tools, _END] if end_tool else tools
