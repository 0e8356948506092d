"""The ring on one machine: it stands, heals, and is gone. No model is needed for that, so none is there."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from local.child import ROOT
from local.ring import Ring, RingSettings

NO_MODEL = "ws://127.0.0.1:9/v1/realtime"
PROMPT_S = 60.0


def is_open(address: str) -> bool:
    """Tell whether something takes connections there."""
    host, _, port = address.rpartition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def is_alive(pid: int) -> bool:
    """Tell whether a process of this machine is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def children_of(pid: int) -> list[int]:
    """Return a process's children, where the kernel tells."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in children.read_text().split()] if children.exists() else []


async def test_every_service_stands_and_what_is_killed_comes_back_at_its_address() -> None:
    """Each is a process of its own; the others need not be told anything when one returns."""
    async with Ring(RingSettings(model_url=NO_MODEL, copies={"vad": 2})) as ring:
        assert set(ring.names()) == {"redis", "egress", "vad", "vad-2", "broker", "ingress"}
        assert len({ring.pid(name) for name in ring.names()}) == 6
        first = ring.pid("vad-2")
        ring.kill("vad-2")
        await ring.wait_ready("vad-2")
        assert (ring.restarts("vad-2"), ring.pid("vad-2") != first) == (1, True)
        assert ring.logs("vad-2").count(f"ready vad {ring.addresses['vad-2']}") == 2
        assert all(map(is_open, ring.addresses.values()))
        pids = [ring.pid(name) for name in ring.names()]
    assert not any(map(is_alive, pids))  # their ports may be somebody else's by now


async def test_a_ring_with_two_doors_tells_both_of_each_kind() -> None:
    """Clients take them all; one that is killed stays dead where that is wanted, and comes back at both its doors."""
    settings = RingSettings(model_url=NO_MODEL, copies={"ingress": 2}, restart_after_s=None)
    async with Ring(settings) as ring:
        doors = [*ring.ingresses, *(url.split("/")[2] for url in ring.websockets)]
        assert len(set(doors)) == 4
        assert (ring.ingresses[0], ring.websockets[0]) == (ring.ingress, ring.websocket)
        assert all(map(is_open, doors))
        ring.kill("ingress-2")
        while ring.pid("ingress-2"):  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.02)
        assert list(map(is_open, doors)) == [True, False, True, False]
        await ring.revive("ingress-2")
        assert all(map(is_open, doors))


async def test_a_taken_door_is_no_obstacle() -> None:
    """Somebody else listens at the port that was wished for: the door is elsewhere, and says where."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        async with Ring(RingSettings(model_url=NO_MODEL, port=taken)) as ring:
            assert not ring.ingress.endswith(f":{taken}")
            assert is_open(ring.ingress)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_ctrl_c_stops_the_serving_ring_in_three_seconds(number: signal.Signals, tmp_path: Path) -> None:
    """Served, then stopped: exit code 0, no process left, and the door shut."""
    env = {**os.environ, "PARLEY_MODEL_URL": NO_MODEL, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'protos' / 'gen'}"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "local", "--no-demo", "--no-logs", "--port=0", f"--folder={tmp_path}"),
        stdout=subprocess.PIPE,
        env=env,
        cwd=ROOT,
    )
    assert process.stdout is not None
    said = ""
    async with asyncio.timeout(PROMPT_S):
        while "The ring stays up" not in said:
            line = await process.stdout.readline()
            assert line, f"it ended early:\n{said}"
            said += line.decode()
    door = said.partition("The ring is up at ")[2].partition(";")[0]
    assert is_open(door)
    pids = children_of(process.pid)
    process.send_signal(number)
    began = time.monotonic()
    async with asyncio.timeout(PROMPT_S):
        rest = (await process.stdout.read()).decode()
        code = await process.wait()
    assert time.monotonic() - began < 3
    assert (code, "Stopping the ring" in rest) == (0, True)
    assert not any(map(is_alive, pids))
    assert f"ready ingress {door}\n" in (tmp_path / "logs" / "ingress.log").read_text()
