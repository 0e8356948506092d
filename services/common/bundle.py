"""Bundle: the links of one session in one stage. They end together, each with its last message."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

from services.common.errors import ParleyError
from services.common.link import first_of

GOODBYE_S: Final = 2.0
"""How long the other links have to send what waits and their last message once one has ended."""


async def run_together(
    links: list[Coroutine[Any, Any, None]],
    background: list[Coroutine[Any, Any, None]],
    close: Callable[[ParleyError | None], None],
) -> ParleyError | None:
    """Run `links` until one ends, or any of `background` fails; then `close` the rest and let them say goodbye.

    `close(fault)` puts the last message into every outbox; it is called once. Returns the fault, or None when the
    session ended well.
    """
    fault: ParleyError | None = None
    try:
        async with asyncio.TaskGroup() as group:
            helpers = [group.create_task(_outcome(coroutine)) for coroutine in background]
            talking = {group.create_task(_outcome(link)) for link in links}
            done, _ = await asyncio.wait({*talking, *helpers}, return_when=asyncio.FIRST_COMPLETED)
            fault = next((task.result() for task in done if task.result() is not None), None)
            close(fault)
            _, late = await asyncio.wait(talking, timeout=GOODBYE_S)
            for task in [*late, *helpers]:
                task.cancel()
    except* ParleyError as errors:  # from close itself
        fault = fault or first_of(errors)
    return fault


async def _outcome(coroutine: Coroutine[Any, Any, None]) -> ParleyError | None:
    try:
        await coroutine
    except ParleyError as error:
        return error
    return None
