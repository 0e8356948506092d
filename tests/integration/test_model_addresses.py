"""A model at several addresses: whatever one of them does, the next takes the call, and the conversation goes on."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from services.broker.addresses import ADDRESSES
from services.broker.agent import Agent
from services.broker.faults import ModelRefused
from services.broker.model_settings import ModelSettings
from services.broker.realtime import model_session
from services.common.settings import Environment
from tests.fakes.realtime import FakeRealtime
from tests.integration.broker_ring import agent
from tests.integration.talk import talk_with
from tests.integration.test_reconnect import fake_of, whole

FREEZES_S = 2.0


def settings(*urls: str, **env: str) -> ModelSettings:
    """Settings for a model at these addresses."""
    return ModelSettings.read(Environment({"PARLEY_MODEL_URL": ",".join(urls), **env}))


@asynccontextmanager
async def refusing(status: HTTPStatus) -> AsyncIterator[str]:
    """A server that answers every call so."""

    async def refuse(connection: ServerConnection, _request: Request) -> Response:
        return connection.respond(status, "no")

    async def never(_connection: ServerConnection) -> None:
        raise AssertionError("nobody gets here")

    async with serve(never, "127.0.0.1", 0, process_request=refuse) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/realtime"


@asynccontextmanager
async def mute() -> AsyncIterator[str]:
    """A server that is frozen: the kernel takes the call, and nobody answers it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"ws://127.0.0.1:{server.getsockname()[1]}/v1/realtime"


async def gets_past(first: str) -> None:
    """Call two addresses, of which the first is of no use; the next call leaves that for later."""
    async with FakeRealtime([]) as fake:
        both = settings(first, fake.url, PARLEY_MODEL_CONNECT_S="0.5")
        async with model_session(both) as session:
            assert session.address == fake.url
        assert ADDRESSES.ordered(both.server.addresses) == [fake.url, first]
        async with model_session(both) as session:
            assert session.address == fake.url


async def test_one_that_is_full_is_passed_by() -> None:
    """HTTP 503."""
    async with refusing(HTTPStatus.SERVICE_UNAVAILABLE) as url:
        await gets_past(url)


async def test_one_that_is_not_there_is_passed_by() -> None:
    """Nobody listens."""
    async with refusing(HTTPStatus.OK) as url:
        pass
    await gets_past(url)


async def test_one_that_is_frozen_is_passed_by() -> None:
    """It has its share of the time."""
    async with mute() as url:
        await gets_past(url)


async def test_a_refused_key_is_the_last_word() -> None:
    """It is wrong everywhere."""
    async with refusing(HTTPStatus.UNAUTHORIZED) as url, FakeRealtime([]) as fake:
        with pytest.raises(ModelRefused):
            async with model_session(settings(url, fake.url)):
                pass
        assert fake.connections == []


@pytest.mark.parametrize("how", ["freeze", "abort"])
async def test_a_server_is_lost_in_the_middle_of_a_reply(how: str) -> None:
    """Frozen or crashed: what it had given is heard, and at its other address the model goes on from there."""

    def at_two(url: str) -> Agent:
        return agent(f"{url},{url.replace('127.0.0.1', 'localhost')}", PARLEY_MODEL_SERVER="engine")

    async with talk_with(fake_of(), at_two) as talk:
        await talk.say()
        await talk.hear(1, 300)
        (first,) = talk.fake.connections
        getattr(first, how)()
        async with asyncio.timeout(FREEZES_S + 2):
            await talk.fake.until(lambda: len(talk.fake.connections) == 2)
        first.abort()  # whoever does not read does not notice either that nobody is there any more
        assert talk.fake.connections[1].headers["host"].startswith("localhost")
        await whole(talk, 1)
        await talk.say()
        await whole(talk, 2)
        await talk.assert_true()
        assert len(talk.fake.connections) == 2
