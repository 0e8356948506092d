"""The executor: every call has an outcome, and one that may have run already is made again only if that may be."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from parley.v1 import session_pb2 as wire
from services.broker.tools.call import Outcome, ToolRequest, done
from services.broker.tools.declaration import FunctionTool, HttpEndpoint, Retry, Toolbox
from services.broker.tools.executor import AT_ONCE, WAITING, Executor, ToolCallers
from services.broker.tools.http_tool import HttpCaller

DONE, FAILED, UNKNOWN = wire.ToolCall.STATUS_DONE, wire.ToolCall.STATUS_FAILED, wire.ToolCall.STATUS_UNKNOWN
WAY = HttpEndpoint("https://shop.example/")
SCHEMA = {"type": "object", "properties": {"room": {"type": "integer"}}, "required": ["room"]}
TOOLBOX = Toolbox((FunctionTool("book", "x", WAY, SCHEMA), FunctionTool("pay", "x", WAY, SCHEMA, Retry.NEVER)))


class Desk(HttpCaller):
    """Takes calls in place of the network, and answers when it is let."""

    def __init__(self) -> None:
        self.got: list[ToolRequest] = []
        self.open = asyncio.Event()
        self.open.set()

    async def call(
        self, tool: FunctionTool, way: HttpEndpoint, request: ToolRequest, arguments: Mapping[str, Any]
    ) -> Outcome:
        """Take a call."""
        self.got.append(request)
        await self.open.wait()
        return done(f"{tool.name} {arguments['room']}")


@pytest.fixture
def desk() -> Desk:
    """Return one."""
    return Desk()


@pytest.fixture
def executor(desk: Desk) -> Executor:
    """Return one that calls the desk."""
    return Executor(TOOLBOX, ToolCallers(http=desk))


def request(name: str = "book", arguments: str = '{"room": 7}', call_id: str = "c1") -> ToolRequest:
    """Return a call."""
    return ToolRequest(call_id, name, arguments, "s-1", turn=1)


async def test_a_call_is_carried_out(executor: Executor) -> None:
    """By its tool, with its arguments."""
    assert await executor.call(request()) == Outcome("book 7", DONE)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (request("cook"), "there is no tool 'cook'; there are: book, pay."),
        (request(arguments="{"), "not valid JSON"),
        (request(arguments="{}"), "room must be given"),
        (request(arguments='{"room": "7"}'), "room must be of type integer"),
    ],
)
async def test_a_call_that_cannot_be_is_explained(
    executor: Executor, desk: Desk, wrong: ToolRequest, told: str
) -> None:
    """To the model, and nothing is called."""
    outcome = await executor.call(wrong)
    assert outcome.status == FAILED
    assert told in outcome.output
    assert desk.got == []


async def test_a_call_of_a_broker_that_died_is_made_again_with_its_key(executor: Executor, desk: Desk) -> None:
    """Unless it must not run twice: then nothing is called, and the model is told that nobody knows."""
    first = request()
    await executor.call(first)
    assert await executor.reissue(request()) == Outcome("book 7", DONE)
    assert [each.idempotency_key for each in desk.got] == [first.idempotency_key] * 2
    outcome = await executor.reissue(request("pay"))
    assert outcome.status == UNKNOWN
    assert "while pay was being called" in outcome.output
    assert len(desk.got) == 2
    assert (await executor.reissue(request("cook"))).status == FAILED


async def test_a_session_has_so_many_calls_at_once(executor: Executor, desk: Desk) -> None:
    """More wait, and far more are refused; a call that is cancelled leaves its place."""
    desk.open.clear()
    calls = [asyncio.create_task(executor.call(request(call_id=str(n)))) for n in range(AT_ONCE + WAITING)]
    await asyncio.sleep(0)
    assert len(desk.got) == AT_ONCE
    outcome = await executor.call(request())
    assert outcome.status == FAILED
    assert "too many calls at once" in outcome.output
    calls[0].cancel()
    calls[-1].cancel()
    await asyncio.wait({calls[0], calls[-1]})
    desk.open.set()
    assert {(await each).status for each in calls[1:-1]} == {DONE}
    assert (await executor.call(request())).status == DONE


async def test_the_log_tells_how_it_went_and_nothing_that_was_said(
    executor: Executor, caplog: pytest.LogCaptureFixture
) -> None:
    """A model may call a tool by any name, too."""
    caplog.set_level(1)
    await executor.call(request(arguments='{"room": 4711}'))
    await executor.call(request("evil\nname"))
    assert "tool 'book': done in" in caplog.text
    assert r"tool 'evil\nname': failed" in caplog.text
    assert "4711" not in caplog.text
