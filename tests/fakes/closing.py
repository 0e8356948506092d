"""What a test has opened is closed when it fails, too: else a later one fails for what was left open."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar


class Closable(Protocol):
    """A store, a subscriber, a set of channels."""

    def close(self) -> Awaitable[None]:
        """Let go of the connections."""
        ...


T = TypeVar("T", bound=Closable)


@asynccontextmanager
async def closing(opened: T) -> AsyncIterator[T]:
    """Lend something that is closed afterwards, whatever came of it. (What has an `aclose`: `contextlib.aclosing`.)"""
    try:
        yield opened
    finally:
        await opened.close()
