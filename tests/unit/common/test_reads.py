"""Reads: one task reads for as long as a call lasts, nobody cancels it, and what is cut off is counted."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import grpc
import pytest

from services.common.errors import LimitFault, ParleyError
from services.common.reads import CANCELLED_READS, CountedReads, Reader
from tests.unit.common.ticks import settle


class Call:
    """A gRPC call as its reader sees it: what is put into `comes`; None ends it, an exception breaks it."""

    def __init__(self) -> None:
        self.comes: asyncio.Queue[str | Exception | None] = asyncio.Queue()
        self.reads = 0
        self.cancelled = 0

    def __aiter__(self) -> AsyncIterator[str]:
        """Return itself."""
        return self

    async def __anext__(self) -> str:
        """Return the next."""
        self.reads += 1
        try:
            message = await self.comes.get()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if message is None:
            raise StopAsyncIteration
        if isinstance(message, Exception):
            raise message
        return message


class Taker:
    """Takes what a reader puts down."""

    def __init__(self) -> None:
        self.call = Call()
        self.taken: list[str] = []
        self.ends: list[ParleyError | None] = []
        self.reader = Reader(self.call, self.taken.append, self.ends.append)
        self.reading = asyncio.create_task(self.reader.run())

    async def comes(self, *messages: str | Exception | None) -> None:
        """Let messages come."""
        for message in messages:
            self.call.comes.put_nowait(message)
        await settle()


async def test_what_comes_is_put_down_until_the_call_ends() -> None:
    """In order; its end is told once."""
    taker = Taker()
    await taker.comes("a", "b")
    assert not taker.reader.is_over.is_set()
    await taker.comes(None)
    assert (taker.taken, taker.ends) == (["a", "b"], [None])
    assert taker.reader.is_over.is_set()
    await taker.reading


async def test_what_can_not_be_read_is_told() -> None:
    """The door's own decoder raises where the next message was to be read."""
    taker = Taker()
    fault = LimitFault("too large")
    await taker.comes("a", fault)
    assert (taker.taken, taker.ends) == (["a"], [fault])
    await taker.reading
    assert not taker.reader.is_over.is_set(), "the call goes on: its client can be told why"


@pytest.mark.parametrize(
    "error", [grpc.aio.UsageError("RPC already finished."), grpc.aio.InternalError(), asyncio.InvalidStateError()]
)
async def test_the_end_of_who_served_it_is_an_end(error: Exception) -> None:
    """The read that waits then fails in gRPC's ways, and nobody is to see that; any other fault is a fault."""
    taker = Taker()
    await settle()
    taker.reader.leave()
    await taker.comes(error)
    assert taker.ends == [None]
    if isinstance(error, asyncio.InvalidStateError):
        with pytest.raises(asyncio.InvalidStateError):
            await taker.reading
    else:
        await taker.reading


async def test_who_leaves_cancels_nothing() -> None:
    """The read in waiting stays, what it still brings is put down, and no other is begun."""
    taker = Taker()
    await taker.comes("a")
    taker.reader.leave()
    await settle()
    assert not taker.reading.done()
    await taker.comes("b")
    await taker.reading
    assert (taker.taken, taker.ends, taker.call.reads, taker.call.cancelled) == (["a", "b"], [None], 2, 0)


async def test_who_is_held_back_is_not_read() -> None:
    """No read is begun while nobody takes what there is; so whoever leaves then leaves no read behind."""
    taker = Taker()
    await settle()
    taker.reader.may_send(False)
    await taker.comes("a", "b", "c")
    assert taker.taken == ["a"]
    taker.reader.may_send(True)
    await taker.comes()
    assert taker.taken == ["a", "b", "c"]
    taker.reader.may_send(False)
    await taker.comes("d")
    reads = taker.call.reads
    taker.reader.leave()
    taker.reader.may_send(False)
    await taker.reading
    assert (taker.call.reads, taker.ends) == (reads, [None])


@pytest.mark.parametrize("ends", [True, False])
async def test_reads_that_are_cut_off_are_counted(ends: bool) -> None:
    """A cancel counts, and so does a break; an end does where none is in order."""
    tally: Counter[str] = Counter()
    call = Call()
    reads = CountedReads(call, tally, ends=ends)
    call.comes.put_nowait("a")
    assert await anext(reads) == "a"
    assert not tally
    waiting = asyncio.create_task(anext(reads))
    await settle()
    waiting.cancel()
    await asyncio.wait([waiting])
    assert tally[CANCELLED_READS] == 1
    metadata = grpc.aio.Metadata()
    call.comes.put_nowait(grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, metadata, metadata))
    with pytest.raises(grpc.aio.AioRpcError):
        await anext(reads)
    assert tally[CANCELLED_READS] == 2
    call.comes.put_nowait(None)
    assert [message async for message in reads] == []
    assert tally[CANCELLED_READS] == 2 + (not ends)
