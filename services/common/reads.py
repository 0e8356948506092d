"""Reads: what comes by a gRPC call, read so that no read is cancelled while the call goes on; those that are, counted.

grpc.aio never gives back what it allotted for a read that was cancelled, or that the end of its call cut off: 97 bytes
each time (grpc/grpc#43360; measured with 1.85.1). A read that its call ends in good order costs nothing. So a read is
nobody's to cancel: one task reads for as long as the call lasts, and others wait for what it puts down.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Final, Generic, Self, TypeVar

import grpc

from services.common.errors import ParleyError

T = TypeVar("T")

CANCELLED_READS: Final = "cancelled_reads"
"""The counter's name in a process's tally."""


class CountedReads(Generic[T]):
    """Iterate it instead of a call that many share: its one read in waiting is cancelled when the call is given up.

    `ends` False: the other side never ends such a call, so an end is a break.
    """

    def __init__(self, messages: AsyncIterator[T], tally: Counter[str], *, ends: bool) -> None:
        self._messages = messages
        self._tally = tally
        self._ends = ends

    def __aiter__(self) -> Self:
        """Return itself: there is one sequence of messages."""
        return self

    async def __anext__(self) -> T:
        """Return the next message. Raises what the call raises."""
        try:
            return await anext(self._messages)
        except (asyncio.CancelledError, grpc.aio.AioRpcError):
            self._tally[CANCELLED_READS] += 1
            raise
        except StopAsyncIteration:
            self._tally[CANCELLED_READS] += not self._ends
            raise


class Reader(Generic[T]):
    """Reads one call in a task of its own, and hands every message to `put`; at the end it calls `close`, once.

    `close` is told of what could not be read as a message; None: no more comes. Whoever serves the call may end
    before it: `leave` then, and the reader ends with the call. `may_send(False)` stops it after the message that is
    being read, so that the other side has to wait.
    """

    def __init__(
        self, messages: AsyncIterator[T], put: Callable[[T], None], close: Callable[[ParleyError | None], None]
    ) -> None:
        self.is_over = asyncio.Event()
        """Set when the call has ended."""
        self._messages = messages
        self._put = put
        self._close = close
        self._may_read = asyncio.Event()
        self._may_read.set()
        self._is_left = False

    def may_send(self, may: bool) -> None:
        """Let the other side send, or hold it back."""
        if may:
            self._may_read.set()
        elif not self._is_left:
            self._may_read.clear()

    def leave(self) -> None:
        """Nobody wants any more of it; a read that waits is left to the end of the call."""
        self._is_left = True
        self._may_read.set()

    async def run(self) -> None:
        """Read until the call ends. Not to be cancelled."""
        fault: ParleyError | None = None
        try:
            while not self._is_left:
                self._put(await anext(self._messages))
                await self._may_read.wait()
        except ParleyError as unreadable:
            fault = unreadable
        except (StopAsyncIteration, grpc.aio.UsageError, grpc.aio.AioRpcError, grpc.aio.InternalError):
            self.is_over.set()  # in good order or not, or because who served it has ended it
        finally:
            self._close(fault)
