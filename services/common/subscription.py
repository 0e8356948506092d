"""Subscription: what comes on a channel of Redis, as long as there is somebody at the other end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, Final

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import ConnectionError

from services.common.redis_sentinel import MasterPool

ASK_S: Final = 1.0
"""A Redis that says nothing is asked so often whether it still lives."""

_UNANSWERED: Final = 2
SUBSCRIBE_S: Final = 3.0


async def listen(redis: Redis, channel: str) -> AsyncGenerator[dict[str, Any], None]:
    """Yield what comes, the confirmation of each (re)subscription included. Close it (`aclosing`) when done.

    Raises:
        ConnectionError: there is silence, even when asked; or somebody else is the master by now.
        TimeoutError: nobody takes subscriptions.
    """
    async with redis.pubsub() as pubsub:
        async with asyncio.timeout(SUBSCRIBE_S):
            await pubsub.subscribe(channel)
        coming: asyncio.Task[dict[str, Any] | None] | None = None
        unanswered = 0
        try:
            while True:
                coming = coming or asyncio.create_task(pubsub.get_message(timeout=None))
                if not (await asyncio.wait({coming}, timeout=ASK_S))[0]:
                    if unanswered == _UNANSWERED:
                        raise ConnectionError(f"Redis has been silent for {unanswered} questions")
                    unanswered += 1
                    await _ask(pubsub)
                    continue
                message, coming, unanswered = coming.result(), None, 0
                if message is not None and message["type"] != "pong":
                    yield message
        finally:
            if coming is not None:
                coming.cancel()
                await asyncio.wait({coming})


async def _ask(pubsub: PubSub) -> None:
    """Ask for a word; none is asked for while the connection is being made anew."""
    connection, pool = pubsub.connection, pubsub.connection_pool
    if isinstance(pool, MasterPool):
        await pool.look()
    if connection is None or not connection.is_connected:
        return
    if connection.should_reconnect():
        raise ConnectionError("another Redis is the master now")
    await connection.send_command("PING", check_health=False)
