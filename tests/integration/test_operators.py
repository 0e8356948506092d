"""Operators before the whole ring with its own engine: what they write is what is said, to the letter."""

from __future__ import annotations

import asyncio
import socket

import grpc
import pytest
from redis.asyncio import Redis

from clients.desktop import events
from local.ring import Ring, RingSettings
from parley.v1 import operator_service_pb2 as wire
from parley.v1 import operator_service_pb2_grpc as rpc
from parley.v1 import session_pb2
from services.common.rpc import bind, server
from services.common.store import Store
from tests.e2e.person import Person
from tests.unit.ingress.test_operators import NAME, Door, say

TOKEN = "a-token-for-this-test-only"
LINES = (
    "Your taxi is here: it's blue, and its number is 42.",
    'The driver said "Hurry up!" Shall I tell them that you are coming? Say yes or no.',
)


@pytest.mark.parametrize("token", [None, "another-token-altogether"], ids=["gone", "another token"])
async def test_the_ingress_that_holds_the_session_is_of_no_help(token: str | None) -> None:
    """Gone, it is unavailable; with another token, all of them have to be given the same. Both name its address."""
    far = server()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    if token is not None:
        rpc.add_OperatorServiceServicer_to_server(Door(token).server, far)
        address = bind(far, "127.0.0.1:0")
        await far.start()
    near = Door()
    near.calls.sessions.clear()
    near.store.record = session_pb2.SessionRecord(session=NAME, ingress=address)
    status, words = await near.refusal(say())
    await far.stop(None)
    wanted = grpc.StatusCode.UNAVAILABLE if token is None else grpc.StatusCode.FAILED_PRECONDITION
    assert status is wanted
    assert address in words


async def test_the_engine_says_exactly_what_it_is_told() -> None:
    """Captions and history hold the words with their punctuation and quotes; two announcements come one by one."""
    settings = RingSettings(engine=True, env={"ingress": {"PARLEY_OPERATOR_TOKEN": TOKEN}})
    async with Ring(settings) as ring, grpc.aio.insecure_channel(ring.ingress) as channel:
        store = Store(Redis.from_url(ring.redis_url))
        stub: rpc.OperatorServiceAsyncStub = rpc.OperatorServiceStub(channel)
        async with Person(ring.ingress) as person:
            session = (await person.sees(events.Opened)).session
            for line in LINES:
                request = wire.SayRequest(session=session, text=line)
                await stub.Say(request, metadata=(("authorization", f"Bearer {TOKEN}"),))
            await person.sees(events.ReplyPlayed, reply=2)
            await asyncio.sleep(0.5)
        assert [caption.text for caption in person.of(events.Caption) if caption.final] == list(LINES)
        said = [item for item in await store.history(session) if item.role == session_pb2.HistoryItem.ROLE_ASSISTANT]
        assert [item.text for item in said] == list(LINES)
        await store.close()
