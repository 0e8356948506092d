"""A stage for bad callers: one strict ring, a person at each door who listens all the while, and what is counted."""

from __future__ import annotations

import asyncio
import itertools
import os
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import grpc
from redis.asyncio import Redis

from clients.desktop import events
from parley.v1 import operator_service_pb2 as operator
from parley.v1 import operator_service_pb2_grpc as operator_rpc
from parley.v1 import stream_pb2
from tests.e2e.scene import Actor, Lines, Scene
from tests.e2e.scene import scene as open_scene
from tests.fakes.realtime import Connection, Reply
from tests.integration.bad_input.acts import Act
from tests.integration.bad_input.cases import LIMITS
from tests.integration.bad_input.raw_caller import DOORS, RawCaller, raw_caller

TOKEN = "a-token-for-this-test-only"
PATIENCE_S = 30.0
LONG = Reply(seconds=60, think_ms=5, speed=10)
_POOLED = 8
"""Connections to Redis that a burst of callers leaves in a service's pool: far fewer than there were callers."""
SERVICES = ("ingress", "vad", "broker", "egress")


@dataclass
class Stage:
    """The ring, its two listeners, and what stood there before the bad callers came."""

    scene: Scene
    listeners: list[Actor]
    redis: Redis
    statistics: Callable[[], Awaitable[operator.StatisticsResponse]]
    counted: Counter[str] = field(default_factory=Counter)
    descriptors: dict[str, int] = field(default_factory=dict)

    async def call(self, door: str, act: Act) -> RawCaller:
        """Let a bad caller act, hear all it is told, and go."""
        async with asyncio.timeout(PATIENCE_S), raw_caller(door, self.scene.ring) as caller:
            await act(caller)
            await caller.hear()
        return caller

    @property
    def strangers(self) -> list[Connection]:
        """The model's connections that are no listener's."""
        known = [listener.connection for listener in self.listeners]
        return [connection for connection in self.scene.fake.connections if connection not in known]

    async def raised(self) -> Counter[str]:
        """Return the faults and limits counted since the beginning, and the sessions opened."""
        counters = Counter(dict((await self.statistics()).counters)) - self.counted
        return Counter({k: n for k, n in counters.items() if k.startswith(("fault_", "limit_")) or k == "sessions"})

    async def held(self) -> set[str]:
        """Return the sessions that somebody holds, as Redis knows it."""
        keys = [key.decode() async for key in self.redis.scan_iter("session:*") if key.endswith((b":owner", b":lease"))]
        return {key.split("{")[1].split("}")[0] for key in keys}

    def descriptors_now(self) -> dict[str, int]:
        """Return how many files and sockets each service holds."""
        return {name: len(os.listdir(f"/proc/{self.scene.ring.pid(name)}/fd")) for name in SERVICES}

    async def settles(self, what: Callable[[], Awaitable[object]], timeout_s: float = 10.0) -> bool:
        """Wait until something is so; False when it does not come about."""
        try:
            async with asyncio.timeout(timeout_s):
                while not await what():  # noqa: ASYNC110 - in other processes
                    await asyncio.sleep(0.05)
        except TimeoutError:
            return False
        return True

    async def assert_forgotten(self, caller: RawCaller) -> None:
        """Nobody holds the caller's session any more."""

        async def is_forgotten() -> bool:
            return caller.session not in await self.held()

        assert await self.settles(is_forgotten)

    async def assert_nothing_is_left(self) -> None:
        """Only the listeners' sessions go on, and what they need."""
        mine = {listener.person.session for listener in self.listeners}

        async def is_over() -> bool:
            return (await self.statistics()).sessions == len(mine) and await self.held() == mine

        async def is_let_go() -> bool:
            more = Counter(self.descriptors_now()) - Counter(self.descriptors)
            return max(more.values(), default=0) <= _POOLED and all(connection.closed for connection in self.strangers)

        assert await self.settles(is_over), (await self.statistics(), await self.held(), mine)
        assert await self.settles(is_let_go), (self.descriptors, self.descriptors_now())
        for name in SERVICES:
            log = "\n".join(self.scene.ring.logs(name))
            assert not re.search("Traceback|a fault of ours", log), log[-4000:]

    async def assert_nobody_noticed(self) -> None:
        """Each listener has heard all they were told, and of no fault."""
        for listener in self.listeners:
            assert not listener.person.of(events.ServerError)
            assert not listener.person.of(events.Closed)
            played = [listener.responses[event.reply - 1] for event in listener.person.of(events.ReplyPlayed)]
            recording = listener.person.device.recording().assistant().tobytes()
            # In a thread: the listeners themselves live in this loop, and must not fall silent meanwhile.
            runs = await asyncio.to_thread(self.scene.fake.decoder().decode, recording)
            for track in {run.track for run in runs}:
                heard = [run for run in runs if run.track == track]
                assert [run.start_position for run in heard] == [0, *(run.end_position for run in heard[:-1])]
            assert played
            for response in played:
                assert sum(run.samples for run in runs if run.track == response.track) == response.sent_samples


