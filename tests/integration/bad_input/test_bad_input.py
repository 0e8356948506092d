"""Bad input at both doors, side by side, while two people listen: one clear error for each, and nobody else notices."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.integration.bad_input.cases import CASES, Case
from tests.integration.bad_input.raw_caller import RawCaller
from tests.integration.bad_input.stage import Stage, Standing, assert_told

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(90)]

_AT_ONCE = 12
_AT_DOORS = [pytest.param(case, door, id=f"{case.name}-{door}") for case in CASES for door in case.doors]


class Outcomes:
    """All cases, under way side by side; each can be waited for."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._tasks = {
            (case.name, door): asyncio.create_task(self._perform(case, door)) for case in CASES for door in case.doors
        }

    async def of(self, case: Case, door: str) -> RawCaller:
        """Return the caller, when it has gone."""
        return await self._tasks[case.name, door]

    async def all(self) -> list[RawCaller]:
        """Wait for everybody."""
        return await asyncio.gather(*self._tasks.values())

    async def _perform(self, case: Case, door: str) -> RawCaller:
        async with self._room:
            return await self.stage.call(door, case.act)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def outcomes() -> AsyncIterator[Outcomes]:
    """One ring for all."""
    standing = Standing()
    begun = Outcomes(await standing.stage())
    yield begun
    await asyncio.gather(begun.all(), return_exceptions=True)
    await standing.leave()


@pytest.mark.parametrize(("case", "door"), _AT_DOORS)
async def test_bad_input_is_told_and_ended(outcomes: Outcomes, case: Case, door: str) -> None:
    """One Error with its code and what to do, then Closed, then the door's own end; and nobody holds the session."""
    caller = await outcomes.of(case, door)
    assert_told(caller, case.code, case.words)
    assert caller.ending == case.ending_at(door)
    await outcomes.stage.assert_forgotten(caller)


async def test_everything_is_counted_once(outcomes: Outcomes) -> None:
    """Each fault and each limit, by its name."""
    callers = await outcomes.all()
    wanted = Counter(name for case in CASES for _ in case.doors for name in case.raises)
    wanted["sessions"] = sum(1 for caller in callers if caller.session)
    raised = Counter[str]()

    async def are_counted() -> bool:
        nonlocal raised
        raised = await outcomes.stage.raised()
        return raised == wanted

    assert await outcomes.stage.settles(are_counted), f"counted but not meant {raised - wanted}, not {wanted - raised}"


async def test_nothing_is_left(outcomes: Outcomes) -> None:
    """No session, no lease, no connection to the model, no socket; and no service met anything it had no word for."""
    await outcomes.all()
    await outcomes.stage.assert_nothing_is_left()


async def test_nobody_else_noticed(outcomes: Outcomes) -> None:
    """Who listens beside them hears every sample once, in order, and of no fault."""
    await outcomes.all()
    await outcomes.stage.assert_nobody_noticed()
