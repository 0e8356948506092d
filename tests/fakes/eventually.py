"""Waiting for what must come, without a signal to wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def eventually(holds: Callable[[], bool], within_s: float = 5.0) -> None:
    """Return when `holds()`. Raises TimeoutError when it does not come true in time."""
    for _ in range(int(within_s / 0.005)):
        if holds():
            return
        await asyncio.sleep(0.005)
    raise TimeoutError
