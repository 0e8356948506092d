"""A caller at a door: however the conversation ends, the client is told, in whole sentences and in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from parley.v1 import conversation_service_pb2 as wire
from services.common.errors import ParleyError, PeerLost, ProtocolFault
from services.ingress import caller as caller_module
from services.ingress.call import Calls, ClientLink
from services.ingress.caller import Caller
from services.ingress.inbox import Inbox
from services.ingress.limits import Limits
from services.ingress.locks.knock import Knock
from services.ingress.session import Session

OPEN = wire.ConverseRequest(open=wire.Open(protocol=1))
SAY = wire.ConverseRequest(say=wire.Say(text="hello"))
END = wire.ConverseRequest(end=wire.End())
STATE = wire.ConverseResponse(state=wire.State(turn=1))


class Ring:
    """Stands in for Calls: opens a session at once, and ends it as Calls does."""

    def __init__(self, refusal: ParleyError | None = None) -> None:
        self.limits = Limits()
        self.session = Session(OPEN.open)
        self.session.is_announced = True
        self.fault: ParleyError | None = None
        self._refusal = refusal

    async def answer(
        self, requests: AsyncIterator[wire.ConverseRequest], client_link: ClientLink, knock: Knock
    ) -> None:
        """Take the call."""
        await anext(requests)
        if self._refusal is not None:
            raise self._refusal
        try:
            await client_link(self.session)
        except ParleyError as error:
            self.fault = error
        self.session.parting.close(self.fault)


class Client:
    """What it says is given; what it is told is kept. It reads while `may_read`."""

    def __init__(self, ring: Ring, *says: wire.ConverseRequest | ParleyError) -> None:
        self.told: list[str | None] = []
        self.may_read = asyncio.Event()
        self.may_read.set()
        requests = Inbox[wire.ConverseRequest](len(says) + 1, lambda _: None)
        for said in says:
            if isinstance(said, ParleyError):
                requests.close(said)
            else:
                requests.put(said)
        self.caller = Caller(
            cast(Calls, cast(Any, SimpleNamespace(answer=ring.answer, limits=ring.limits))),
            requests,
            self._write,
        )

    async def _write(self, response: wire.ConverseResponse) -> None:
        await self.may_read.wait()
        self.told.append(response.WhichOneof("message"))


async def test_a_conversation_that_ends_well() -> None:
    """End is answered by Closed, and there is no Error."""
    ring = Ring()
    client = Client(ring, OPEN, SAY, END)
    await client.caller.converse()
    assert client.told == ["closed"]
    assert (client.caller.told, ring.fault) == (None, None)
    assert client.caller.closed is not None
    assert client.caller.closed.code == wire.Closed.CODE_CLIENT


async def test_a_server_that_hangs_up() -> None:
    """The client is told why, and it is no fault; what it says meanwhile disturbs nobody."""
    ring = Ring()
    ring.session.parting.say_farewell(wire.Closed.CODE_SILENCE, "Nobody was there.")
    client = Client(ring, OPEN, SAY, SAY)
    await client.caller.converse()
    assert client.told == ["closed"]
    assert (client.caller.told, ring.fault) == (None, None)
    assert client.caller.closed == wire.Closed(reason="Nobody was there.", code=wire.Closed.CODE_SILENCE)


@pytest.mark.parametrize("bad", [OPEN, wire.ConverseRequest(), ProtocolFault("no message at all")])
async def test_a_fault_of_the_client_is_told(bad: wire.ConverseRequest | ParleyError) -> None:
    """Found by the session or by the door itself: Error, Closed, and the call ends by that fault."""
    ring = Ring()
    client = Client(ring, OPEN, SAY, bad, END)
    await client.caller.converse()
    assert client.told == ["error", "closed"]
    assert isinstance(ring.fault, ProtocolFault)
    assert client.caller.told == ring.fault.to_wire()


async def test_the_sentence_under_way_is_finished_first() -> None:
    """A write is never cut off to tell of the fault: a stream whose write was cut can't be written to again."""
    ring = Ring()
    client = Client(ring, OPEN, OPEN)
    client.may_read.clear()
    ring.session.to_client.control(STATE)
    conversing = asyncio.create_task(client.caller.converse())
    await asyncio.sleep(0.01)
    client.may_read.set()
    await conversing
    assert client.told == ["state", "error", "closed"]


async def test_who_is_refused_is_told() -> None:
    """Before there is a session as well."""
    client = Client(Ring(ProtocolFault("not you")), OPEN)
    await client.caller.converse()
    assert client.told == ["error", "closed"]
    assert client.caller.told is not None
    assert client.caller.told.message == "not you"
    assert client.caller.closed == wire.Closed(reason="not you", code=wire.Closed.CODE_FAULT)
    assert not client.caller.has_begun


async def test_who_takes_no_last_words_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for ever for somebody who doesn't read; the door learns what was not told, for its own last word."""
    monkeypatch.setattr(caller_module, "LAST_WORDS_S", 0.01)
    client = Client(Ring(ProtocolFault("not you")), OPEN)
    client.may_read.clear()
    await client.caller.converse()
    assert client.told == []
    assert client.caller.untold is not None
    assert client.caller.untold.message == "not you"


async def test_who_has_gone_is_no_fault_of_ours() -> None:
    """The session ends by the loss, and nothing is raised."""
    ring = Ring()
    client = Client(ring, OPEN, PeerLost("client", "it went"))
    await client.caller.converse()
    assert isinstance(ring.fault, PeerLost)
