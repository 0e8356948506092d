"""The declaration: what the model is told of the tools, held to the official types."""

from __future__ import annotations

from typing import Any

from services.broker.tools.declaration import FunctionTool, HttpEndpoint, McpServer, Toolbox
from tests.fakes.realtime.wire import client_faults

WEATHER = FunctionTool(
    "weather",
    "The weather of a city.",
    HttpEndpoint("https://weather.example/", headers={"Authorization": "Bearer secret-1"}),
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
DOCS = McpServer("docs", "https://mcp.example/sse", authorization="secret-2", allowed=("search",))
TOOLBOX = Toolbox((WEATHER,), (DOCS, McpServer("open", "https://open.example")))


def faults(tools: list[dict[str, Any]]) -> list[str]:
    """Say what the official types have against a session with these tools."""
    return client_faults({"type": "session.update", "session": {"type": "realtime", "tools": tools}})


def test_a_session_takes_the_tools_as_they_are() -> None:
    """Functions flat, MCP servers without approval, hanging up last."""
    tools = TOOLBOX.for_model(takes_mcp=True, end_tool=True)
    assert faults(tools) == []
    assert [tool.get("name") or tool.get("server_label") for tool in tools] == [
        "weather",
        "docs",
        "open",
        "end_conversation",
    ]
    assert tools[1] == {
        "type": "mcp",
        "server_label": "docs",
        "server_url": "https://mcp.example/sse",
        "require_approval": "never",
        "authorization": "secret-2",
        "allowed_tools": ["search"],
    }
    assert set(tools[2]) == {"type", "server_label", "server_url", "require_approval"}


def test_mcp_servers_are_left_out_where_the_model_cannot_call_them() -> None:
    """And hanging up where it is not wanted; no tools at all are an empty list, which clears a session's."""
    assert [tool["name"] for tool in TOOLBOX.for_model(takes_mcp=False, end_tool=False)] == ["weather"]
    assert Toolbox().for_model(takes_mcp=True, end_tool=False) == []


def test_secrets_are_not_shown() -> None:
    """Neither in what is logged of a declaration nor in what the model is told of a function."""
    assert "secret" not in repr(TOOLBOX)
    assert "secret" not in str(WEATHER.for_model())
