"""The supervisor with real processes: tiny programs that say they are ready, and then die in every way."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from local.child import ROOT, Program, StartFault
from local.supervisor import Supervisor

READY = re.compile(r"^ready (?P<name>\S+) (?P<address>\S+)$")
PROMPT_S = 20.0
"""Patience with a busy machine; nothing here takes long by itself."""

OBEDIENT = """
import os, time
print("ready dummy", os.environ.get("PLACE", "127.0.0.1:1234"), flush=True)
time.sleep(600)
"""
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + OBEDIENT
PARENTAL = (
    """
import subprocess, sys
other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("child", other.pid, flush=True)
"""
    + OBEDIENT
)


def dummy(
    code: str, name: str = "dummy", env: Mapping[str, str] | None = None, patience_s: float = PROMPT_S
) -> Program:
    """Make a program out of a few lines of Python; on a restart it is told its place."""
    return Program(
        name,
        (sys.executable, "-c", code),
        READY,
        env={"PATH": os.defpath, **(env or {})},
        settle=lambda address: {"PLACE": address + "!"},
        patience_s=patience_s,
    )


def runs(pid: int) -> bool:
    """Tell whether a process exists and is no zombie."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return bool(state.stdout.strip()) and not state.stdout.strip().startswith("Z")


WITH_DOORS = """
import os, time
print("door side", os.environ.get("SIDE", "127.0.0.1:5678"), flush=True)
print("door back 127.0.0.1:9", flush=True)
print("ready dummy 127.0.0.1:1234", flush=True)
print("door side 127.0.0.1:666", flush=True)
time.sleep(600)
"""


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(PROMPT_S):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.02)


async def test_a_program_is_started_when_it_says_so_and_gone_afterwards() -> None:
    """`start` returns the address of the ready line, the output is kept, and nothing outlives the context."""
    async with Supervisor() as supervisor:
        assert await supervisor.start(dummy(OBEDIENT)) == "127.0.0.1:1234"
        pid = supervisor.pid("dummy")
        assert runs(pid)
        assert supervisor.logs("dummy") == ["ready dummy 127.0.0.1:1234"]
    assert not runs(pid)


async def test_both_outputs_are_shown_with_their_writer() -> None:
    """Standard error is heard like standard output, line by line."""
    shown: list[tuple[str, str]] = []
    code = "import sys; print('to stderr', file=sys.stderr, flush=True)\n" + OBEDIENT
    async with Supervisor(show=lambda name, line: shown.append((name, line))) as supervisor:
        await supervisor.start(dummy(code))
        await until(lambda: len(shown) == 2)
    assert sorted(shown) == [("dummy", "ready dummy 127.0.0.1:1234"), ("dummy", "to stderr")]


async def test_what_dies_comes_back_at_its_address() -> None:
    """A killed program is started again with what `settle` says of its first address, counted, and told of."""
    told: list[str] = []
    async with Supervisor(notice=told.append) as supervisor:
        await supervisor.start(dummy(OBEDIENT))
        first = supervisor.pid("dummy")
        supervisor.kill("dummy")
        await supervisor.wait_ready("dummy")
        assert supervisor.pid("dummy") != first
        assert supervisor.restarts("dummy") == 1
        assert supervisor.logs("dummy")[-1] == "ready dummy 127.0.0.1:1234!"
    assert told == ["dummy ended (killed by SIGKILL); starting it again"]


async def test_what_dies_may_be_left_dead_until_it_is_revived() -> None:
    """Who wants to see what others make of a death decides when it is over; the address is the same."""
    told: list[str] = []
    async with Supervisor(notice=told.append, restart_after_s=None) as supervisor:
        await supervisor.start(dummy(OBEDIENT))
        supervisor.kill("dummy")
        await until(lambda: told == ["dummy ended (killed by SIGKILL)"])
        with pytest.raises(StartFault):
            await supervisor.wait_ready("dummy")
        assert (supervisor.pid("dummy"), supervisor.restarts("dummy")) == (0, 0)
        assert await supervisor.revive("dummy") == "127.0.0.1:1234!"
        assert runs(supervisor.pid("dummy"))


async def test_what_dies_may_be_given_a_rest() -> None:
    """A death lasts at least so long; then it is started again as ever."""
    told: list[str] = []
    async with Supervisor(notice=told.append, restart_after_s=0.5) as supervisor:
        await supervisor.start(dummy(OBEDIENT))
        died_s = time.monotonic()
        supervisor.kill("dummy")
        await supervisor.wait_ready("dummy")
        assert time.monotonic() - died_s >= 0.5
    assert told == ["dummy ended (killed by SIGKILL); starting it again in 0.5 s"]


async def test_what_is_stopped_stays_stopped_until_it_is_revived() -> None:
    """`stop` is no crash; `revive` brings the program back at the same address."""
    async with Supervisor() as supervisor:
        await supervisor.start(dummy(OBEDIENT))
        await supervisor.stop("dummy")
        assert supervisor.pid("dummy") == 0
        assert supervisor.restarts("dummy") == 0
        assert await supervisor.revive("dummy") == "127.0.0.1:1234!"
        assert runs(supervisor.pid("dummy"))


