"""Waiting for what must come, without a signal to wait for."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable


async def eventually(holds: Callable[[], bool], within_s: float = 5.0) -> None:
    """Return when `holds()`. Raises TimeoutError when it does not come true in time."""
    for _ in range(int(within_s / 0.005)):
        if holds():
            return
        await asyncio.sleep(0.005)
    raise TimeoutError


async def until(holds: Callable[[], Awaitable[bool]], within_s: float = 30.0) -> None:
    """Return when `await holds()`. Raises TimeoutError when it does not come true in time."""
    async with asyncio.timeout(within_s):
        for pause_s in itertools.repeat(0.02):
            if await holds():
                return
            await asyncio.sleep(pause_s)
