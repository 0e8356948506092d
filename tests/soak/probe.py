"""The probe: how every process and Redis stand at a moment."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from services.common import names
from services.common.store import connect
from tests.chaos.cluster import Cluster

RING: Final = ("ingress", "vad", "broker", "egress")
WATCHED: Final = (*RING, "redis")
CANCELLED: Final = "cancelled_reads"
KINDS: Final = ("owner", "lease", "record", "history", "over")

_METRICS: Final = {
    names.TASKS: "tasks",
    names.SESSIONS_ACTIVE: "sessions",
    names.SESSIONS_PARKED: "parked",
    names.SESSIONS_REFUSED: "refused",
    names.CANCELLED_READS: CANCELLED,
    names.STRANDS_BROKEN: "streams_broken",
    names.LOOP_LATE: "loop_late_s",
}
_LINE: Final = re.compile(r"^(?P<name>[a-z_]+)(?:\{[^}]*\})? (?P<value>\S+)$")
_MB: Final = 1 << 20
_ANSWERS_S: Final = 10.0

Figures = dict[str, float]


@dataclass(frozen=True)
class Look:
    """What was seen: figures by process."""

    at_s: float
    """Since the soak began."""
    found: dict[str, Figures]


async def look(cluster: Cluster, doors: Mapping[str, str], at_s: float) -> Look:
    """Look at all; `doors` says where each process of the ring serves its metrics.

    Raises OSError, TimeoutError or RedisError when something does not answer.
    """
    found: dict[str, Figures] = {}
    for name in WATCHED:
        vitals = cluster.vitals(name)
        found[name] = {"rss_mb": vitals.rss_bytes / _MB, "fds": vitals.fds, "threads": vitals.threads}
    for name in RING:
        found[name] |= figures_in(await _scrape(doors[name]))
    found["redis"] |= await _redis(cluster)
    return Look(at_s, found)


def figures_in(text: str) -> Figures:
    """Return the figures of interest in a process's metrics, over all labels."""
    found: Figures = dict.fromkeys(_METRICS.values(), 0.0)
    for line in text.splitlines():
        if (metric := _LINE.match(line)) and (figure := _METRICS.get(metric["name"])):
            found[figure] += float(metric["value"])
    return found


async def _scrape(address: str) -> str:
    host, _, port = address.rpartition(":")
    async with asyncio.timeout(_ANSWERS_S):
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write(f"GET /metrics HTTP/1.0\r\nHost: {address}\r\n\r\n".encode())
            return (await reader.read()).decode()
        finally:
            writer.close()


async def _redis(cluster: Cluster) -> Figures:
    """Count the keys by their kinds."""
    redis = connect(cluster.redis_past_the_network)
    try:
        async with asyncio.timeout(_ANSWERS_S):
            kinds = Counter([kind_of(key) async for key in redis.scan_iter(count=1000)])
            info = await redis.info("memory")
    finally:
        await redis.aclose()
    keys = {f"keys_{kind}": float(kinds[kind]) for kind in KINDS}
    return {**keys, "keys_other": float(kinds["other"]), "used_mb": int(info["used_memory"]) / _MB}


def kind_of(key: bytes) -> str:
    """Return which of a session's keys it is."""
    last = key.decode("utf-8", "replace").rpartition(":")[2]
    return last if last in KINDS else "other"
