"""What conversations have left behind: looked for after they ended."""

from __future__ import annotations

from tests.chaos.cluster import Cluster


async def leftovers(cluster: Cluster, patience_s: float = 60.0) -> list[str]:
    """Say what is left once every conversation has ended; [] when nothing is, which is waited for so long.

    Looked for: owner keys, leases and keys that never expire in Redis; sessions that a broker still counts; processes
    that are down or frozen.
    """
    raise NotImplementedError
