"""Revoked: ids of tokens, and names of holders, that are taken no more: in a file, in Redis, or both."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from redis.asyncio import Redis

from services.common.store import asking
from services.ingress.locks.watched_file import WatchedFile

KEY: Final = "access:revoked"
"""A sorted set: the score is when the entry may be forgotten, in seconds of Unix time."""


class Revoked:
    """Looked up by name. What the file says is known at once; what Redis says is asked."""

    def __init__(self, redis: Redis | None, path: Path | None) -> None:
        self._redis = redis
        self._file = WatchedFile(path, names_in, missing=frozenset[str]()) if path is not None else None

    def refresh(self) -> None:
        """Read the file again, if it has changed."""
        if self._file is not None:
            self._file.refresh()

    def here(self, names: Iterable[str]) -> set[str]:
        """Return those that stand in the file."""
        return set(names) & self._file.value if self._file is not None else set()

    async def among(self, names: Iterable[str]) -> set[str]:
        """Return those that stand in the file or in Redis. Raises StoreLost."""
        asked = sorted(set(names))
        found = self.here(asked)
        if asked and self._redis is not None:
            async with asking("could not say what is revoked"):
                until = await self._redis.zmscore(KEY, asked)
            now_s = time.time()
            found |= {name for name, until_s in zip(asked, until, strict=True) if until_s and until_s > now_s}
        return found


async def revoke(redis: Redis, name: str, until_s: float) -> None:
    """Write it to Redis, and forget those that have expired anyway. Raises StoreLost."""
    async with asking("could not note what is revoked"):
        await redis.zremrangebyscore(KEY, "-inf", time.time())
        await redis.zadd(KEY, {name: until_s})


async def restore(redis: Redis, name: str) -> None:
    """Take it back. Raises StoreLost."""
    async with asking("could not note what is revoked"):
        await redis.zrem(KEY, name)


def names_in(text: str) -> frozenset[str]:
    """Read a file: one name a line; what follows a # is for people."""
    return frozenset(name for line in text.splitlines() if (name := line.partition("#")[0].strip()))
