"""Tools over real sockets, from the profile to the outcome; and what a broken endpoint costs: one call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from textwrap import dedent

import pytest

from local.redis_server import free_port
from parley.v1 import session_pb2 as wire
from services.broker.tools.call import MOST_BYTES, Outcome, ToolRequest
from services.broker.tools.declaration import FunctionTool, HttpEndpoint, Retry, Toolbox
from services.broker.tools.executor import Executor, ToolCallers
from services.broker.tools.reading import read_tools
from services.common.agents import read_agents
from services.common.settings import Environment
from tests.fakes.endpoint import Deed, answer, drip, endpoint, flood, gibberish, hang_up, never
from tests.fakes.eventually import eventually

DONE, FAILED, UNKNOWN = wire.ToolCall.STATUS_DONE, wire.ToolCall.STATUS_FAILED, wire.ToolCall.STATUS_UNKNOWN
ANYTHING = {"type": "object", "additionalProperties": True}


@pytest.fixture
async def callers() -> AsyncIterator[ToolCallers]:
    """What makes the calls."""
    callers = ToolCallers()
    yield callers
    await callers.http.close()


def executor(callers: ToolCallers, url: str, retry: Retry = Retry.ALWAYS, method: str = "POST") -> Executor:
    """Return one with a single impatient tool."""
    retries = 0 if retry is Retry.NEVER else 2
    way = HttpEndpoint(url, method, timeout_s=0.5, retries=retries)
    return Executor(Toolbox((FunctionTool("book", "Books.", way, ANYTHING, retry),)), callers)


def request(arguments: str = '{"room": 7}', name: str = "book") -> ToolRequest:
    """Return a call."""
    return ToolRequest("call_1", name, arguments, "s-1", turn=3, agent="clerk")


async def test_a_profile_becomes_calls(callers: ToolCallers, tmp_path: Path) -> None:
    """An HTTP tool with its secret and a Python tool, declared in a file, are carried out."""
    async with endpoint(answer({"price": 12})) as shop:
        profile = f"""
            tools:
              functions:
                - name: price
                  description: The price of an article.
                  parameters:
                    type: object
                    properties: {{article: {{type: string}}, count: {{type: integer}}}}
                    required: [article]
                  http:
                    url: {shop.url}/articles/{{article}}/price
                    method: GET
                    auth: {{bearer_env: SHOP_KEY}}
                - name: add
                  description: Add two numbers.
                  parameters:
                    type: object
                    properties: {{a: {{type: integer}}, b: {{type: integer}}}}
                    required: [a]
                  python: tests.unit.broker.tools.foreign_tools:add
            """
        (tmp_path / "default.yaml").write_text(dedent(profile))
        env = Environment({"PARLEY_AGENTS": str(tmp_path), "SHOP_KEY": "k-1"})
        tools = Executor(read_agents(env, read_tools, "tools").find(""), callers)
        assert await tools.call(request('{"article": "tea/green", "count": 2}', "price")) == Outcome(
            '{"price": 12}', DONE
        )
        assert await tools.call(request('{"a": 2, "b": 3}', "add")) == Outcome("5", DONE)
    (got,) = shop.got
    assert (got.method, got.target) == ("GET", "/articles/tea%2Fgreen/price?count=2")
    assert got.headers["authorization"] == "Bearer k-1"
    assert got.headers["idempotency-key"] == request('{"article": "tea/green", "count": 2}', "price").idempotency_key


async def test_a_request_is_as_documented(callers: ToolCallers) -> None:
    """docs/tools.md shows a call to the byte: line, headers, body, but for the host."""
    shown = (Path(__file__).parents[2] / "docs/tools.md").read_text(encoding="utf-8").split("```http\n")[1]
    head, _, body = shown.partition("```")[0].partition("\n\n")
    first, *headers = head.splitlines()
    async with endpoint() as shop:
        await executor(callers, f"{shop.url}/book").call(request())
    (got,) = shop.got
    assert f"{got.method} {got.target} HTTP/1.1" == first
    assert got.body.decode() == body.strip()
    documented = {name.lower(): value for name, _, value in (line.partition(": ") for line in headers)}
    assert got.headers == {**documented, "host": got.headers["host"]}


@pytest.mark.parametrize("failure", [hang_up, gibberish])
async def test_a_connection_that_breaks_is_tried_again_with_the_same_key(callers: ToolCallers, failure: Deed) -> None:
    """The tool may have run the first time; by the key it knows the second."""
    async with endpoint(failure, answer("booked")) as shop:
        assert await executor(callers, shop.url).call(request()) == Outcome('"booked"', DONE)
    assert len(shop.got) == 2
    assert len({got.headers["idempotency-key"] for got in shop.got}) == 1


@pytest.mark.parametrize("failure", [hang_up, gibberish, never, drip])
async def test_a_tool_that_must_not_run_twice_is_unknown_after_a_break(callers: ToolCallers, failure: Deed) -> None:
    """It was asked once; nobody knows the rest, and the model is told so. Of a GET it has only failed."""
    async with endpoint(failure) as shop:
        outcome = await executor(callers, shop.url, Retry.NEVER).call(request())
        assert outcome.status == UNKNOWN
        assert outcome.output.startswith("Outcome unknown: ")
        assert len(shop.got) == 1
        outcome = await executor(callers, shop.url, Retry.NEVER, "GET").call(request())
        assert outcome.status == FAILED


@pytest.mark.parametrize("retry", Retry)
async def test_a_tool_that_cannot_be_reached_has_failed(callers: ToolCallers, retry: Retry) -> None:
    """Nothing was sent: it was not carried out."""
    outcome = await executor(callers, f"http://127.0.0.1:{free_port()}/", retry).call(request())
    assert outcome == Outcome("Failed: book cannot be reached at the moment.", FAILED)


async def test_an_endless_answer_is_cut(callers: ToolCallers) -> None:
    """And not read any further."""
    async with endpoint(flood) as shop:
        outcome = await executor(callers, shop.url).call(request())
    assert outcome.status == DONE
    assert MOST_BYTES < len(outcome.output) < MOST_BYTES + 100
    assert outcome.output.endswith("longer than 65536 bytes.]")


async def test_a_tool_that_must_not_run_twice_has_a_connection_of_its_own(callers: ToolCallers) -> None:
    """A kept one may be closed just as it is used, and then nobody knows; others share theirs."""
    for retry, connections in ((Retry.ALWAYS, 1), (Retry.NEVER, 3)):
        async with endpoint() as shop:
            for _ in range(3):
                assert (await executor(callers, shop.url, retry).call(request())).status == DONE
        assert shop.connections == connections


async def test_many_calls_at_once_are_all_answered(callers: ToolCallers) -> None:
    """More than may be under way; each by its own answer."""
    async with endpoint(answer({"ok": 1})) as shop:
        tools = executor(callers, shop.url)
        outcomes = await asyncio.gather(*(tools.call(request(f'{{"room": {n}}}')) for n in range(40)))
    assert {outcome.status for outcome in outcomes} == {DONE}
    assert sorted(got.json["room"] for got in shop.got) == list(range(40))


async def test_a_session_that_ends_lets_its_calls_go(callers: ToolCallers) -> None:
    """A call that is cancelled raises nothing else, and the next one works."""
    async with endpoint(never, answer(1)) as shop:
        tools = executor(callers, shop.url)
        task = asyncio.create_task(tools.call(request()))
        await eventually(lambda: bool(shop.got))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await tools.call(request())).status == DONE
