"""What a chat server is asked, and what is made of its chunks, without a server."""

from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.engine.event_stream import EventCutter, EventTooLargeError
from services.engine.minds.chat_answer import ChatAnswer
from services.engine.minds.chat_request import chat_request
from services.engine.parts import Context, Curtailed, Line, TextDelta, ToolCall

NOW = datetime(2026, 11, 21, 15, 4)


def messages(*lines: Line, instructions: str = "") -> list[dict[str, Any]]:
    """The messages that a conversation becomes."""
    asked: list[dict[str, Any]] = chat_request(Context(lines, NOW, instructions), "m", "", "max_tokens", {})["messages"]
    return asked


def test_results_stand_right_behind_their_calls() -> None:
    """Whoever spoke between a call and its result, servers want them together; calls made at once are one message."""
    asked = messages(
        Line("user", "weather?"),
        Line("call", call_id="a", name="weather", arguments='{"city": "Rome"}'),
        Line("call", call_id="b", name="weather"),
        Line("user", "hurry"),
        Line("tool", "sunny", "a"),
        Line("assistant", ""),
    )
    assert [message["role"] for message in asked] == ["user", "assistant", "tool", "tool", "user"]
    assert [call["id"] for call in asked[1]["tool_calls"]] == ["a", "b"]
    assert asked[1]["tool_calls"][1]["function"]["arguments"] == "{}"
    assert [(message["tool_call_id"], message["content"]) for message in asked[2:4]] == [
        ("a", "sunny"),
        ("b", "(There is no result yet.)"),
    ]


def test_a_result_without_its_call_is_still_told() -> None:
    """After a reconnect the call may be gone: the model is told of the result in words."""
    assert messages(Line("tool", "sunny", "a")) == [{"role": "system", "content": "The result of a tool: sunny"}]


def test_a_named_tool_is_chosen() -> None:
    """The Realtime API's shape becomes the chat API's."""
    tools: list[dict[str, Any]] = [
        {"type": "function", "name": "f", "parameters": {}},
        {"type": "mcp", "server_label": "x"},
    ]
    choice = {"type": "function", "name": "f"}
    body = chat_request(Context([], NOW, tools=tools, tool_choice=choice), "m", "", "max_tokens", {"top_p": 1})
    assert body["tools"] == [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    assert body["tool_choice"] == {"type": "function", "function": {"name": "f"}}
    assert body["top_p"] == 1


def chunk(reason: str | None = None, **delta: Any) -> dict[str, Any]:
    """A chunk with one choice."""
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}


def test_calls_without_numbers_or_ids_are_told_apart() -> None:
    """Some servers send whole calls without an index, or without an id: each is still one call, with an id."""
    answer = ChatAnswer()
    answer.feed(chunk(tool_calls=[{"id": "a", "function": {"name": "f", "arguments": "{}"}}]))
    answer.feed(chunk(tool_calls=[{"id": "b", "function": {"name": "g"}}], reason="tool_calls"))
    first, second = answer.finish()
    assert (first, second) == (ToolCall("a", "f", "{}"), ToolCall("b", "g", "{}"))
    nameless = ChatAnswer()
    nameless.feed(chunk(tool_calls=[{"function": {"name": "f"}}, {"function": {"name": "g"}}]))
    calls = [thought for thought in nameless.finish() if isinstance(thought, ToolCall)]
    assert [call.name for call in calls] == ["f", "g"]
    assert calls[0].call_id != calls[1].call_id


def test_a_reply_that_was_cut_short_says_so() -> None:
    """At the limit the text stays, the call with half its arguments does not, and the reason is told."""
    answer = ChatAnswer()
    assert answer.feed(chunk(content="Well,", tool_calls=[{"index": 0, "function": {"name": "f", "arguments": '{"a'}}]))
    answer.feed(chunk(reason="length"))
    assert answer.finish() == [Curtailed("max_output_tokens")]


@pytest.mark.parametrize(
    "broken",
    [
        {"choices": 5},
        {"choices": ["x"]},
        {"choices": [{"delta": "x"}]},
        chunk(tool_calls=5),
        chunk(tool_calls=["x"]),
        chunk(tool_calls=[{"function": "x"}]),
        chunk(tool_calls=[{"function": {"arguments": "x" * 300_000}}]),
        chunk(content="x" * 300_000),
    ],
)
def test_what_is_no_chunk_is_refused(broken: dict[str, Any]) -> None:
    """Wrong or huge, it ends the thought with a reason instead of a traceback."""
    with pytest.raises(ValueError, match=r"its|it |tool call"):
        ChatAnswer().feed(broken)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["choices", "delta", "content", "tool_calls", "function", "usage"]), inner)
    ),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(st.sampled_from(["choices", "usage"]), JSON), max_size=4))
def test_any_json_is_survived(chunks: list[dict[str, Any]]) -> None:
    """Whatever comes is thoughts, or a ValueError."""
    answer = ChatAnswer()
    try:
        for each in chunks:
            assert all(isinstance(thought, TextDelta) for thought in answer.feed(each))
        answer.finish()
    except ValueError:
        pass


@given(st.lists(st.integers(0, 60), max_size=6), st.sampled_from(["\n", "\r\n", "\r"]))
def test_events_are_cut_wherever_they_come_apart(cuts: list[int], end: str) -> None:
    """Comments, other fields, data over several lines, any line end, any packet."""
    wire = f": hi{end}data: a{end}{end}event: x{end}data:b{end}data: c{end}{end}data: d{end}".encode()
    places = [0, *sorted(cut % len(wire) for cut in cuts), len(wire)]
    cutter = EventCutter()
    events = [event for begin, stop in pairwise(places) for event in cutter.feed(wire[begin:stop])]
    events += [last for last in [*cutter.feed(end.encode() * 2), cutter.finish()] if last]
    assert events == ["a", "b\nc", "d"]


@pytest.mark.parametrize("line", [b"x" * 60, b"data: x\n" * 40])
def test_an_event_has_a_bound(line: bytes) -> None:
    """One without end is given up, be it one line or many."""
    cutter = EventCutter(most_bytes=50)
    with pytest.raises(EventTooLargeError):
        cutter.feed(line)
