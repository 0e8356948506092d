"""Vad stream: one Respond stream of a session, which may have several, one after another."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

from parley.v1 import broker_service_pb2 as wire
from parley.v1 import stream_pb2
from services.broker.parting import last_word
from services.common.boundary import contained
from services.common.bundle import GOODBYE_S
from services.common.errors import ParleyError, PeerLost
from services.common.link import Link
from services.common.outbox import Outbox

log = logging.getLogger("parley.broker")

STAGE = "vad"
Write = Callable[[wire.RespondResponse], Awaitable[None]]


class VadStream:
    """Knows how the stream was opened, and what is to be sent on it."""

    def __init__(self, opened: stream_pb2.StreamOpen, outbox: Outbox[wire.RespondResponse]) -> None:
        self.opened = opened
        self.outbox = outbox
        self.on_opened_again: Callable[[stream_pb2.StreamOpen], None] = lambda opened: None
        """Told when the same vad goes on for another ingress, under a later lease."""
        self._patience: asyncio.Timeout | None = None

    async def run(
        self,
        requests: AsyncIterator[wire.RespondRequest],
        write: Write,
        take: Callable[[wire.RespondRequest], None],
        fail: Callable[[ParleyError], None],
    ) -> str:
        """Serve the stream until it ends; return why, in words. What `take` raises goes to `fail`."""
        what = f"session {self.opened.session}"
        link = Link(STAGE, requests, write, self.outbox, _beat)
        try:
            async with asyncio.timeout(None) as self._patience:
                await link.run(lambda request: contained(log, what, lambda: take(request), fail))
        except PeerLost as lost:
            return lost.detail
        except TimeoutError:
            return "it did not read the last message"
        finally:
            self._patience = None
        return "it was ended"

    def refuse(self, fault: ParleyError) -> None:
        """End the stream with an error, whatever becomes of the session."""
        self.outbox.control(wire.RespondResponse(error=fault.to_wire()))
        self.outbox.close(wire.RespondResponse(end=last_word(fault)))
        self.let_go()

    def answer(self, end: stream_pb2.StreamEnd) -> None:
        """Vad has left, and the session goes on: say goodbye."""
        self.outbox.close(wire.RespondResponse(end=stream_pb2.StreamEnd(reason=end.reason)))

    def let_go(self) -> None:
        """The last message waits: the stream ends when it has been sent, and in any case soon."""
        if self._patience is not None and not self._patience.expired():
            self._patience.reschedule(asyncio.get_running_loop().time() + GOODBYE_S)


def _beat(number: int) -> wire.RespondResponse:
    return wire.RespondResponse(heartbeat=stream_pb2.Heartbeat(beat=number))
