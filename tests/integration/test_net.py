"""The network of the chaos tests: real namespaces and TCP through the relay, well, cut off, late, and narrow."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

import pytest

from local.child import ROOT, Program
from local.supervisor import Supervisor
from tests.chaos.vitals import vitals
from tests.fakes.eventually import eventually
from tests.net.net import Net, RelayFault, obstacle
from tests.net.rule import Rule

pytestmark = pytest.mark.skipif(bool(obstacle()), reason=f"there can be no net here: {obstacle()}")

PORT: Final = 7007
PATIENCE_S: Final = 60.0
A_WHILE_S: Final = 1.0

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Echoes:
    """A net with an echo in each of its pods, and connections to them."""

    def __init__(self, net: Net, supervisor: Supervisor) -> None:
        self.net = net
        self.supervisor = supervisor
        self.lines: list[asyncio.StreamWriter] = []

    async def dial(self, name: str) -> Ends:
        """Connect to an echo."""
        reader, writer = await asyncio.open_connection(self.net.address(name), PORT)
        self.lines.append(writer)
        return reader, writer


@asynccontextmanager
async def echoes(*names: str) -> AsyncIterator[Echoes]:
    """Start an echo in each of these pods."""
    async with asyncio.timeout(PATIENCE_S), Net() as net, Supervisor() as supervisor:
        for name in names:
            command = (*net.pod(name), sys.executable, "-m", "tests.net.echo", f"{net.address(name)}:{PORT}")
            env = {"PYTHONPATH": str(ROOT)}
            await supervisor.start(Program(name, command, re.compile("^ready echo"), env=env))
        here = Echoes(net, supervisor)
        yield here
        for line in here.lines:
            line.transport.abort()
        await asyncio.sleep(0)


async def round_trip(ends: Ends, data: bytes = b"x") -> float:
    """Send something, have it back unchanged, and return how long that took."""
    reader, writer = ends
    began_s = time.monotonic()
    writer.write(data)
    assert await reader.readexactly(len(data)) == data
    return time.monotonic() - began_s


async def is_silent(ends: Ends) -> bool:
    """Send something, and tell whether nothing comes back for a while."""
    ends[1].write(b"?")
    try:
        async with asyncio.timeout(A_WHILE_S):
            await ends[0].readexactly(1)
    except TimeoutError:
        return True
    return False


async def test_pods_reach_each_other_by_their_addresses() -> None:
    """A megabyte there and back, unharmed and counted; each pod has a namespace of its own."""
    async with echoes("vad", "broker") as here:
        ends = await here.dial("vad")
        await round_trip(ends, os.urandom(1_000_000))
        assert min(here.net.traffic()["vad"].bytes_in, here.net.traffic()["vad"].bytes_out) > 1_000_000
        spaces = {
            os.readlink(f"/proc/{pid}/ns/net") for pid in (os.getpid(), *map(here.supervisor.pid, ("vad", "broker")))
        }
        assert len(spaces) == 3


async def test_after_it_this_process_is_back_where_it_was() -> None:
    """Being in a pod ends with the net."""
    before = os.readlink("/proc/thread-self/ns/net")
    async with Net():
        assert os.readlink("/proc/thread-self/ns/net") != before
    assert os.readlink("/proc/thread-self/ns/net") == before


async def test_a_partition_stalls_and_heals() -> None:
    """What was sent meanwhile comes after all, once; the other pod notices nothing."""
    async with echoes("vad", "broker") as here:
        ends, other = await here.dial("vad"), await here.dial("broker")
        here.net.partition("vad")
        assert await is_silent(ends)
        await round_trip(other)
        here.net.heal("vad")
        assert await ends[0].readexactly(1) == b"?"
        await round_trip(ends)
        assert here.net.traffic()["vad"].dropped > 0


async def test_two_can_be_cut_off_from_each_other_only() -> None:
    """A rule between two leaves the third alone, and goes as it came."""
    async with echoes("vad", "broker") as here:
        ends, other = await here.dial("vad"), await here.dial("broker")
        here.net.partition("vad", peer="here")
        assert await is_silent(ends)
        await round_trip(other)
        here.net.heal("vad", peer="here")
        assert await ends[0].readexactly(1) == b"?"


async def test_a_slow_pod_is_late_by_what_was_asked_for() -> None:
    """Each way has its delay; a pod that isn't slow stays many times quicker."""
    async with echoes("vad", "broker") as here:
        ends, other = await here.dial("vad"), await here.dial("broker")
        here.net.slow("vad", delay_ms=80, jitter_ms=40)
        slow = sorted([await round_trip(ends) for _ in range(5)])
        quick = sorted([await round_trip(other) for _ in range(5)])
        assert slow[0] >= 0.16
        assert slow[2] > 4 * quick[2]
        here.net.heal("vad")
        assert sorted([await round_trip(ends) for _ in range(5)])[2] < slow[0] / 4


