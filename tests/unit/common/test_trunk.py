"""The trunk: many streams in one, each as if it were alone; what breaks, breaks for good and in words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parley.v1 import trunk_service_pb2 as wire
from services.common.trunk import MAX_LOAD_BYTES, MAX_UNREAD, STRAND_BYTES, Strand, StrandBroken, Trunk
from tests.fakes.eventually import eventually
from tests.unit.common.ticks import Ticks, settle, ticks

__all__ = ["ticks"]


class Pair:
    """Two ends; what one sends the other is fed at once, unless `held`."""

    def __init__(self) -> None:
        self.accepted: dict[str, Strand] = {}
        self.loads: list[int] = []
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.near = Trunk()
        self.far = Trunk(self._accept)

    def _accept(self, strand: Strand, method: str) -> None:
        self.accepted[method] = strand

    async def to_far(self, load: list[wire.Parcel]) -> None:
        """Carry a load."""
        await self.flowing.wait()
        self.loads.append(len(load))
        self.far.feed(wire.CarryRequest.FromString(wire.CarryRequest(parcels=load).SerializeToString()).parcels)

    async def to_near(self, load: list[wire.Parcel]) -> None:
        """Carry a load back."""
        self.near.feed(load)


@asynccontextmanager
async def pair() -> AsyncIterator[Pair]:
    """Join two ends."""
    ends = Pair()
    writers = [asyncio.create_task(ends.near.send(ends.to_far)), asyncio.create_task(ends.far.send(ends.to_near))]
    try:
        yield ends
    finally:
        for writer in writers:
            writer.cancel()


async def heard(strand: Strand) -> list[bytes]:
    """Read a strand to its end."""
    return [message async for message in strand]


async def test_what_comes_close_together_travels_together(ticks: Ticks) -> None:
    """The first goes at once; what is given while the next load gathers goes in one."""
    async with pair() as ends:
        strands = [ends.near.open(f"m{n}") for n in range(3)]
        await settle()
        for n in range(4):
            for strand in strands:
                await strand.write(bytes([n]))
        await ticks.advance(0.1)
        assert ends.loads == [3, 12]
        for method in ("m0", "m1", "m2"):
            ends.near.put(wire.Parcel(stream=ends.accepted[method].number, done=True))
        await ticks.advance(0.1)
        assert [await heard(strand) for strand in ends.accepted.values()] == [[b"\0", b"\1", b"\2", b"\3"]] * 3


@given(st.lists(st.tuples(st.integers(0, 3), st.binary(max_size=40)), max_size=60))
@settings(max_examples=50, deadline=None)
def test_every_strand_is_as_if_alone(messages: list[tuple[int, bytes]]) -> None:
    """Whatever is interleaved with whatever: each strand's messages come whole, in order, and end with its end."""

    async def scenario() -> None:
        async with pair() as ends:
            strands = [ends.near.open(f"m{n}") for n in range(4)]
            for which, message in messages:
                await strands[which].write(message)
            for strand in strands:
                strand.finish()
            await eventually(lambda: len(ends.accepted) == 4)
            for n in range(4):
                expected = [message for which, message in messages if which == n]
                async with asyncio.timeout(5):
                    assert await heard(ends.accepted[f"m{n}"]) == expected
                ends.accepted[f"m{n}"].finish()
            await eventually(lambda: not (len(ends.near) or len(ends.far)))

    asyncio.run(scenario())


async def test_both_ends_speak_until_each_has_finished() -> None:
    """One end's last message does not silence the other."""
    async with pair() as ends:
        strand = ends.near.open("m")
        strand.finish()
        await asyncio.sleep(0.02)
        far = ends.accepted["m"]
        assert await heard(far) == []
        await far.write(b"still here")
        far.finish()
        assert await heard(strand) == [b"still here"]
        with pytest.raises(StrandBroken, match="takes no more"):
            await far.write(b"too late")


async def test_one_that_leaves_breaks_its_strand_only() -> None:
    """Its other end is told why; the neighbour goes on."""
    async with pair() as ends:
        leaving, staying = ends.near.open("a"), ends.near.open("b")
        leaving.abandon("the person hung up")
        await staying.write(b"x")
        staying.finish()
        await asyncio.sleep(0.02)
        with pytest.raises(StrandBroken, match="hung up"):
            await heard(ends.accepted["a"])
        assert await heard(ends.accepted["b"]) == [b"x"]
        with pytest.raises(StrandBroken):
            await ends.accepted["a"].write(b"y")


async def test_a_connection_that_breaks_breaks_every_strand() -> None:
    """Readers and waiting writers are told at once, and nothing new can begin."""
    async with pair() as ends:
        ends.flowing.clear()
        reading, writing = ends.near.open("a"), ends.near.open("b")
        await writing.write(b"x" * STRAND_BYTES)
        waiting = asyncio.create_task(writing.write(b"more"))
        reader = asyncio.create_task(heard(reading))
        await asyncio.sleep(0.01)
        assert not waiting.done()
        ends.near.break_off("the cable was pulled")
        with pytest.raises(StrandBroken, match="cable"):
            await reader
        await waiting
        with pytest.raises(StrandBroken, match="cable"):
            await writing.write(b"again")
        with pytest.raises(StrandBroken, match="has gone"):
            ends.near.open("c")


