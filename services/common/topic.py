"""The interrupt topic: Redis pub/sub as the fast lane of cancels and the observers' feed.

A lost message costs nothing: the same interrupt comes in band, and a subscriber that (re)connects reads the stored
floor of each of its sessions.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from contextlib import aclosing, suppress
from typing import Final

from google.protobuf.message import DecodeError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from parley.v1 import session_pb2 as wire
from services.common.errors import ParleyError, StoreLost
from services.common.redis_client import connect_listener
from services.common.store import Store, asking
from services.common.subscription import listen

CHANNEL: Final = "parley:interrupts"
_WAITING: Final = 1000
_CATCH_UP_ATTEMPTS: Final = 20
_CATCH_UP_PAUSE_S: Final = 0.05

log = logging.getLogger("parley.topic")


class Publisher:
    """Publishes interrupts without ever holding audio up: a bounded queue, newest dropped when Redis is away."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._queue: asyncio.Queue[bytes] = asyncio.Queue(_WAITING)
        self.counters: Counter[str] = Counter()

    def publish(self, interrupt: wire.Interrupt) -> None:
        """Send an interrupt to whoever listens."""
        try:
            self._queue.put_nowait(interrupt.SerializeToString())
        except asyncio.QueueFull:
            self.counters["interrupts_not_published"] += 1

    async def run(self) -> None:
        """Publish until cancelled."""
        while True:
            payload = await self._queue.get()
            try:
                async with asking("could not publish"):
                    if not await self._redis.publish(CHANNEL, payload):
                        self.counters["interrupts_without_receiver"] += 1
            except StoreLost as error:
                self.counters["interrupts_not_published"] += 1
                log.warning("interrupt not published (it also goes in band): %s", error.message)


class Subscriber:
    """Hands each interrupt on the topic to the session it belongs to."""

    def __init__(self, url: str, store: Store) -> None:
        self._redis = connect_listener(url)
        self._store = store
        self._sessions: dict[str, Callable[[wire.Interrupt], None]] = {}

    def follow(self, session: str, take: Callable[[wire.Interrupt], None]) -> Callable[[], None]:
        """Hand the session's interrupts to `take`; returns what ends it."""
        self._sessions[session] = take

        def unfollow() -> None:
            if self._sessions.get(session) is take:
                del self._sessions[session]

        return unfollow

    async def run(self) -> None:
        """Listen until cancelled; after every (re)subscription read the stored floors."""
        while True:
            with suppress(RedisError, TimeoutError):
                async with aclosing(listen(self._redis, CHANNEL)) as messages:
                    async for message in messages:
                        if message["type"] == "subscribe":
                            await self._catch_up()
                        elif message["type"] == "message":
                            self._hand_on(message["data"])
            await asyncio.sleep(0.2)

    def _hand_on(self, payload: bytes) -> None:
        try:
            interrupt = wire.Interrupt.FromString(payload)
        except DecodeError:
            log.warning("something that is no interrupt was published on %s", CHANNEL)
            return
        if (take := self._sessions.get(interrupt.session)) is not None:
            _hand(take, interrupt)

    async def _catch_up(self) -> None:
        patience = _CATCH_UP_ATTEMPTS
        for session, take in list(self._sessions.items()):
            record = None
            while patience:
                try:
                    record = await self._store.read_record(session)
                    break
                except StoreLost:  # it takes subscriptions, and may still be loading its data
                    patience -= 1
                    await asyncio.sleep(_CATCH_UP_PAUSE_S)
            if record is not None and record.floor:
                kind = wire.Interrupt.KIND_CANCEL
                _hand(take, wire.Interrupt(session=session, seq=record.seq, floor=record.floor, kind=kind))

    async def close(self) -> None:
        """Let go of the connection."""
        await self._redis.aclose()


def _hand(take: Callable[[wire.Interrupt], None], interrupt: wire.Interrupt) -> None:
    """Give an interrupt to its session. The fault of one session (its outbox is full) must not end the others."""
    try:
        take(interrupt)
    except ParleyError as error:
        log.warning("session %s could not take an interrupt of the topic: %s", interrupt.session, error.message)