async def test_a_narrow_wire_lets_through_no_more_than_its_rate() -> None:
    """200 kB at 100 kB/s: what has passed is the rate's, and what had no room to wait was dropped and sent again."""
    async with echoes("vad") as here:
        ends = await here.dial("vad")
        here.net.slow("vad", delay_ms=0, bytes_per_s=100_000)
        before, began_s = here.net.traffic()["vad"].bytes_in, time.monotonic()
        await round_trip(ends, os.urandom(200_000))
        passed = here.net.traffic()["vad"].bytes_in - before
        assert passed >= 200_000
        assert passed / (time.monotonic() - began_s) < 105_000


async def test_packets_that_are_lost_are_sent_again() -> None:
    """TCP makes good what the wire loses."""
    async with echoes("vad") as here:
        ends = await here.dial("vad")
        here.net.apply("vad", Rule(loss=0.05))
        await round_trip(ends, os.urandom(300_000))
        assert here.net.traffic()["vad"].dropped > 0


async def test_a_killed_pod_is_missed_at_once_and_comes_back_at_its_address() -> None:
    """Its connections end, new ones are refused, and its next life is reached as the last one was."""
    async with echoes("vad") as here:
        ends = await here.dial("vad")
        await round_trip(ends)
        here.supervisor.kill("vad")
        assert await ends[0].read() == b""
        await here.supervisor.stop("vad")
        with pytest.raises(ConnectionRefusedError):
            await here.dial("vad")
        await here.supervisor.revive("vad")
        await round_trip(await here.dial("vad"))


async def test_the_relay_carries_ten_thousand_packets_a_second_with_ease() -> None:
    """By its CPU time, so a busy machine does not matter: far less than 100 µs a packet."""
    async with echoes("vad") as here:
        ends = await here.dial("vad")
        await round_trip(ends, os.urandom(2_000_000))
        before_s, before = vitals(here.net.relay_pid).cpu_s, sum(pod.packets_out for pod in here.net.traffic().values())
        for _ in range(10):
            await round_trip(ends, os.urandom(2_000_000))
        packets = sum(pod.packets_out for pod in here.net.traffic().values()) - before
        assert packets > 25_000
        assert packets / (vitals(here.net.relay_pid).cpu_s - before_s) > 10_000


async def test_what_is_no_order_is_refused_and_does_no_harm() -> None:
    """The relay says so, and goes on."""
    async with echoes("vad") as here:
        with pytest.raises(RelayFault, match="not understood"):
            here.net._tell("dance")
        await round_trip(await here.dial("vad"))


HARNESS: Final = """
import asyncio, sys
from tests.integration.test_net import echoes

async def main():
    async with echoes("vad") as here:
        print(here.net.relay_pid, here.supervisor.pid("vad"), flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@contextmanager
def harness() -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """Another process with a net, and the processes that belong to it."""
    command = [sys.executable, "-c", HARNESS]
    env = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'protos' / 'gen'}"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env, cwd=ROOT) as process:
        assert process.stdout is not None
        pids = [int(pid) for pid in process.stdout.readline().split()]
        try:
            yield process, pids
        finally:
            process.kill()


async def test_nothing_is_left_of_a_net_whose_process_was_killed() -> None:
    """SIGKILL, so nobody could tidy up: relay, pods and their namespaces are gone all the same."""
    with harness() as (process, pids):
        space = os.readlink(f"/proc/{pids[1]}/ns/net")
        assert space in _namespaces()
        process.send_signal(signal.SIGKILL)
        await eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), PATIENCE_S)
        assert space not in _namespaces()


def _namespaces() -> set[str]:
    found: set[str] = set()
    for link in Path("/proc").glob("[0-9]*/ns/net"):
        try:
            found.add(os.readlink(link))
        except OSError:
            continue  # it has ended meanwhile
    return found
