"""Trunk: the streams of many sessions in one, a load of messages at a time. The core of both ends, without I/O.

A gRPC message costs the same 200 µs of CPU, both ends together, whether it holds one frame or fifty. So all streams
between two processes share one; what is given within `GATHER_S` of the last load travels in the next, together.

A trunk that carries streams is never silent for long: an empty load is its heartbeat. So a peer that is frozen, or cut
off, is found here, for all streams at once.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Final

from parley.v1 import trunk_service_pb2 as wire

GATHER_S: Final = 0.005
"""The least time between two loads. The first message after a pause goes at once."""

MAX_LOAD_BYTES: Final = 1 << 18

STRAND_BYTES: Final = 1 << 15
"""What one strand may have waiting before its writer has to wait: a burst of one session can't hold the others up."""

MAX_UNREAD: Final = 4_000
"""Messages that a strand's reader may leave lying; readers of the ring never wait, so more than this is a fault."""

SILENT_S: Final = 1.75
"""A peer that owes us something and has sent nothing for this long is taken for frozen, or cut off."""

TRUNKS_BROKEN: Final = "trunks_broken"
STRANDS_BROKEN: Final = "strands_broken"
"""Names of counters in a process's tally."""

_TICK_S: Final = 0.125
_BEAT_TICKS: Final = 4
_SILENT_TICKS: Final = int(SILENT_S / _TICK_S)


class StrandBroken(Exception):
    """The stream has ended without a proper end; the message says why, in plain words."""


class Strand:
    """One stream in a trunk: iterate it for messages as they came, `write` to it, and `finish` or `abandon` it."""

    def __init__(self, trunk: Trunk, number: int) -> None:
        self.number = number
        self._trunk = trunk
        self._inbox: deque[bytes] = deque()
        self._news = asyncio.Event()
        self._waiting_bytes = 0
        self._room = asyncio.Event()
        self._is_finished = False
        self._is_over = False
        self._broken = ""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Return itself: there is one sequence of messages."""
        return self

    async def __anext__(self) -> bytes:
        """Return the next message. Raises StrandBroken when the other end has gone without a proper end."""
        while not self._inbox:
            if self._broken:
                raise StrandBroken(self._broken)
            if self._is_over:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        return self._inbox.popleft()

    async def write(self, message: bytes) -> None:
        """Send a message; wait while too much waits. Raises StrandBroken when it can't arrive any more."""
        if self._is_finished or self._broken:
            raise StrandBroken(self._broken or "it takes no more messages")
        self._waiting_bytes += len(message)
        self._trunk.put(wire.Parcel(stream=self.number, message=message))
        while self._waiting_bytes > STRAND_BYTES and not self._broken:
            self._room.clear()
            await self._room.wait()

    def finish(self) -> None:
        """Send no more; what comes is still read."""
        self._close(wire.Parcel(stream=self.number, done=True))

    def abandon(self, why: str) -> None:
        """Go without a proper end: neither send nor read any more."""
        self._close(wire.Parcel(stream=self.number, broken=why))
        self.end(why)

    def _close(self, last: wire.Parcel) -> None:
        if not self._is_finished:
            self._is_finished = True
            self._trunk.put(last)
            self._trunk.forget_if_over(self)

    @property
    def is_over(self) -> bool:
        """True when neither end will send any more."""
        return self._is_finished and self._is_over

    @property
    def is_awaited(self) -> bool:
        """True until the other end has said that it sends no more."""
        return not self._is_over

    # What the trunk tells.

    def take(self, message: bytes) -> None:
        """Take a message that came."""
        if len(self._inbox) >= MAX_UNREAD:
            self.abandon(f"it did not read {MAX_UNREAD} messages")
        elif not self._is_over:
            self._inbox.append(message)
            self._news.set()

    def end(self, broken: str = "") -> None:
        """Nothing more comes."""
        if not self._is_over:
            self._is_over, self._broken = True, broken
            self._news.set()
            self._room.set()

    def sent(self, count: int) -> None:
        """So many bytes no longer wait."""
        self._waiting_bytes -= count
        self._room.set()