async def test_a_program_that_cannot_start_is_a_fault_with_its_last_words() -> None:
    """Someone who reads the message knows which program it was and what it said."""
    async with Supervisor() as supervisor:
        with pytest.raises(StartFault, match=r"dummy ended before it was ready.*\n.*no such port"):
            await supervisor.start(dummy("import sys; sys.exit('no such port')"))
        with pytest.raises(StartFault, match=r"cannot be run: No such file"):
            await supervisor.start(Program("ghost", ("/no/such/program",), READY))


async def test_a_program_that_stays_silent_is_a_fault_and_is_stopped() -> None:
    """Waiting for the ready line has an end."""
    async with Supervisor() as supervisor:
        with pytest.raises(StartFault, match=r"was not ready after 0.5 s"):
            await supervisor.start(dummy("import time; time.sleep(600)", patience_s=0.5))
        assert supervisor.pid("dummy") == 0


async def test_programs_that_need_nothing_of_each_other_start_together() -> None:
    """Addresses come in the order asked for; one that fails is a fault."""
    async with Supervisor() as supervisor:
        ones = [dummy(OBEDIENT, "a", {"PLACE": "h:1"}), dummy(OBEDIENT, "b", {"PLACE": "h:2"})]
        assert await supervisor.start_together(ones) == ["h:1", "h:2"]
        with pytest.raises(StartFault, match="d ended"):
            await supervisor.start_together([dummy(OBEDIENT, "c"), dummy("exit(3)", "d")])


async def test_one_that_ignores_sigterm_is_killed_with_everything_it_started() -> None:
    """The whole process group ends, within the 3 s that Ctrl-C is allowed."""
    async with Supervisor() as supervisor:
        await supervisor.start(dummy(STUBBORN, "stubborn"))
        await supervisor.start(dummy(PARENTAL, "parental"))
        pids = [supervisor.pid("stubborn"), supervisor.pid("parental")]
        pids.append(int(supervisor.logs("parental")[0].split()[1]))
        assert all(map(runs, pids))
        began = time.monotonic()
    assert time.monotonic() - began < 3
    await until(lambda: not any(map(runs, pids)))


async def test_a_crash_leaves_no_grandchildren_behind() -> None:
    """What a killed program had started is gone before the program is started again."""
    async with Supervisor() as supervisor:
        await supervisor.start(dummy(PARENTAL))
        orphan = int(supervisor.logs("dummy")[0].split()[1])
        supervisor.kill("dummy")
        await supervisor.wait_ready("dummy")
        await until(lambda: not runs(orphan))


async def test_a_frozen_program_can_be_thawed_and_stopped() -> None:
    """SIGSTOP is no death: nothing is restarted, and stopping still works in time."""
    async with Supervisor() as supervisor:
        await supervisor.start(dummy(OBEDIENT))
        pid = supervisor.pid("dummy")
        supervisor.kill("dummy", signal.SIGSTOP)
        await until(lambda: not runs(pid) or _state(pid) == "T")
        assert supervisor.restarts("dummy") == 0
    assert not runs(pid)


def _state(pid: int) -> str:
    found = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return found.stdout.strip()[:1]


SUPERVISING = """
import asyncio, sys
from local.supervisor import Supervisor
from tests.integration.test_supervisor import OBEDIENT, STUBBORN, dummy

async def main():
    async with Supervisor() as supervisor:
        await supervisor.start(dummy(OBEDIENT, "one", {"PARLEY_TETHER": sys.argv[1]}))
        await supervisor.start(dummy(STUBBORN, "two", {"PARLEY_TETHER": sys.argv[1]}))
        print(supervisor.pid("one"), supervisor.pid("two"), flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.mark.parametrize(
    "tether", [pytest.param("kernel", marks=pytest.mark.skipif(sys.platform != "linux", reason="Linux")), "pipe"]
)
async def test_no_orphan_is_left_when_the_supervisor_itself_is_killed(tether: str, tmp_path: Path) -> None:
    """SIGKILL gives no chance to clean up: the children's tether does it, on Linux and elsewhere."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "protos" / "gen")])}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SUPERVISING, tether, stdout=subprocess.PIPE, env=env, cwd=ROOT
    )
    assert process.stdout is not None
    async with asyncio.timeout(PROMPT_S):
        pids = [int(pid) for pid in (await process.stdout.readline()).split()]
    assert len(pids) == 2
    assert all(map(runs, pids))
    process.kill()
    await process.wait()
    await until(lambda: not any(map(runs, pids)))


async def test_a_program_comes_back_at_its_further_doors() -> None:
    """What it tells of before it is ready it is told when it is started again; what it prints later is no door."""
    program = Program(
        "dummy", (sys.executable, "-c", WITH_DOORS), READY, env={"PATH": os.defpath}, doors={"side": "SIDE"}
    )
    async with Supervisor() as supervisor:
        await supervisor.start(program)
        assert supervisor.door("dummy", "side") == "127.0.0.1:5678"
        with pytest.raises(KeyError):
            supervisor.door("dummy", "front")
        supervisor.kill("dummy")
        await supervisor.wait_ready("dummy")
        assert supervisor.logs("dummy").count("door side 127.0.0.1:5678") == 2
