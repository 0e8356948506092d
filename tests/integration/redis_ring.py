"""The whole ring as processes before a Redis that a test takes away; who calls meanwhile, and what stands there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Final, TypeAlias, cast

import grpc

from clients.desktop import events
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import conversation_service_pb2_grpc as rpc
from parley.v1 import session_pb2, stream_pb2
from services.common.errors import StoreLost
from services.common.store import Store, connect
from tests.e2e.scene import Actor, Scene
from tests.e2e.scene import scene as open_scene
from tests.fakes import speech
from tests.fakes.eventually import until

RING: Final = ("ingress", "vad", "broker", "egress")
USER: Final = session_pb2.HistoryItem.ROLE_USER
ASSISTANT: Final = session_pb2.HistoryItem.ROLE_ASSISTANT

Said: TypeAlias = list[tuple[session_pb2.HistoryItem.Role.ValueType, str]]


@asynccontextmanager
async def ring_before(
    url: str, past: str = "", env: Mapping[str, Mapping[str, str]] | None = None
) -> AsyncIterator[Scene]:
    """Start a ring whose Redis is at `url`; the test itself reaches it at `past`, where that is another way."""
    variables = {name: {"PARLEY_REDIS_URL": url, **(env or {}).get(name, {})} for name in RING}
    async with open_scene(variables) as scene:
        store = Store(connect(past or url))
        own, scene.store = scene.store, store
        try:
            yield scene
        finally:
            scene.store = own
            await store.close()


async def ask(actor: Actor, text: str = "Tell me about the weather tomorrow.") -> None:
    """Say something after a moment of quiet."""
    actor.person.says(speech.silence(300), speech.say(text))


async def asks(actor: Actor) -> events.ReplyPlayed:
    """Ask, and hear the answer to its end."""
    seen = len(actor.person.log)
    await ask(actor)
    return await actor.person.sees(events.ReplyPlayed, after=seen)


async def interrupts(actor: Actor, phrase: str = "Please count to seventeen for me.") -> float:
    """Wait for the next reply, and talk over it until it is silent; return after how many ms that was."""
    seen = len(actor.person.log)
    heard = await actor.person.sees(events.ReplyStarted, after=seen)
    await asyncio.sleep(1.0)
    began_s = time.monotonic()
    await ask(actor, phrase)
    await actor.person.sees(events.Silenced, after=seen, reply=heard.reply)
    return (time.monotonic() - began_s) * 1000


async def answer(scene: Scene) -> client.ConverseResponse:
    """Call, and hang up; return what came first: `opened` or `error`."""
    async with grpc.aio.insecure_channel(scene.ring.ingress) as channel:
        await channel.channel_ready()
        call = rpc.ConversationServiceStub(channel).Converse()
        await call.write(client.ConverseRequest(open=client.Open(protocol=1)))
        async for response in call:
            if response.HasField("opened"):
                await call.write(client.ConverseRequest(end=client.End()))
            elif not response.HasField("error"):
                continue
            return response
    raise AssertionError("neither let in nor refused")


async def refusal(scene: Scene) -> tuple[stream_pb2.Error, float]:
    """Call, and be refused: return the error, and after how many seconds it came."""
    began_s = time.monotonic()
    answered = await answer(scene)
    assert answered.HasField("error"), "it was let in"
    return answered.error, time.monotonic() - began_s


async def said(store: Store, session: str) -> Said:
    """Return who said what, by the history in Redis."""
    return [(item.role, item.text) for item in await store.history(session) if item.role in (USER, ASSISTANT)]


async def leftovers(store: Store, *, gone: tuple[str, ...] = ("owner", "lease")) -> list[str]:
    """Say what sessions that are over have left behind that they must not; waits for it to go."""

    async def is_clean() -> bool:
        return not await _left(store, gone)

    with suppress(TimeoutError):
        await until(is_clean)
    return await _left(store, gone)


async def _left(store: Store, gone: tuple[str, ...]) -> list[str]:
    redis, found = store._redis, []
    for key in cast("list[bytes]", await redis.keys("*")):
        name = key.decode()
        if name.rpartition(":")[2] in gone:
            found.append(f"{name} is still there")
        elif await redis.ttl(key) < 0:
            found.append(f"{name} never expires")
    return found


async def back(store: Store) -> None:
    """Wait until Redis answers."""

    async def answers() -> bool:
        try:
            await store.ping()
        except StoreLost:
            return False
        return True

    await until(answers)
