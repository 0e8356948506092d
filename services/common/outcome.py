"""Outcome: what tasks that run side by side end by, as a value.

A fault that is raised inside a task group takes the place of a cancellation from outside that comes at the same moment
(CPython before 3.13: python/cpython#116720), and whoever catches it and goes on, such as a loop that dials again, never
ends. A fault that is returned leaves cancellation alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

from services.common.errors import LimitFault, ParleyError, RemoteFault


async def outcome(work: Coroutine[Any, Any, None]) -> ParleyError | None:
    """Run to the end; return the fault, or None when all went well."""
    try:
        await work
    except ParleyError as fault:
        return fault
    return None


def worst_of(faults: Iterable[ParleyError | None]) -> ParleyError | None:
    """Return the most telling of several faults: a remote one, then a limit, then any; None when there is none."""
    found = [fault for fault in faults if fault is not None]
    found.sort(key=lambda fault: (not isinstance(fault, RemoteFault), not isinstance(fault, LimitFault)))
    return found[0] if found else None


async def until_fault(*work: Coroutine[Any, Any, None]) -> ParleyError | None:
    """Run until one fails, and cancel the others; or until all have ended well. Return the most telling fault."""
    fault: ParleyError | None = None
    async with asyncio.TaskGroup() as group:
        waiting = {group.create_task(outcome(each)) for each in work}
        while waiting and fault is None:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            fault = worst_of(task.result() for task in done)
        for task in waiting:
            task.cancel()
    return fault
