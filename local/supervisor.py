"""Keeps a set of programs running: starts them, restarts what dies, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from local.child import Child, Program
from local.lines import Journal

GRACE_S: Final = 2.0
_FOUNDATION_GRACE_S: Final = 0.5


class Supervisor:
    """Runs programs as children: `async with Supervisor() as s: address = await s.start(program)`.

    Each child leads its own process group and is tethered: it ends with this process, however this process ends.
    Leaving the context stops everything within 3 s: SIGTERM to all, SIGKILL to what is left after 2 s, then the
    same (0.5 s) for the foundations, which the others may need up to their last moment.

    `show(name, line)` is given every line the children print; `notice(text)` what happens to them.
    `restart_after_s`: how long one that dies stays dead at least; None: until it is revived.
    """

    def __init__(
        self,
        log_folder: Path | None = None,
        show: Callable[[str, str], None] | None = None,
        notice: Callable[[str], None] = lambda text: None,
        restart_after_s: float | None = 0.0,
    ) -> None:
        self._restart_after_s = restart_after_s
        self._journal = Journal(log_folder, show)
        self._notice = notice
        self._children: dict[str, Child] = {}
        self._foundations: set[str] = set()

    async def __aenter__(self) -> Supervisor:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop_all()

    async def start(self, program: Program, *, foundation: bool = False) -> str:
        """Start a program, wait until it is ready, and return its address. Raises StartFault."""
        assert not (program.name in self._children and self._children[program.name].alive), program.name
        child = Child(program, self._journal, self._notice, self._restart_after_s)
        self._children[program.name] = child
        if foundation:
            self._foundations.add(program.name)
        return await child.start()

    async def start_together(self, programs: Iterable[Program]) -> list[str]:
        """Start programs that do not need each other, at once; their addresses come in the same order.

        Raises StartFault: the first that failed.
        """
        results = await asyncio.gather(*map(self.start, programs), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return [result for result in results if isinstance(result, str)]

    def names(self) -> list[str]:
        """Return the names of everything started, in that order."""
        return list(self._children)

    def pid(self, name: str) -> int:
        """Return the process id of `name`; 0 while it does not run."""
        return self._child(name).pid

    def door(self, name: str, kind: str) -> str:
        """Return where `name` told that its further door of this kind is. Raises KeyError if it told of none."""
        return self._child(name).doors[kind]

    def restarts(self, name: str) -> int:
        """Return how often `name` has been started again."""
        return self._child(name).restarts

    def logs(self, name: str) -> list[str]:
        """Return the last lines (up to 2000) that `name` printed on either output, through all its lives."""
        return self._journal.lines(name)

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to `name`; if it dies of it, it is started again, or left dead where that is wanted."""
        self._child(name).signal(number)

    async def wait_ready(self, name: str) -> None:
        """Wait until `name` is ready. Raises StartFault if it has ended for good."""
        await self._child(name).wait_ready()

    async def stop(self, name: str, grace_s: float = GRACE_S) -> None:
        """Stop `name` and leave it stopped."""
        await self._child(name).stop(grace_s)

    async def revive(self, name: str) -> str:
        """Start again, at the same address, what was stopped or is dead."""
        return await self._child(name).start()

    async def stop_all(self) -> None:
        """Stop everything, within 3 s."""
        foundations = [child for name, child in self._children.items() if name in self._foundations]
        others = [child for name, child in self._children.items() if name not in self._foundations]
        try:
            await asyncio.gather(*(child.stop(GRACE_S) for child in others))
        finally:
            await asyncio.gather(*(child.stop(_FOUNDATION_GRACE_S) for child in foundations))
            self._journal.close()

    def _child(self, name: str) -> Child:
        if name not in self._children:
            raise KeyError(f"there is no {name!r} here, only {', '.join(self._children)}")
        return self._children[name]
