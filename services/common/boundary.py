"""The session boundary: where the ring catches any exception, so that a fault costs one session and is told."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from parley.v1 import stream_pb2 as wire
from services.common.errors import ParleyError


class InternalFault(ParleyError):
    """A fault of ours. The peer learns that there was one; what it was stands in the log."""

    retryable = True


@asynccontextmanager
async def session_boundary(
    log: logging.Logger, what: str, tell: Callable[[wire.Error], Awaitable[None]]
) -> AsyncIterator[None]:
    """Log whatever ends the session by a fault, once, and `tell` the peer in plain words."""
    try:
        yield
    except ParleyError as error:
        log.warning("%s: %s", what, error.detail)
        await tell(error.to_wire())
    except Exception:  # the other sessions of this process must go on
        log.exception("%s: a fault of ours", what)
        await tell(InternalFault("Something went wrong in the server; its log says more. Try again.").to_wire())


def contained(log: logging.Logger, what: str, step: Callable[[], None], fail: Callable[[ParleyError], None]) -> None:
    """Do one session's `step` among those of others; whatever goes wrong ends that session by `fail`."""
    try:
        step()
    except ParleyError as error:
        fail(error)
    except Exception:  # the other sessions of this batch must go on
        log.exception("%s: a fault of ours", what)
        fail(InternalFault("Something went wrong in the server; its log says more. Try again."))


async def contained_work(log: logging.Logger, what: str, work: Coroutine[Any, Any, None]) -> None:
    """Do one session's work among others': what it raises is logged, and costs the others nothing."""
    try:
        await work
    except Exception:  # the other sessions of this process must go on
        log.exception("%s: a fault of ours", what)
