"""Work: clips heard in several processes, with progress, in an order that does not depend on who was first."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from types import TracebackType
from typing import Any, Final, Self, TextIO, TypeVar

from tests.eval.audio import AudioError
from tests.eval.listener import Models

_BAR: Final = 30
_LINE_EVERY_S: Final = 10.0

Task = tuple[Callable[..., Any], tuple[Any, ...]]
"""A function of the models, and what else it takes. It goes to another process, so it stands in a module."""
T = TypeVar("T")


@lru_cache(maxsize=1)
def models() -> Models:
    """Return this process's models, opened at first use."""
    return Models()


def _begin() -> None:
    """Leave Ctrl-C to the parent, which ends its children."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _run(task: Task) -> Any:
    function, arguments = task
    try:
        return function(models(), *arguments)
    except AudioError as error:
        return error


class Crew:
    """The processes that hear. Use as a context."""

    def __init__(self, jobs: int) -> None:
        """Start no process yet."""
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # they share the cores as it is
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        self._pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _begin)
        self.problems: list[str] = []
        """Clips that could not be heard."""

    def __enter__(self) -> Self:
        """Be a context."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the processes; what is not begun is forgotten."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def do(self, title: str, function: Callable[..., T], tasks: Sequence[tuple[Any, ...]]) -> list[T]:
        """Run a function on every task; return what it gave, in order. What can't be read is left out and told."""
        progress = Progress(title, len(tasks), sys.stderr)
        chunk = max(1, min(8, len(tasks) // 32))
        found: list[T] = []
        for result in self._pool.map(_run, [(function, task) for task in tasks], chunksize=chunk):
            progress.step()
            if isinstance(result, AudioError):
                self.problems.append(str(result))
            else:
                found.append(result)
        return found


class Progress:
    """How far a lot of work is: a bar for a person, now and then a line for a log."""

    def __init__(self, title: str, total: int, out: TextIO) -> None:
        self._title, self._total, self._out = title, total, out
        self._done = 0
        self._is_seen = out.isatty()
        self._told_s = self._began_s = time.monotonic()
        self._tell()

    def step(self) -> None:
        """One more is done."""
        self._done += 1
        now_s = time.monotonic()
        if self._done == self._total or now_s - self._told_s > (0.1 if self._is_seen else _LINE_EVERY_S):
            self._told_s = now_s
            self._tell()

    def _tell(self) -> None:
        took_s = time.monotonic() - self._began_s
        counts = f"{self._title:<28} {self._done:>4} of {self._total:>4}"
        if not self._is_seen:
            if self._done:
                print(f"{counts}  {took_s:.0f} s", file=self._out, flush=True)
            return
        filled = _BAR * self._done // max(self._total, 1)
        end = "\n" if self._done == self._total else ""
        print(
            f"\r{counts}  {'█' * filled}{'·' * (_BAR - filled)}  {took_s:4.0f} s", end=end, file=self._out, flush=True
        )