class Trunk:
    """One end. `feed` it what came, run `send` with a way to write, and `watch`; `break_off` when the line has gone.

    `accept(strand, method)` is called for each stream that the other end opens; without it none may.
    """

    def __init__(self, accept: Callable[[Strand, str], None] | None = None) -> None:
        self.is_broken = False
        self.loads = 0
        self._accept = accept
        self._strands: dict[int, Strand] = {}
        self._next = 1
        self._waiting: deque[wire.Parcel] = deque()
        self._wake = asyncio.Event()
        self._beat_is_due = False
        self._quiet_ticks = 0

    def __len__(self) -> int:
        return len(self._strands)

    def open(self, method: str) -> Strand:
        """Begin a stream. Raises StrandBroken when the trunk has gone."""
        if self.is_broken:
            raise StrandBroken("the connection has gone")
        strand = self._strands[self._next] = Strand(self, self._next)
        self._next += 1
        self.put(wire.Parcel(stream=strand.number, open=method))
        return strand

    def put(self, parcel: wire.Parcel) -> None:
        """Send a parcel with the next load."""
        if not self.is_broken:
            self._waiting.append(parcel)
            self._wake.set()

    def feed(self, parcels: Iterable[wire.Parcel]) -> None:
        """Take a load. Parcels of strands that are over here are late, and ignored."""
        self._quiet_ticks = 0
        for parcel in parcels:
            step = parcel.WhichOneof("step")
            if step == "open":
                self._begin(parcel)
            elif (strand := self._strands.get(parcel.stream)) is not None:
                if step == "message":
                    strand.take(parcel.message)
                else:
                    strand.end(parcel.broken)
                    self.forget_if_over(strand)

    def _begin(self, parcel: wire.Parcel) -> None:
        strand = Strand(self, parcel.stream)
        if self._accept is None or parcel.stream in self._strands:
            strand.abandon("no stream can be opened so")
            return
        self._strands[parcel.stream] = strand
        self._accept(strand, parcel.open)

    async def send(self, write: Callable[[list[wire.Parcel]], Awaitable[None]]) -> None:
        """Send loads until cancelled. For the one writer task."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while (load := self._load()) or self._beat_is_due:
                self._beat_is_due = False
                await write(load)
                self.loads += 1
                for parcel in load:
                    if parcel.message and (strand := self._strands.get(parcel.stream)) is not None:
                        strand.sent(len(parcel.message))
                await asyncio.sleep(GATHER_S)

    async def watch(self) -> None:
        """See to it that neither end is silent, until cancelled.

        Raises:
            StrandBroken: the other end is silent although it has streams that it has not finished.
        """
        # Ticks, not wall time: a process that was itself asleep, or too busy to read, must not blame its peers for it.
        known_loads = ticks = 0
        while self._quiet_ticks <= _SILENT_TICKS:
            await asyncio.sleep(_TICK_S)
            is_awaited = any(strand.is_awaited for strand in self._strands.values())
            self._quiet_ticks = self._quiet_ticks + 1 if is_awaited else 0
            ticks = ticks + 1 if self.loads == known_loads else 0
            known_loads = self.loads
            if ticks >= _BEAT_TICKS - 1 and self._strands:
                self._beat_is_due = True
                self._wake.set()
        raise StrandBroken(f"it sent nothing for {SILENT_S:g} s")

    def _load(self) -> list[wire.Parcel]:
        load, size = [], 0
        while self._waiting and size < MAX_LOAD_BYTES:
            load.append(self._waiting.popleft())
            size += len(load[-1].message)
        return load

    def break_off(self, why: str, tally: Counter[str] | None = None) -> None:
        """The connection has gone: every strand breaks, and no new one begins. What breaks is counted in `tally`."""
        if tally is not None and self._strands and not self.is_broken:
            tally[TRUNKS_BROKEN] += 1
            tally[STRANDS_BROKEN] += len(self._strands)
        self.is_broken = True
        self._waiting.clear()
        for strand in list(self._strands.values()):
            strand.end(why)
        self._strands.clear()

    def forget_if_over(self, strand: Strand) -> None:
        """Let go of a strand that both ends have finished."""
        if strand.is_over:
            self._strands.pop(strand.number, None)
