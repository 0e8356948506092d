"""Redis missing at start, or no room: callers are told at either door, and the ring works once Redis is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from clients.desktop import events
from local import redis_server
from local.supervisor import Supervisor
from parley.v1 import stream_pb2
from tests.e2e.person import Person
from tests.e2e.scene import Scene
from tests.e2e.scene import scene as open_scene
from tests.integration.bad_input.acts import opening
from tests.integration.bad_input.raw_caller import DOORS, RawCaller, raw_caller
from tests.integration.bad_input.stage import SERVICES, assert_told

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(60)]


@dataclass
class Ring:
    """A ring that was started without its Redis, and the port at which it looks for it."""

    scene: Scene
    supervisor: Supervisor
    folder: Path
    port: int

    async def start_redis(self) -> None:
        """Start it, unless it runs."""
        if not self.supervisor.names():
            await redis_server.start(self.supervisor, redis_server.find_server(), self.folder, lambda: self.port)

    async def refused(self, door: str) -> RawCaller:
        """Call, hear why not, and go."""
        async with asyncio.timeout(10), raw_caller(door, self.scene.ring) as caller:
            await opening(protocol=1)(caller)
            await caller.hear()
        return caller


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ring(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ring]:
    """Every service looks for Redis where there is none; there is room for one session."""
    port = redis_server.free_port()
    env = {name: {"PARLEY_REDIS_URL": f"redis://127.0.0.1:{port}/0"} for name in SERVICES}
    env["ingress"]["PARLEY_MAX_SESSIONS"] = "1"
    async with AsyncExitStack() as stack:
        supervisor = await stack.enter_async_context(Supervisor())
        scene = await stack.enter_async_context(open_scene(env))
        yield Ring(scene, supervisor, tmp_path_factory.mktemp("redis"), port)


@pytest.mark.parametrize("door", DOORS)
async def test_without_redis_no_session_begins(ring: Ring, door: str) -> None:
    """It starts all the same; who calls is told, and that trying again may help."""
    caller = await ring.refused(door)
    assert_told(caller, stream_pb2.Error.CODE_STORE, "Try again in a moment")
    assert [response.error.retryable for response in caller.responses if response.HasField("error")] == [True]
    assert caller.ending == ("OK" if door == "grpc" else "4007")


@pytest.mark.parametrize("door", DOORS)
async def test_once_redis_is_there_the_ring_works(ring: Ring, door: str) -> None:
    """Nothing has to be started again; and while this one talks, the next is told that there is no room."""
    await ring.start_redis()
    async with ring.scene.person(door=door) as actor:
        actor.person.types("tell me something")
        await actor.person.sees(events.ReplyStarted)
        for other in DOORS:
            caller = await ring.refused(other)
            assert_told(caller, stream_pb2.Error.CODE_FULL, "try again in a moment, or another server")
        await actor.person.sees(events.ReplyPlayed)
    assert [len(actor.person.of(events.ServerError)), await _free(ring)] == [0, True]


async def _free(ring: Ring) -> bool:
    """Say whether there is room again, as there is at once when somebody has gone."""
    async with Person(ring.scene.ring.ingress):
        return True
