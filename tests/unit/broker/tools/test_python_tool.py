"""Python tools: an operator's code is called, and whatever it does costs one call."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from parley.v1 import session_pb2 as wire
from services.broker.tools.call import Outcome, ToolRequest
from services.broker.tools.declaration import FunctionTool, PythonEntry
from services.broker.tools.foreign import Threads
from services.broker.tools.python_tool import PythonCaller, load
from tests.unit.broker.tools import foreign_tools

DONE, FAILED, UNKNOWN = wire.ToolCall.STATUS_DONE, wire.ToolCall.STATUS_FAILED, wire.ToolCall.STATUS_UNKNOWN
REQUEST = ToolRequest("call_1", "tool", "{}", "s-1", turn=3)
LONG_S, SHORT_S = 30.0, 0.01


@pytest.fixture(autouse=True)
def _released() -> Iterator[None]:
    foreign_tools.release.clear()
    yield
    foreign_tools.release.set()


async def call(name: str, caller: PythonCaller | None = None, timeout_s: float = LONG_S, **arguments: Any) -> Outcome:
    """Call one of the foreign tools."""
    schema = {"type": "object", "properties": {key: {} for key in arguments}, "required": list(arguments)}
    way = load(f"tests.unit.broker.tools.foreign_tools:{name}", schema, timeout_s)
    return await (caller or PythonCaller()).call(FunctionTool(name, "x", way), way, REQUEST, arguments)


@pytest.mark.parametrize(
    ("name", "arguments", "output"),
    [
        ("add", {"a": 2}, "3"),
        ("add", {"a": 2, "b": 5}, "7"),
        ("shout", {"text": "grüß"}, "GRÜSS"),
        ("later", {"text": "b"}, "B"),
        ("keyed", {}, REQUEST.idempotency_key),
        ("nothing", {}, "Done."),
        ("endless_object", {}, "Done. [Its answer cannot be written as JSON.]"),
    ],
)
async def test_a_function_is_called_with_its_arguments(name: str, arguments: dict[str, Any], output: str) -> None:
    """Plain, a coroutine, or one that returns an awaitable; text as it is, anything else as JSON."""
    assert await call(name, **arguments) == Outcome(output, DONE)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("fails", "Failed: fails: ValueError: no such order"),
        ("leaves", "Failed: leaves: SystemExit: 3"),
        ("leaves_too", "Failed: leaves_too: SystemExit: 4"),
        ("fails_unprintably", "Failed: fails_unprintably: "),
    ],
)
async def test_what_it_raises_fails_the_call(name: str, told: str, caplog: pytest.LogCaptureFixture) -> None:
    """The model is told the message; where it failed stands in the log, not what was said; the process goes on."""
    outcome = await call(name)
    assert outcome.status == FAILED
    assert outcome.output.startswith(told)
    assert "Traceback" not in outcome.output
    assert "Traceback" in caplog.text
    assert "ValueError: no such order" not in caplog.text


async def test_a_coroutine_that_cancels_itself_cancels_nobody_else() -> None:
    """Its outcome is unknown."""
    assert (await call("cancels_itself")).status == UNKNOWN


async def test_a_function_that_takes_too_long_is_left_alone() -> None:
    """Nobody knows what becomes of it: a thread goes on, and a coroutine may ignore being cancelled."""
    for name in ("blocks", "sticks"):
        outcome = await call(name, timeout_s=SHORT_S)
        assert outcome.status == UNKNOWN
        assert f"{name} did not answer within 0.01 seconds" in outcome.output


async def test_a_function_that_could_not_begin_has_failed() -> None:
    """All threads are taken: the next waits its time, and was surely not carried out; later there is room again."""
    caller = PythonCaller(Threads(most=1))
    assert (await call("blocks", caller, SHORT_S)).status == UNKNOWN
    outcome = await call("add", caller, SHORT_S, a=1)
    assert outcome.status == FAILED
    assert "could not begin" in outcome.output
    foreign_tools.release.set()
    assert await call("add", caller, a=1) == Outcome("2", DONE)


async def test_a_session_that_ends_does_not_wait_for_a_tool() -> None:
    """The cancel goes through at once."""
    task = asyncio.create_task(call("blocks"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_the_kind_of_a_function_is_known_before_it_is_called() -> None:
    """Coroutine functions run on the loop, and a parameter `tool_request` is filled."""
    schema = {"type": "object", "properties": {"text": {}}, "required": ["text"]}
    assert load("tests.unit.broker.tools.foreign_tools:shout", schema, 1).is_async
    way = load("tests.unit.broker.tools.foreign_tools:keyed", {}, 1)
    assert way == PythonEntry(way.path, foreign_tools.keyed, 1, is_async=False, takes_request=True)
