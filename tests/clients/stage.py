"""The stage: a real ring before a fake model whose samples tell where they stand, and a network that can be bad."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import redis

from local.ring import Ring, RingSettings
from parley.v1 import session_pb2
from services.broker.journal import told
from services.common.store import Store, connect
from services.common.topic import CHANNEL
from tests.clients.client_program import ClientProgram
from tests.clients.kinds import ENVIRONMENT, Kind
from tests.fakes.position_code import PositionDecoder, Run
from tests.fakes.realtime import FakeRealtime, Reply, ReplyRequest, Response
from tests.net.net import HERE, Net
from tests.net.rule import Rule

POD: Final = "client"
_WEBSOCKET_PORT: Final = 17780
REPLIES: Final = {"tale": Reply(seconds=20.0), "saga": Reply(seconds=60.0)}
USUAL: Final = Reply(seconds=8.0)


class Verdicts:
    """Listens to what vad decides, with its moments, in a thread of its own: nothing here makes a stamp late."""

    def __init__(self, url: str) -> None:
        self.cancels: list[tuple[float, session_pb2.Interrupt]] = []
        self._topic: Any = redis.Redis.from_url(url).pubsub()  # type: ignore[no-untyped-call]
        self._topic.subscribe(CHANNEL)
        threading.Thread(target=self._listen, name="verdicts", daemon=True).start()

    def between(self, moment_s: float, until_s: float, session: str) -> float | None:
        """Return when the first cancel of a session was decided after the one moment and before the other."""
        return next((at for at, what in self.cancels if moment_s <= at < until_s and what.session == session), None)

    def _listen(self) -> None:
        with suppress(redis.ConnectionError):  # Redis goes with the ring
            for message in self._topic.listen():
                if message["type"] == "message":
                    interrupt = session_pb2.Interrupt.FromString(message["data"])
                    if interrupt.kind == session_pb2.Interrupt.KIND_CANCEL:
                        self.cancels.append((time.monotonic(), interrupt))


@dataclass
class Stage:
    """What a measurement needs."""

    fake: FakeRealtime
    store: Store
    verdicts: Verdicts
    net: Net | None
    server: str

    @asynccontextmanager
    async def client(self, kind: Kind, rule: Rule | None = None, *, exact: bool = True) -> AsyncIterator[ClientProgram]:
        """Start a client and open a conversation: on loopback, or behind a network of this kind.

        `exact`: its replies come as they are, so that each sample tells where it stands. Else as it usually has them.
        """
        command = (*kind.command(self.server), *(kind.exact if exact else kind.usual))
        if rule is not None:
            assert self.net is not None
            command = (*self.net.pod(POD), *command)
            self.net.apply(POD, rule)
        try:
            async with ClientProgram(command, dict(ENVIRONMENT)) as client:
                yield client
        finally:
            if self.net is not None and rule is not None:
                self.net.heal(POD)

    @staticmethod
    def decode(pcm: bytes, responses: Sequence[Response]) -> list[Run]:
        """Return which of these responses' samples are to be heard in a recording, and where."""
        tracks = {response.track: response.sent_samples for response in responses}
        return PositionDecoder(tracks).decode(pcm)

    async def history(self, session: str) -> list[session_pb2.HistoryItem]:
        """Return what Redis remembers that the assistant said."""
        items = told(await self.store.history(session))
        return [item for item in items if item.role == session_pb2.HistoryItem.ROLE_ASSISTANT]


def _reply(request: ReplyRequest) -> Reply:
    return next((reply for word, reply in REPLIES.items() if word in request.user_text), USUAL)


@asynccontextmanager
async def open_stage() -> AsyncIterator[Stage]:
    """Start everything; without a network where there can be none."""
    async with AsyncExitStack() as stack:
        net = None if Net.obstacle() else await stack.enter_async_context(Net())
        host = net.address(HERE) if net else "127.0.0.1"
        fake = await stack.enter_async_context(FakeRealtime(_reply))
        env = {
            "ingress": {
                "PARLEY_WS_LISTEN": f"{host}:{_WEBSOCKET_PORT if net else 0}",
                "PARLEY_AUTH": "off",
                "PARLEY_WS_ORIGINS": "*",
            }
        }
        env["broker"] = {"PARLEY_TRANSCRIPT_TIMING": "ahead"}
        ring = await stack.enter_async_context(Ring(RingSettings(model_url=fake.url, env=env)))
        store = Store(connect(ring.redis_url))
        stack.push_async_callback(store.close)
        verdicts = await asyncio.to_thread(Verdicts, ring.redis_url) if net is None else Verdicts(ring.redis_url)
        yield Stage(fake, store, verdicts, net, ring.websocket)
