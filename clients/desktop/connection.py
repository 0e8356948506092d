"""One connection's life: called, opened, written and read."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from typing import Self

from parley.v1 import conversation_service_pb2 as wire
from parley.v1 import stream_pb2

from .connecting import Dial, connected
from .connection_failures import ConnectionFailed, closed_early, lost, unanswered
from .failures import ClientError, ServerRefused
from .outbox import Outbox
from .reply_format import Replies
from .transport import Transport
from .wire_events import error_words_of

LONGEST_OPENING_S = 15.0
"""A server that beats and has not answered Open by then is given up as well; it allows itself twelve."""


class NotTaken(Exception):
    """A server did not take the call."""

    def __init__(
        self,
        problem: ClientError,
        *,
        elsewhere: bool = True,
        unanswered: bool = False,
        error: stream_pb2.Error | None = None,
    ) -> None:
        super().__init__(str(problem))
        self.problem = problem
        """In words for the person."""
        self.elsewhere = elsewhere
        """Whether another server, or the same one later, may take it."""
        self.unanswered = unanswered
        """Whether it has said nothing, and may not have read the call yet."""
        self.error = error or stream_pb2.Error()
        """What the server said."""


class Connection:
    """A connection over which a server has answered Open with `opened`."""

    def __init__(self, server: str, transport: Transport, opened: wire.Opened, context: AsyncExitStack) -> None:
        self.server = server
        self.opened = opened
        self._transport = transport
        self._replies = Replies(opened)
        self._context = context

    @classmethod
    async def made(cls, server: str, open_: wire.Open, dial: Dial, answer_s: float) -> Self:
        """Connect and open. Raises NotTaken, after `answer_s` in which the server says nothing, at the latest."""
        async with AsyncExitStack() as context:
            try:
                async with asyncio.timeout(answer_s):
                    transport = await context.enter_async_context(connected(server, dial))
                    with suppress(ConnectionFailed):  # why, receiving tells
                        await transport.send(wire.ConverseRequest(open=open_))
                opened = await _answer(server, transport, answer_s)
            except TimeoutError:
                raise NotTaken(unanswered(server, answer_s), unanswered=True) from None
            except ConnectionFailed as failure:
                raise NotTaken(lost(server, False, failure)) from None
            return cls(server, transport, opened, context.pop_all())
        raise AssertionError("a context that swallows exceptions")

    async def write(self, outbox: Outbox) -> None:
        """Send what waits, to the last. When the call has ended the reader knows why, so a failure only ends this."""
        with suppress(ConnectionFailed):
            while (request := await outbox.get()) is not None:
                await self._transport.send(request)
            await self._transport.finish()

    async def receive(self) -> wire.ConverseResponse | None:
        """Return the next response, sound as PCM16; None when the server has hung up. Raises ConnectionFailed."""
        response = await self._transport.receive()
        return response and self._replies.decode(response)

    async def hang_up(self, reason: str) -> None:
        """Say End, and wait for nothing."""
        with suppress(ConnectionFailed):
            await self._transport.send(wire.ConverseRequest(end=wire.End(reason=reason)))

    def abandon(self) -> None:
        """Let go of it at once, without a word: another one has taken its place, or it is dead."""
        self._transport.abandon()

    async def close(self) -> None:
        """Put it away, in bounded time. Again it does nothing."""
        await self._context.aclose()


async def _answer(server: str, transport: Transport, answer_s: float) -> wire.Opened:
    """Wait for Opened. Raises NotTaken, ConnectionFailed or TimeoutError."""
    clock = asyncio.get_running_loop().time
    give_up_s = clock() + LONGEST_OPENING_S
    while True:
        async with asyncio.timeout(min(answer_s, give_up_s - clock())):
            response = await transport.receive()
        match response and response.WhichOneof("message"):
            case "opened" if response:
                return response.opened
            case "error" if response:
                error = response.error
                problem = ServerRefused(f"The server refused: {error_words_of(error)}")
                raise NotTaken(problem, elsewhere=error.retryable, error=error)
            case None if response is None:
                raise NotTaken(closed_early(server, False))
            case "closed":
                raise NotTaken(closed_early(server, False))
