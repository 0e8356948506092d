"""How every service's process starts, says that it is ready, and stops."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Awaitable, Callable

from services.common.errors import ParleyError
from services.common.usage import Usage

if sys.platform != "win32":
    import uvloop

_FORMAT = "%(asctime)s.%(msecs)03d %(levelname).1s %(name)s %(message)s"


def announce(service: str, address: str) -> None:
    """Say on standard output that `service` takes calls at `address`: the one line that a supervisor waits for."""
    print(f"ready {service} {address}", flush=True)


def announce_door(kind: str, address: str) -> None:
    """Say on standard output where another door of this process is: lines that come before the one of `announce`."""
    print(f"door {kind} {address}", flush=True)


def run(usage: Usage, main: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run `main(stopping)` until it returns; SIGTERM and SIGINT set `stopping`. A fault is one line and exit code 1.

    Called with --help it says what `usage` has to say instead; any other argument is one line and exit code 2.
    """
    if (answer := usage.answer(sys.argv[1:])) is not None:
        words, code = answer
        print(words, file=sys.stderr if code else sys.stdout)
        sys.exit(code)
    service = usage.service
    logging.basicConfig(level=logging.INFO, format=_FORMAT, datefmt="%H:%M:%S", stream=sys.stderr)
    log = logging.getLogger(f"parley.{service}")

    async def body() -> None:
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        await main(stopping)

    runner = asyncio.Runner(loop_factory=None if sys.platform == "win32" else uvloop.new_event_loop)
    try:
        with runner:
            runner.run(body())
    except ParleyError as error:
        log.error("%s cannot start: %s", service, error.message)
        sys.exit(1)
