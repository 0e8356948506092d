"""An operator's own code, good and bad, as tests have it called."""

from __future__ import annotations

import asyncio
import sys
import threading
from contextlib import suppress
from typing import Any, NoReturn

from services.broker.tools.call import ToolRequest

release = threading.Event()


def add(a: int, b: int = 1) -> int:
    """Return a sum."""
    return a + b


async def shout(text: str) -> str:
    """Return a text in capitals."""
    await asyncio.sleep(0)
    return text.upper()


def keyed(tool_request: ToolRequest) -> str:
    """Return the key of its call."""
    return tool_request.idempotency_key


def later(text: str) -> Any:
    """Return something to be awaited, without being a coroutine function."""
    return shout(text)


def nothing() -> None:
    """Return nothing."""


def endless_object() -> list[Any]:
    """Return what no JSON can hold."""
    here: list[Any] = []
    here.append(here)
    return here


def fails() -> NoReturn:
    """Raise."""
    raise ValueError("no such order")


def leaves() -> NoReturn:
    """Try to end the process."""
    sys.exit(3)


async def leaves_too() -> NoReturn:
    """Try to end the process from its loop."""
    sys.exit(4)


async def cancels_itself() -> NoReturn:
    """Raise what only a cancel should."""
    raise asyncio.CancelledError


def blocks() -> str:
    """Wait until it is let go."""
    release.wait(10)
    return "late"


async def sticks() -> None:
    """Wait for ever, and ignore being cancelled, the first time."""
    with suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
    await asyncio.Event().wait()


class Unprintable(Exception):
    """An exception that can't even be shown."""

    def __str__(self) -> str:
        raise RuntimeError("never mind")


def fails_unprintably() -> NoReturn:
    """Raise it."""
    raise Unprintable
