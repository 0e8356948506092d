"""The bundle: a session's links end together, each after its goodbye, and the fault that began it comes out."""

from __future__ import annotations

import asyncio

import pytest

from services.common import bundle
from services.common.bundle import run_together
from services.common.errors import LimitFault, ParleyError, PeerLost, ProtocolFault


class Part:
    """A link or background task that ends when told to, or when the session is closed."""

    def __init__(self, fault: ParleyError | None = None, *, obeys: bool = True) -> None:
        self.go = asyncio.Event()
        self.closed = asyncio.Event()
        self.said_goodbye = False
        self._fault = fault
        self._obeys = obeys

    async def run(self) -> None:
        """Run until `go` (then fail, if there is a fault) or `closed` (then say goodbye)."""
        going, closing = asyncio.create_task(self.go.wait()), asyncio.create_task(self.closed.wait())
        try:
            await asyncio.wait({going, closing} if self._obeys else {going}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            going.cancel()
            closing.cancel()
        if self.go.is_set() and self._fault is not None:
            raise self._fault
        self.said_goodbye = True


class Session:
    """Notes how it was closed, and closes its parts."""

    def __init__(self, *parts: Part) -> None:
        self.faults: list[ParleyError | None] = []
        self._parts = parts

    def close(self, fault: ParleyError | None) -> None:
        """Put the last messages into the outboxes, as it were."""
        self.faults.append(fault)
        for part in self._parts:
            part.closed.set()


async def test_one_link_that_ends_well_ends_all_well() -> None:
    """The other links say goodbye first; what runs in the background is cancelled; nobody is at fault."""
    first, second, helper = Part(), Part(), Part(obeys=False)
    session = Session(first, second)
    first.go.set()
    assert await run_together([first.run(), second.run()], [helper.run()], session.close) is None
    assert session.faults == [None]
    assert second.said_goodbye
    assert not helper.said_goodbye


@pytest.mark.parametrize("where", ["link", "background"])
async def test_a_fault_anywhere_is_the_session_s_fault(where: str) -> None:
    """Close is told of it once, before the other links send their last message."""
    fault = PeerLost("vad", "gone")
    faulty, other = Part(fault), Part()
    session = Session(other, faulty) if where == "background" else Session(other)
    faulty.go.set()
    links, helpers = ([faulty.run(), other.run()], []) if where == "link" else ([other.run()], [faulty.run()])
    assert await run_together(links, helpers, session.close) is fault
    assert session.faults == [fault]
    assert other.said_goodbye


async def test_a_link_that_does_not_end_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer that takes no goodbye is not waited for longer than a goodbye takes."""
    monkeypatch.setattr(bundle, "GOODBYE_S", 0.0)
    ended, stuck = Part(), Part(obeys=False)
    ended.go.set()
    assert await run_together([ended.run(), stuck.run()], [], Session().close) is None
    assert not stuck.said_goodbye


async def test_a_fault_while_closing_comes_out() -> None:
    """When even the last messages find no room, that is told, unless there was a fault before."""
    fault = LimitFault("no room")

    def close(_: ParleyError | None) -> None:
        raise fault

    ended, faulty = Part(), Part(ProtocolFault("first"))
    ended.go.set()
    assert await run_together([ended.run()], [], close) is fault
    faulty.go.set()
    first = await run_together([faulty.run()], [], close)
    assert first is not None
    assert first.message == "first"


async def test_the_second_fault_does_not_hide_the_first() -> None:
    """A link that breaks while saying goodbye changes nothing about why it ended."""
    first = ProtocolFault("first")
    faulty, breaking = Part(first), Part(PeerLost("vad", "too"))
    faulty.go.set()

    def close(_: ParleyError | None) -> None:
        breaking.go.set()

    assert await run_together([faulty.run(), breaking.run()], [], close) is first
