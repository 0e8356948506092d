"""Foreign code: operators' own Python, which may raise anything, block, and never end. It costs one call, no more."""

from __future__ import annotations

import asyncio
import logging
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from services.common.logs import may_tell_words

log = logging.getLogger("parley.broker")

THREADS: Final = 8
"""Synchronous calls that may be under way at once, in one process."""

_MOST_CHARS: Final = 500


class ForeignFault(Exception):
    """Foreign code has failed; the message is its own, short, without a traceback."""


@contextmanager
def foreign_code(what: str) -> Iterator[None]:
    """Run foreign code: whatever it raises is logged with its traceback, and becomes a ForeignFault."""
    try:
        yield
    except (Exception, SystemExit) as error:  # a session's boundary: it, and the others, go on
        _tell(what, error)
        raise ForeignFault(traceback.format_exception_only(error)[-1].strip()[:_MOST_CHARS]) from error


def _tell(what: str, error: BaseException) -> None:
    """Log where it failed; in what words, only where words may be told: they may be those of an argument."""
    if may_tell_words():
        log.warning("%s failed", what, exc_info=error)
        return
    where = "".join(traceback.format_tb(error.__traceback__)).rstrip()
    log.warning("%s failed: %s\nTraceback (most recent call last):\n%s", what, type(error).__name__, where)


class Threads:
    """Runs synchronous calls, each in a thread of its own; when `most` are under way the next waits.

    The threads are daemons: one that never ends keeps its place, but not the process from stopping.
    """

    def __init__(self, most: int = THREADS) -> None:
        self._free = asyncio.Semaphore(most)

    async def run(self, what: str, work: Callable[[], Any], started: Callable[[], None]) -> Any:
        """Return what `work` returns; `started` is called when it has a thread. Raises ForeignFault."""
        await self._free.acquire()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()

        def settle(result: Any, fault: ForeignFault | None) -> None:
            self._free.release()
            if answer.done():  # nobody waits any more
                return
            if fault is None:
                answer.set_result(result)
            else:
                answer.set_exception(fault)

        def body() -> None:
            result: Any = None
            fault: ForeignFault | None = ForeignFault("it ended without an answer")
            try:
                with foreign_code(what):
                    result, fault = work(), None
            except ForeignFault as error:
                fault = error
            finally:
                with suppress(RuntimeError):  # the loop has ended meanwhile
                    loop.call_soon_threadsafe(settle, result, fault)

        started()
        threading.Thread(target=body, name=f"tool {what}", daemon=True).start()
        return await answer