async def test_a_burst_of_one_holds_no_other_up() -> None:
    """A strand that has 32 KiB waiting waits; the others' messages are in the next load all the same."""
    async with pair() as ends:
        burst, calm = ends.near.open("burst"), ends.near.open("calm")
        ends.flowing.clear()
        writing = asyncio.create_task(_write_all(burst, [b"x" * 1_000] * 400))
        await asyncio.sleep(0.01)
        await calm.write(b"urgent")
        calm.finish()
        ends.flowing.set()
        await eventually(lambda: "calm" in ends.accepted)
        assert await heard(ends.accepted["calm"]) == [b"urgent"]
        assert not writing.done()
        await writing


async def _write_all(strand: Strand, messages: list[bytes]) -> None:
    for message in messages:
        await strand.write(message)


async def test_loads_are_bounded() -> None:
    """However much waits, no load grows past what a message may hold."""
    async with pair() as ends:
        ends.flowing.clear()
        strands = [ends.near.open(f"m{n}") for n in range(40)]
        for strand in strands:
            await strand.write(b"x" * (STRAND_BYTES - 1))
        ends.flowing.set()
        await eventually(lambda: len(ends.accepted) == 40 and sum(ends.loads) == 80)
        assert max(ends.loads[1:]) <= 2 * (MAX_LOAD_BYTES // STRAND_BYTES + 1)


async def test_a_reader_that_never_reads_loses_its_strand_only() -> None:
    """Memory is bounded: it is abandoned, and the writer learns why."""
    async with pair() as ends:
        strand = ends.near.open("m")
        for _ in range(MAX_UNREAD + 1):
            await strand.write(b"")
        async with asyncio.timeout(5):
            with pytest.raises(StrandBroken, match="did not read"):
                await heard(strand)


@asynccontextmanager
async def watched_pair() -> AsyncIterator[tuple[Pair, list[asyncio.Task[None]]]]:
    """Join two ends, each of which watches the other."""
    async with pair() as ends:
        watches = [asyncio.create_task(end.watch()) for end in (ends.near, ends.far)]
        try:
            yield ends, watches
        finally:
            for watch in watches:
                watch.cancel()
            await asyncio.gather(*watches, return_exceptions=True)


async def test_a_trunk_that_carries_streams_is_never_silent(ticks: Ticks) -> None:
    """Both ends send something twice a second although nobody says anything, and neither blames the other."""
    async with watched_pair() as (ends, watches):
        ends.near.open("m")
        await ticks.advance(0.01)
        loads = len(ends.loads)
        await ticks.advance(10)
        assert len(ends.loads) - loads == 20
        assert set(ends.loads[loads:]) == {0}, "a beat is an empty load"
        assert not any(watch.done() for watch in watches)


async def test_a_trunk_without_streams_need_not_beat(ticks: Ticks) -> None:
    """Nothing is sent, nothing is missed; and the first stream after that is watched from its beginning."""
    async with watched_pair() as (ends, watches):
        await ticks.advance(60)
        assert ends.loads == []
        ends.flowing.clear()
        ends.near.open("m")
        await ticks.advance(1.5)
        assert not any(watch.done() for watch in watches)
        await ticks.advance(0.5)
        with pytest.raises(StrandBroken, match=r"nothing for 1\.75 s"):
            await watches[0]
        assert not watches[1].done()


async def test_a_peer_that_falls_silent_is_found(ticks: Ticks) -> None:
    """Whatever had been said before: a frozen process, a pulled cable and a connection that hangs look the same."""
    async with watched_pair() as (ends, watches):
        strand = ends.near.open("m")
        for _ in range(8):
            await strand.write(b"x")
            await ticks.advance(0.5)
        assert not any(watch.done() for watch in watches)
        ends.flowing.clear()  # what near sends no longer arrives
        await ticks.advance(1.5)
        assert not watches[1].done()
        await ticks.advance(1)
        with pytest.raises(StrandBroken):
            await watches[1]
        assert not watches[0].done(), "it still hears the other"


async def test_nothing_is_owed_once_a_stream_is_finished(ticks: Ticks) -> None:
    """The end that has said all, on every stream, may go silent; the one that has not is still watched."""
    async with watched_pair() as (ends, watches):
        strand = ends.near.open("m")
        strand.finish()
        await ticks.advance(1)
        ends.flowing.clear()
        await ticks.advance(5)
        assert not watches[1].done(), "near owes nothing more"
        ends.accepted["m"].finish()
        await ticks.advance(5)
        assert not watches[0].done()
        assert len(ends.near) == len(ends.far) == 0


async def test_what_nobody_serves_is_refused() -> None:
    """The dialling end accepts no streams, and a number that is taken can't be opened again."""
    async with pair() as ends:
        strand = ends.far.open("m")
        with pytest.raises(StrandBroken, match="no stream can be opened"):
            await heard(strand)


def test_parcels_of_strands_that_are_over_are_ignored() -> None:
    """They are late, not wrong."""
    trunk = Trunk()
    trunk.feed([wire.Parcel(stream=7, message=b"x"), wire.Parcel(stream=7, done=True), wire.Parcel()])
    assert len(trunk) == 0
