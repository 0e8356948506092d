"""How every service's process starts, says that it is ready, and stops."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Final

from services.common import logs
from services.common.errors import ParleyError, SettingsFault
from services.common.log_settings import LogSettings
from services.common.settings import Environment
from services.common.tracing.tracing import started
from services.common.usage import Usage

if sys.platform != "win32":
    import uvloop


TIDY_S: Final = 20.0
"""So often what is left in cycles of sessions that are over is collected: by itself that comes after minutes, and holds
their sound until then. With twenty sessions it takes about 2 ms, since what stays for ever is frozen."""


def announce(service: str, address: str) -> None:
    """Say on standard output that `service` takes calls at `address`: the one line that a supervisor waits for.

    What was made until now stays as long as the process, and is never looked through for garbage again. Else a
    collection of all generations takes as long as the libraries are large, and comes so seldom that conversations which
    are over stay in memory for minutes.
    """
    gc.collect()
    gc.freeze()
    gc.collect()  # counts anew what there is: the next one comes when that has grown by a quarter
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
    try:
        settings = LogSettings.read(Environment.here())
    except SettingsFault as error:
        print(f"{usage.service} cannot start: {error.message}", file=sys.stderr)
        sys.exit(1)
    with logs.written(settings):
        _run(usage.service, main)


async def _tidy() -> None:
    while True:
        await asyncio.sleep(TIDY_S)
        gc.collect()


def _run(service: str, main: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    async def body() -> None:
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        tidy = loop.create_task(_tidy())
        try:
            await main(stopping)
        finally:
            tidy.cancel()

    runner = asyncio.Runner(loop_factory=None if sys.platform == "win32" else uvloop.new_event_loop)
    try:
        with started(Environment.here(), service), runner:
            runner.run(body())
    except ParleyError as error:
        logging.getLogger(f"parley.{service}").error("%s cannot start: %s", service, error.message)
        sys.exit(1)
