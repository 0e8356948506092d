"""A model that can't be reached, or never answers: callers are told in plain words; who talks to it already goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from parley.v1 import conversation_service_pb2 as wire
from parley.v1 import stream_pb2
from tests.e2e.scene import Lines
from tests.fakes.realtime import Reply
from tests.integration.bad_input.acts import beating, opening
from tests.integration.bad_input.raw_caller import DOORS, RawCaller
from tests.integration.bad_input.stage import Stage, Standing, assert_told

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(60)]

CODE_MODEL = stream_pb2.Error.CODE_MODEL
NO_ANSWER = Reply(created_ms=60_000)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage() -> AsyncIterator[Stage]:
    """One ring for all."""
    standing = Standing()
    yield await standing.stage()
    await standing.leave()


PLAIN = "The assistant can't be reached just now. Please try again in a moment."


async def _refused(stage: Stage, detail: str) -> None:
    """Call at both doors at once; each is refused in plain words, and may try again; the broker's log says why."""
    await asyncio.gather(*(_is_refused(stage, door) for door in DOORS))
    assert sum(detail in line for line in stage.scene.ring.logs("broker")) >= len(DOORS)


async def _is_refused(stage: Stage, door: str) -> None:
    caller = await stage.call(door, opening(protocol=1))
    assert_told(caller, CODE_MODEL, PLAIN)
    assert [response.error.retryable for response in caller.responses if response.HasField("error")] == [True]
    assert caller.ending == ("OK" if door == "grpc" else "4006")
    assert not caller.session


async def test_a_model_that_does_not_run(stage: Stage) -> None:
    """Nobody listens at its address."""
    async with stage.scene.fake.away():
        await _refused(stage, "can't be reached (")


async def test_a_model_that_is_busy(stage: Stage) -> None:
    """It answers 503."""
    stage.scene.fake.refuse_connections = True
    await _refused(stage, "is busy or down (HTTP 503). Try again in a moment")
    stage.scene.fake.refuse_connections = False


async def test_a_model_that_takes_the_call_and_says_nothing(stage: Stage) -> None:
    """No session begins."""
    stage.scene.fake.begin_no_session = True
    await _refused(stage, "began no session within 1.5 s. Check that PARLEY_MODEL_URL")
    stage.scene.fake.begin_no_session = False


async def test_a_model_that_never_answers(stage: Stage) -> None:
    """The first time the person is told so, and may go on; the second time in a row the conversation ends."""
    await asyncio.gather(*(_is_never_answered(stage, door) for door in DOORS))


async def _is_never_answered(stage: Stage, door: str) -> None:
    async def ask_twice(caller: RawCaller) -> None:
        async with stage.scene.script.opening:
            stage.scene.script.upcoming = Lines([NO_ANSWER], ["hello"])
            known = len(stage.scene.fake.connections)
            await caller.opens()
            stage.scene.script.of(stage.scene.fake.connections[known])
        async with beating(caller):
            await caller.send(wire.ConverseRequest(say=wire.Say(text="are you there?")))
            await caller.until("caption", lambda response: response.caption.text == "Sorry, I could not answer that.")
            await caller.send(wire.ConverseRequest(say=wire.Say(text="hello?")))
            await caller.until("error")

    caller = await stage.call(door, ask_twice)
    assert_told(caller, CODE_MODEL, PLAIN)
    assert any("left 2 requests in a row without an answer" in line for line in stage.scene.ring.logs("broker"))
    assert caller.ending == ("OK" if door == "grpc" else "4006")


async def test_a_model_that_is_back(stage: Stage) -> None:
    """Whoever calls then gets through, at either door."""
    for door in DOORS:

        async def converse(caller: RawCaller) -> None:
            await caller.opens()
            await caller.send(wire.ConverseRequest(end=wire.End()))

        caller = await stage.call(door, converse)
        assert caller.kinds() == ["opened", "closed"]


async def test_nobody_else_noticed_and_nothing_is_left(stage: Stage) -> None:
    """Who talks to the model already goes on to; of the others there is no trace."""
    await stage.assert_nothing_is_left()
    await stage.assert_nobody_noticed()
