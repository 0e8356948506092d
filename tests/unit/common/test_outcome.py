"""What tasks end by is a value: the most telling fault comes out, and a cancellation is never lost in one."""

from __future__ import annotations

import asyncio

import pytest

from parley.v1 import stream_pb2 as wire
from services.common.errors import LimitFault, ParleyError, PeerLost, RemoteFault
from services.common.outcome import until_fault, worst_of
from tests.unit.common.ticks import settle

LOST, LIMIT = PeerLost("vad", "gone"), LimitFault("too much")
REMOTE = RemoteFault(wire.Error(message="the model is away"))


async def fails(fault: ParleyError | None, go: asyncio.Event) -> None:
    """End when told to, by this fault."""
    await go.wait()
    if fault is not None:
        raise fault


def test_the_most_telling_of_several_faults() -> None:
    """What a peer says about itself comes before what its silence looks like from here."""
    assert worst_of([None, LOST, LIMIT, REMOTE]) is REMOTE
    assert worst_of([LOST, LIMIT]) is LIMIT
    assert worst_of([LOST, PeerLost("broker", "gone")]) is LOST
    assert worst_of([None, None]) is None


async def test_one_fault_ends_all() -> None:
    """The others are cancelled; what ends well ends nothing."""
    well, badly, never = asyncio.Event(), asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(until_fault(fails(None, well), fails(LOST, badly), fails(None, never)))
    well.set()
    await settle()
    assert not running.done()
    badly.set()
    assert await running is LOST


async def test_all_may_end_well() -> None:
    """Then there is no fault."""
    go = asyncio.Event()
    go.set()
    assert await until_fault(fails(None, go), fails(None, go)) is None


@pytest.mark.parametrize("steps", range(8))
async def test_a_cancellation_is_not_lost_in_a_fault_of_the_same_moment(steps: int) -> None:
    """However many steps of the loop lie between the two, whoever would go on after the fault ends."""
    go = asyncio.Event()

    async def goes_on() -> None:
        await until_fault(fails(LOST, go), fails(None, asyncio.Event()))
        await asyncio.Event().wait()

    running = asyncio.create_task(goes_on())
    await settle()
    go.set()
    for _ in range(steps):
        await asyncio.sleep(0)
    running.cancel()
    await settle()
    assert running.cancelled()
