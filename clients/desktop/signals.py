"""Signals: a person, or a supervisor, who wants the program to end is answered by a goodbye."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LEAVING = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def leaving(act: Callable[[], object]) -> Iterator[None]:
    """Call `act` on Ctrl-C and SIGTERM, in the event loop, until the block is left."""
    loop = asyncio.get_running_loop()
    taken = []
    for name in LEAVING:
        try:
            loop.add_signal_handler(name, act)
        except NotImplementedError:  # Windows' event loops take none: Ctrl-C cancels there, and to leave is to hang up
            break
        taken.append(name)
    try:
        yield
    finally:
        for name in taken:
            loop.remove_signal_handler(name)
