"""What conversations have left behind: looked for after they ended."""

from __future__ import annotations

import asyncio
import re
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.common.store import connect
from tests.chaos.cluster import Cluster

OWNED: Final = re.compile(r"^session:\{(?P<session>.*)\}:(?P<what>owner|lease)$")
"""Keys of which an ended session has none. Its record and history may be kept until they expire."""
GAUGE: Final = re.compile(r"^(?P<name>parley_sessions_(?!\w*total)\w+)(?:\{[^}]*\})? (?P<value>\S+)$")
"""Metrics that count what there is just now: nothing, once every conversation is over."""

_LOOK_S: Final = 0.5
_ANSWERS_S: Final = 5.0
_FOR_EVER: Final = -1


async def leftovers(cluster: Cluster, patience_s: float = 60.0) -> list[str]:
    """Say what is left once every conversation has ended; [] when nothing is, which is waited for so long.

    Looked for: owner keys, leases and keys that never expire in Redis; sessions that a process still counts (where it
    serves metrics); processes that are down or frozen.
    """
    clock = asyncio.get_running_loop().time
    until_s = clock() + patience_s
    while found := [*_unwell(cluster), *await _kept(cluster), *await _counted(cluster)]:
        if clock() >= until_s:
            break
        await asyncio.sleep(_LOOK_S)
    return found


def _unwell(cluster: Cluster) -> list[str]:
    found = []
    for name in cluster.names():
        try:
            if cluster.is_frozen(name):
                found.append(f"{name} is frozen")
        except ProcessLookupError:
            found.append(f"{name} is down")
    return found


async def _kept(cluster: Cluster) -> list[str]:
    """Look through all keys of Redis."""
    redis = connect(cluster.redis_past_the_network)
    try:
        async with asyncio.timeout(_ANSWERS_S):
            keys = [key async for key in redis.scan_iter(count=1000)]
            return sorted([fault for key in keys if (fault := await _fault_of(redis, key))])
    except (RedisError, TimeoutError) as error:
        return [f"Redis cannot be looked into: {error}"]
    finally:
        await redis.aclose()


async def _fault_of(redis: Redis, key: bytes) -> str:
    name = key.decode("utf-8", "replace")
    if owned := OWNED.match(name):
        return f"session {owned['session']} still has its {owned['what']}"
    return f"the key {name} never expires" if await redis.pttl(key) == _FOR_EVER else ""


async def _counted(cluster: Cluster) -> list[str]:
    found = []
    for name in cluster.names():
        if address := cluster.metrics(name):
            try:
                async with asyncio.timeout(_ANSWERS_S):
                    text = await _scrape(address)
            except (OSError, TimeoutError) as error:
                found.append(f"{name} does not tell its metrics: {error}")
                continue
            found += [f"{name} counts {what} {value:g}" for what, value in gauges(text).items() if value]
    return found


def gauges(text: str) -> dict[str, float]:
    """Return the sessions that a process's metrics count just now, by metric, over all labels."""
    counted: dict[str, float] = {}
    for line in text.splitlines():
        if metric := GAUGE.match(line):
            counted[metric["name"]] = counted.get(metric["name"], 0.0) + float(metric["value"])
    return counted


async def _scrape(address: str) -> str:
    """Fetch metrics; not in a thread, which might be one from before this process went into its pod."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(f"GET /metrics HTTP/1.0\r\nHost: {address}\r\n\r\n".encode())
        return (await reader.read()).decode()
    finally:
        writer.close()
