"""Bundle: the links of one session in one stage. They end together, each with its last message."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final

from services.common.errors import ParleyError
from services.common.outcome import outcome, worst_of

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
    async with asyncio.TaskGroup() as group:
        helpers = [group.create_task(outcome(coroutine)) for coroutine in background]
        talking = {group.create_task(outcome(link)) for link in links}
        done, _ = await asyncio.wait({*talking, *helpers}, return_when=asyncio.FIRST_COMPLETED)
        fault = worst_of(task.result() for task in done)
        late: Iterable[asyncio.Task[ParleyError | None]] = talking
        try:
            close(fault)
            _, late = await asyncio.wait(talking, timeout=GOODBYE_S)
        except ParleyError as error:  # a peer has no room for its last message
            fault = fault or error
        for task in [*late, *helpers]:
            task.cancel()
    return fault
