"""The cluster of the chaos tests: every process in its pod, faults by name, and what is left behind is found."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection, connect

from tests.chaos.cleanliness import leftovers
from tests.chaos.cluster import FAULTS, KILL, PARTITION, SLOW, STOP, Cluster, ClusterSettings
from tests.fakes.eventually import eventually
from tests.net.net import obstacle

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

COPIES = {"ingress": 1, "egress": 1, "model": 1}
A_WHILE_S = 1.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster() -> AsyncIterator[Cluster]:
    """One cluster in pods for all tests, before our own engine."""
    if obstacle():
        pytest.skip(f"there can be no pods here: {obstacle()}")
    async with Cluster(ClusterSettings(copies=COPIES)) as started:
        yield started


@asynccontextmanager
async def session(cluster: Cluster) -> AsyncIterator[str]:
    """Hold a session in which nothing is said, and hang up as one should."""
    async with connect(cluster.websockets[0], proxy=None) as line:
        await line.send('{"open":{"protocol":1}}')
        name = (await until(line, "opened"))["session"]
        yield name
        await line.send('{"end":{}}')
        await until(line, "closed")


async def until(line: ClientConnection, kind: str) -> dict[str, str]:
    """Read until a message of this kind; an error is one."""
    while True:
        message = json.loads(await line.recv(decode=True))
        assert "error" not in message, message
        if kind in message:
            return dict(message[kind])


async def dials(address: str) -> bool:
    """Tell whether a connection can be had within a while."""
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(A_WHILE_S):
            _, writer = await asyncio.open_connection(host, int(port))
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


async def test_every_process_is_there_with_an_address_of_its_own(cluster: Cluster) -> None:
    """Two of what nothing is said of; each at its IP, all of them can be reached from here, and have vitals."""
    rest = {"redis", "ingress", "vad", "vad-2", "broker", "broker-2", "egress", "model"}
    assert set(cluster.names()) == rest
    assert len({address.partition(":")[0] for address in cluster.addresses.values()}) == len(rest)
    assert all([await dials(address) for address in cluster.addresses.values()])
    assert cluster.faults == FAULTS
    assert cluster.vitals("vad").rss_bytes > 10_000_000
    assert cluster.vitals("vad").threads > 0


async def test_who_serves_a_session_is_known_and_what_it_holds_is_found_and_gone(cluster: Cluster) -> None:
    """By its record while it lasts; its lease is found, and a broker counts it; afterwards nothing is left."""
    async with session(cluster) as name:
        serving = await cluster.serving(name)
        assert serving["vad"] in ("vad", "vad-2")
        assert (serving["ingress"], serving["egress"]) == ("ingress", "egress")
        left = await leftovers(cluster, 0)
        assert {f"session {name} still has its lease", f"session {name} still has its owner"} <= set(left)
        assert f"{serving['broker']} counts parley_sessions_active 1" in left
    assert await leftovers(cluster) == []
    assert await cluster.serving("nobody") == {}


async def test_what_is_killed_is_dead_for_so_long_and_comes_back_at_its_address(cluster: Cluster) -> None:
    """Meanwhile it is refused at once; a death that was a fault is no crash."""
    former, began_s = cluster.pid("vad-2"), time.monotonic()
    dying = asyncio.create_task(cluster.inflict(KILL, "vad-2", 1.5))
    await asyncio.sleep(0.5)
    assert not await dials(cluster.addresses["vad-2"])
    assert cluster.pid("vad-2") == 0
    assert "vad-2 is down" in await leftovers(cluster, 0)
    await dying
    assert time.monotonic() - began_s >= 1.5
    assert await dials(cluster.addresses["vad-2"])
    assert cluster.pid("vad-2") not in (0, former)
    assert (cluster.deaths("vad-2"), cluster.crashes("vad-2")) == (1, 0)


async def test_redis_too_dies_and_comes_back_empty(cluster: Cluster) -> None:
    """Without its data, where it was not told to keep them; seen from here as before."""
    await cluster.store.take_lease("somebody", "me")
    await cluster.inflict(KILL, "redis", 0.0)
    assert await cluster.store.take_lease("somebody", "another") > 0
    await cluster.store.forget("somebody", keep_history=False)


async def test_what_is_stopped_stands_still_until_it_goes_on(cluster: Cluster) -> None:
    """By SIGSTOP: connections stay possible, as the kernel takes them."""
    standing = asyncio.create_task(cluster.inflict(STOP, "broker-2", A_WHILE_S))
    await asyncio.sleep(0)
    await eventually(lambda: cluster.is_frozen("broker-2"), A_WHILE_S / 2)
    assert await dials(cluster.addresses["broker-2"])
    assert "broker-2 is frozen" in await leftovers(cluster, 0)
    await standing
    assert not cluster.is_frozen("broker-2")


async def test_who_is_cut_off_is_reached_by_nobody_until_healed(cluster: Cluster) -> None:
    """The rest of the cluster goes on; a cancel heals it as well."""
    parted = asyncio.create_task(cluster.inflict(PARTITION, "vad-2", 60.0))
    await asyncio.sleep(0)
    assert not await dials(cluster.addresses["vad-2"])
    assert await dials(cluster.addresses["vad"])
    parted.cancel()
    await asyncio.wait({parted})
    assert await dials(cluster.addresses["vad-2"])


async def test_redis_cut_off_can_still_be_looked_into_from_here(cluster: Cluster) -> None:
    """The tests' own look goes past the network."""
    cluster.partition("redis")
    assert not await dials(cluster.addresses["redis"])
    await cluster.store.ping()
    cluster.heal("redis")
    assert await dials(cluster.addresses["redis"])


async def test_a_slow_one_is_slow_until_all_is_well_again(cluster: Cluster) -> None:
    """A connection takes a way there and a way back, 80 ms each at least."""
    cluster.slow("egress")
    began_s = time.monotonic()
    assert await dials(cluster.addresses["egress"])
    assert time.monotonic() - began_s >= 0.16
    cluster.stop("broker-2")
    await cluster.wait_all_ready()
    assert not cluster.is_frozen("broker-2")
    assert SLOW in cluster.faults
    assert await leftovers(cluster) == []


async def test_without_pods_it_stands_on_the_loopback() -> None:
    """Where there can be no pods it can still be killed and stopped."""
    copies = {"ingress": 1, "vad": 1, "broker": 1, "egress": 1, "model": 1}
    async with Cluster(ClusterSettings(copies=copies, net=False, redis_keeps=True)) as small:
        assert (small.faults, small.here) == ((KILL, STOP), "127.0.0.1")
        async with session(small) as name:
            assert set(await small.serving(name)) == {"ingress", "vad", "broker", "egress"}
        lease = await small.store.take_lease("somebody", "me")
        await small.inflict(KILL, "redis", 0.0)
        assert lease > 0
        assert await small.store.take_lease("somebody", "another") == 0  # it has kept its data
