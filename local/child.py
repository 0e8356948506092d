"""One program under watch: started, listened to until it is ready, started again when it dies, stopped for good."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from local.lines import Journal, LineSplitter

ROOT: Final = Path(__file__).resolve().parent.parent
_TETHER: Final = (sys.executable, "-I", "-S", str(Path(__file__).with_name("tether.py")))
_PIPES_CLOSE_S: Final = 0.5
_DOOR: Final = re.compile(r"^door (?P<kind>\S+) (?P<address>\S+:\d+)$")


class StartFault(Exception):
    """A program ended, or stayed silent, before it was ready; the message says which and shows its last words."""


@dataclass(frozen=True)
class Program:
    """What is to be run, and how to tell that it is ready.

    `ready` is searched in each line of its output; a group named `address` is where the program can be reached.
    `settle` gives what to add to the environment when it is started again, so that it comes back at that address.
    `doors` names further addresses that it tells (`door KIND HOST:PORT`, before it is ready): for each kind the
    variable that brings it back there.
    """

    name: str
    argv: Sequence[str]
    ready: re.Pattern[str]
    env: Mapping[str, str] = field(default_factory=dict)
    settle: Callable[[str], Mapping[str, str]] = lambda address: {}
    doors: Mapping[str, str] = field(default_factory=dict)
    cwd: Path = ROOT
    patience_s: float = 60.0
    """How long it may take to be ready. Generous: a cold disk and a busy machine are no faults."""


class Backoff:
    """How long to wait before the next start: not at all, then 0.25 s doubling up to 5 s; a minute up forgives."""

    def __init__(self) -> None:
        self._deaths = 0

    def after(self, lived_s: float) -> float:
        """Return the wait, in seconds, after a run that lasted `lived_s`."""
        self._deaths = 1 if lived_s >= 60 else self._deaths + 1
        return 0.0 if self._deaths == 1 else min(5.0, 0.125 * 2 ** (self._deaths - 1))


class _Listener(asyncio.SubprocessProtocol):
    """Hears one process: its lines, its end, and the end of its pipes."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        loop = asyncio.get_running_loop()
        self.exited: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()
        self._on_line = on_line
        self._splitters = {1: LineSplitter(), 2: LineSplitter()}

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        for line in self._splitters[fd].feed(data):
            self._on_line(line)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        for line in self._splitters[fd].finish() if fd in self._splitters else ():
            self._on_line(line)

    def process_exited(self) -> None:
        if not self.exited.done():
            self.exited.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.closed.done():
            self.closed.set_result(None)


class Child:
    """A program's life. `await start()` returns its address; from then on it is restarted whenever it ends, or is left
    dead where that is wanted.

    Not a task group: a test's fixture may be left in another task than the one that entered it.
    """

    def __init__(
        self,
        program: Program,
        journal: Journal,
        notice: Callable[[str], None],
        restart_after_s: float | None = 0.0,
    ) -> None:
        """`restart_after_s`: how long it stays dead at least; None: until somebody starts it again."""
        self.program = program
        self._restart_after_s = restart_after_s
        self.restarts = 0
        self.address = ""
        self.doors: dict[str, str] = {}
        """Further addresses, by the kind of door."""
        self.pid = 0
        self._journal = journal
        self._notice = notice
        self._ready = asyncio.Event()
        self._life: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def name(self) -> str:
        """The program's name."""
        return self.program.name

    @property
    def alive(self) -> bool:
        """Whether it runs, or is about to run again."""
        return self._life is not None and not self._life.done()

    async def start(self) -> str:
        """Start the program and return its address ("" when it has none). Raises StartFault."""
        if not self.alive:
            self._stopping = False
            self._life = asyncio.create_task(self._live(), name=f"life of {self.name}")
        try:
            async with asyncio.timeout(self.program.patience_s):
                await self.wait_ready()
        except TimeoutError:
            await self.stop(0)
            raise self._fault(f"was not ready after {self.program.patience_s:g} s") from None
        return self.address

    async def wait_ready(self) -> None:
        """Wait until the program is ready, after a restart as well. Raises StartFault if it has ended for good."""
        assert self._life is not None, f"{self.name} was never started"
        ready = asyncio.create_task(self._ready.wait())
        try:
            await asyncio.wait({ready, self._life}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        if not self._ready.is_set():
            await self._life  # a fault of ours is not kept quiet
            raise self._fault("ended before it was ready")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program itself; nothing happens when it does not run."""
        if number == signal.SIGKILL:
            self._ready.clear()  # whoever waits for it now waits for its next life
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def stop(self, grace_s: float) -> None:
        """SIGTERM, and after `grace_s` SIGKILL to its whole process group; returns when nothing of it is left."""
        self._stopping = True
        if self._life is None:
            return
        if self.pid:
            self.signal(signal.SIGTERM)
            self.signal(signal.SIGCONT)  # a frozen one hears nothing
            await asyncio.wait({self._life}, timeout=grace_s)
            self._sweep()
        else:
            self._life.cancel()  # between two lives
        await asyncio.wait({self._life})

    async def _live(self) -> None:
        backoff, clock = Backoff(), asyncio.get_running_loop().time
        while not self._stopping:
            born = clock()
            code = await self._run_once()
            if self._stopping or not self.address:
                return
            if self._restart_after_s is None:
                self._notice(f"{self.name} ended ({_in_words(code)})")
                return
            wait_s = max(backoff.after(clock() - born), self._restart_after_s)
            self.restarts += 1
            self._notice(
                f"{self.name} ended ({_in_words(code)}); starting it again" + (f" in {wait_s:g} s" if wait_s else "")
            )
            await asyncio.sleep(wait_s)

    async def _run_once(self) -> int:
        transport, listener = await self._launch()
        self.pid = transport.get_pid()
        try:
            await listener.exited
        finally:
            self._ready.clear()
            self._sweep()
            self.pid = 0
            await asyncio.wait({listener.closed}, timeout=_PIPES_CLOSE_S)
            transport.close()
        return transport.get_returncode() or 0

    async def _launch(self) -> tuple[asyncio.SubprocessTransport, _Listener]:
        again = dict(self.program.settle(self.address)) if self.address else {}
        again |= {variable: self.doors[kind] for kind, variable in self.program.doors.items() if kind in self.doors}
        transport, listener = await asyncio.get_running_loop().subprocess_exec(
            lambda: _Listener(self._hear),
            *_TETHER,
            str(os.getpid()),
            *self.program.argv,
            env={**self.program.env, **again},
            cwd=self.program.cwd,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        return transport, listener

    def _hear(self, line: str) -> None:
        self._journal.write(self.name, line)
        if self._ready.is_set():
            return
        if match := _DOOR.search(line):
            self.doors[match["kind"]] = match["address"]
        if match := self.program.ready.search(line):
            self.address = match.groupdict().get("address") or self.address or "-"
            self._ready.set()

    def _sweep(self) -> None:
        """Kill what is left of the process group: the program itself, or children it left behind."""
        if self.pid:
            with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS denies it for a group of zombies
                os.killpg(self.pid, signal.SIGKILL)

    def _fault(self, what: str) -> StartFault:
        last = self._journal.lines(self.name)[-12:]
        words = "\n".join(f"  {line}" for line in last) if last else "  (it printed nothing)"
        return StartFault(f"{self.name} {what}. Its last words:\n{words}")


def _in_words(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