@asynccontextmanager
async def open_stage() -> AsyncIterator[Stage]:
    """Start the ring; two people begin to listen to stories, one at each door."""
    env = {
        "ingress": {"PARLEY_OPERATOR_TOKEN": TOKEN, **LIMITS},
        "broker": {"PARLEY_MODEL_CONNECT_S": "1.5", "PARLEY_MODEL_ANSWER_S": "1.5"},
    }
    stories = [Reply(seconds=5, think_ms=5)]
    async with open_scene(env) as scene, grpc.aio.insecure_channel(scene.ring.ingress) as channel:
        stub: operator_rpc.OperatorServiceAsyncStub = operator_rpc.OperatorServiceStub(channel)
        redis = Redis.from_url(scene.ring.redis_url)

        def statistics() -> Awaitable[operator.StatisticsResponse]:
            return stub.Statistics(operator.StatisticsRequest(), metadata=(("authorization", f"Bearer {TOKEN}"),))

        async with (
            scene.person(list(stories), door=DOORS[0]) as one,
            scene.person(list(stories), door=DOORS[1]) as other,
        ):
            scene.script.upcoming = Lines([LONG], ["hello"])
            stage = Stage(scene, [one, other], redis, statistics)
            listening = [asyncio.create_task(listen(actor)) for actor in stage.listeners]
            for actor in stage.listeners:
                await actor.person.sees(events.ReplyStarted)
            stage.counted = Counter(dict((await statistics()).counters))
            stage.descriptors = stage.descriptors_now()
            yield stage
            for task in listening:
                task.cancel()
            await asyncio.wait(listening)
        await redis.aclose()


class Standing:
    """Keeps a stage for a module's tests, in a task of its own: pytest may leave a fixture in another task."""

    def __init__(self) -> None:
        self._over = asyncio.Event()
        self._ready: asyncio.Future[Stage] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._stand())

    async def stage(self) -> Stage:
        """Return the stage when it stands."""
        self._task.add_done_callback(self._note_end)
        return await self._ready

    async def leave(self) -> None:
        """Clear the stage."""
        self._over.set()
        await self._task

    def _note_end(self, task: asyncio.Task[None]) -> None:
        if not self._ready.done():
            self._ready.set_exception(task.exception() or RuntimeError("the stage was left before it stood"))

    async def _stand(self) -> None:
        async with open_stage() as stage:
            self._ready.set_result(stage)
            await self._over.wait()


def assert_told(caller: RawCaller, code: stream_pb2.Error.Code.ValueType, words: str) -> None:
    """It heard exactly one Error, and then Closed; or nothing, where nothing can be told."""
    errors = [response.error for response in caller.responses if response.HasField("error")]
    assert [error.code for error in errors] == [code] * bool(code), errors
    if code:
        assert any(part in errors[0].message for part in words.split("|")), errors[0].message
        assert caller.kinds()[-2:] == ["error", "closed"]


async def listen(actor: Actor) -> None:
    """Listen to one story after the other."""
    for reply in itertools.count(1):
        actor.person.types("go on")
        async with asyncio.timeout(PATIENCE_S):
            await actor.person.sees(events.ReplyPlayed, reply=reply)
