"""Errand: a long measurement from the command line: it tells how it goes, and stops when it is told to."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Coroutine
from typing import Final

from local.child import StartFault
from local.redis_server import NoRedisError

EXIT_FAILED: Final = 1
EXIT_INTERRUPTED: Final = 130


def tell(text: str) -> None:
    """Say something to the person."""
    print(text, flush=True)


def run(work: Coroutine[None, None, bool], *faults: type[Exception]) -> int:
    """Run it and return the exit code: 0 if all is well.

    SIGINT and SIGTERM end it in good order. What a ring raises, an OSError, and further `faults` are told in words, not
    in a traceback.
    """
    told: tuple[type[Exception], ...] = (StartFault, NoRedisError, *faults)
    try:
        return asyncio.run(_until_told_to_stop(work))
    except told as fault:
        print(f"\n{fault}", file=sys.stderr)
    except OSError as fault:
        print(f"\nA file could not be used: {fault}", file=sys.stderr)
    return EXIT_FAILED


async def _until_told_to_stop(work: Coroutine[None, None, bool]) -> int:
    task = asyncio.create_task(work)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        return 0 if await task else EXIT_FAILED
    except asyncio.CancelledError:
        tell("\nStopped; nothing was written.")
        return EXIT_INTERRUPTED
