"""Connects to a server over a network that may be away: what was sent into it is gone, so it is tried anew."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from .transport import Transport

Dial = Callable[[str], AbstractAsyncContextManager[Transport]]
"""Connects to a server, for as long as the context lasts."""

ANEW_S = 0.5
"""A first packet that is lost is sent again by the machine after 1, 3 and 7 s: too late for a network that is back."""
AT_A_TIME = 4
"""Of the attempts the first goes on, for a network that is only slow, and the newest ones beside it."""


@asynccontextmanager
async def connected(server: str, dial: Dial) -> AsyncIterator[Transport]:
    """Connect to a server, for as long as the context lasts: the attempt that stands first is taken.

    Raises what the first attempt to fail raises.
    """
    attempts: list[asyncio.Task[tuple[Transport, AsyncExitStack]]] = []
    try:
        while not any(attempt.done() for attempt in attempts):
            if len(attempts) == AT_A_TIME:
                await _put_away(attempts.pop(1))
            attempts.append(asyncio.create_task(_attempt(server, dial), name="connecting"))
            await asyncio.wait(attempts, timeout=ANEW_S, return_when=asyncio.FIRST_COMPLETED)
        first = next(attempt for attempt in attempts if attempt.done())
        attempts.remove(first)
    finally:
        for attempt in attempts:
            await _put_away(attempt)
    transport, context = first.result()
    async with context:
        yield transport


async def _attempt(server: str, dial: Dial) -> tuple[Transport, AsyncExitStack]:
    async with AsyncExitStack() as context:
        transport = await context.enter_async_context(dial(server))
        return transport, context.pop_all()
    raise AssertionError("a context that swallows exceptions")


async def _put_away(attempt: asyncio.Task[tuple[Transport, AsyncExitStack]]) -> None:
    """Give an attempt up; one that has stood meanwhile is closed."""
    attempt.cancel()
    await asyncio.wait([attempt])
    if not attempt.cancelled() and not attempt.exception():
        transport, context = attempt.result()
        transport.abandon()
        await context.aclose()
