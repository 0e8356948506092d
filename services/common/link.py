"""Link: one end of one bidirectional stream of the ring: an eager reader, a single writer, heartbeats both ways."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from typing import Final, Generic, Literal, Protocol, TypeAlias, TypeVar

import grpc

from parley.v1 import stream_pb2 as wire
from services.common.errors import ParleyError, PeerLost
from services.common.outbox import Outbox
from services.common.outcome import outcome, worst_of
from services.common.rpc import explain
from services.common.trunk import StrandBroken

HEARTBEAT_S: Final = 1.0
FROZEN_S: Final = 3.0
"""A peer that has sent nothing for this long is taken for frozen; it sends something each second."""

_TICK_S: Final = 0.5
_CLOSING_S: Final = 1.0


class Message(Protocol):
    """A request or response of the ring: one oneof named `message`, holding at least a heartbeat."""

    @property
    def heartbeat(self) -> wire.Heartbeat: ...
    def WhichOneof(self, oneof_group: Literal["message"], /) -> str | None: ...  # noqa: N802 - protobuf's name


Ending: TypeAlias = "asyncio.Task[ParleyError | None]"
In = TypeVar("In", bound=Message)
Out = TypeVar("Out", bound=Message)


class Link(Generic[In, Out]):
    """One end of a stream. `handle` is a plain function: the reader can't wait, so it can't hold control up.

    `run` returns when the stream has ended well: the peer said `end`, or we closed the outbox and it was sent.
    The dialling side gives `finish` (the call's done_writing). `give_up` puts the last words into the outbox and closes
    it: with it, a peer whose message is refused by `handle` is told why before the link ends.
    `silence_s` None switches the watch for a frozen peer off (a client need not send heartbeats while it sends audio).
    `beat_s`: whether a beat is due is looked at so often, so a peer hears nothing for up to twice as long.
    """

    def __init__(
        self,
        stage: str,
        messages: AsyncIterator[In],
        write: Callable[[Out], Awaitable[None]],
        outbox: Outbox[Out],
        beat: Callable[[int], Out] | None,
        silence_s: float | None = FROZEN_S,
        finish: Callable[[], Awaitable[None]] | None = None,
        give_up: Callable[[ParleyError], None] | None = None,
        beat_s: float = HEARTBEAT_S,
    ) -> None:
        self.stage = stage
        self.outbox = outbox
        self._messages = messages
        self._write = write
        self._beat = beat
        self._finish = finish
        self._give_up = give_up
        self._refused: ParleyError | None = None
        self._silence_ticks = None if silence_s is None else int(silence_s / _TICK_S)
        self._quiet_ticks = 0
        self._ticks_a_beat = int(beat_s / _TICK_S)
        self._ended = False

    async def run(self, handle: Callable[[In], None]) -> None:
        """Read, write and watch until the stream ends.

        Raises:
            PeerLost: the stream broke, ended without `end`, or fell silent.
            RemoteFault: the peer told of a fault.
            ParleyError: whatever `handle` raised.
        """
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(outcome(self._read(handle)))
            sending = group.create_task(outcome(self._send()))
            tasks = [reading, sending, group.create_task(outcome(self._pulse()))]
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if worst_of(task.result() for task in done) is None:
                await self._part(reading, sending)
            for task in tasks:
                task.cancel()
        fault = self._refused or worst_of(task.result() for task in tasks if not task.cancelled())
        if fault is not None:
            raise fault

    async def _part(self, reading: Ending, sending: Ending) -> None:
        """The stream ends well: let the last words of both sides through."""
        if self._finish is not None and not reading.done():
            # The dialling side says that it has sent all, and lets the peer close: cancelling would race `end`.
            await self._finish()
            await asyncio.wait([reading], timeout=_CLOSING_S)
        if (self._ended or self._refused) and self.outbox.is_closed and not sending.done():
            # The peer has said its last word, or one too many, and waits for ours.
            await asyncio.wait([sending], timeout=_CLOSING_S)

    async def _read(self, handle: Callable[[In], None]) -> None:
        try:
            async for message in self._messages:
                self._quiet_ticks = 0
                kind = message.WhichOneof("message")
                if kind != "heartbeat" and not self._takes(handle, message):
                    return
                if kind == "end":
                    self._ended = True
                    return
        except grpc.aio.AioRpcError as error:
            raise PeerLost(self.stage, explain(error)) from error
        except StrandBroken as error:
            raise PeerLost(self.stage, str(error)) from error
        if not self._ended and not self.outbox.is_closed:
            raise PeerLost(self.stage, "its stream broke off without a last message")

    def _takes(self, handle: Callable[[In], None], message: In) -> bool:
        """Handle a message; False when it was refused and the peer is to be told why."""
        try:
            handle(message)
        except ParleyError as fault:
            if self._give_up is None:
                raise
            self._refused = fault
            self._give_up(fault)
            return False
        return True

    async def _send(self) -> None:
        try:
            async with aclosing(aiter(self.outbox)) as messages:  # type: ignore[type-var]
                async for message in messages:
                    await self._write(message)
        except grpc.aio.AioRpcError as error:
            raise PeerLost(self.stage, explain(error)) from error
        except StrandBroken as error:
            raise PeerLost(self.stage, str(error)) from error
        except (asyncio.InvalidStateError, grpc.aio.UsageError, grpc.aio.InternalError) as error:
            raise PeerLost(self.stage, "it takes no more messages") from error

    async def _pulse(self) -> None:
        """Say that we live when nothing else has said so for a while; find a peer that says nothing."""
        # Ticks, not wall time: a process that was itself asleep must not blame its peers for the silence.
        ticks = beat = known_sent = 0
        while True:
            await asyncio.sleep(_TICK_S)
            ticks += 1
            self._quiet_ticks += 1
            if self._silence_ticks is not None and self._quiet_ticks > self._silence_ticks:
                raise PeerLost(self.stage, f"it sent nothing for {self._silence_ticks * _TICK_S:g} s")
            if self._beat is None or ticks % self._ticks_a_beat:
                continue
            sent = self.outbox.statistics.sent
            if sent <= known_sent:
                beat += 1
                sent += 1
                self.outbox.control(self._beat(beat))
            known_sent = sent


async def tell(write: Callable[[Out], Awaitable[None]], message: Out) -> None:
    """Send a last word to a peer that may have gone already."""
    try:
        await write(message)
    except (PeerLost, grpc.RpcError, grpc.aio.UsageError, grpc.aio.InternalError, asyncio.InvalidStateError):
        return


@contextmanager
def dialled(
    stage: str,
    call: grpc.aio.StreamStreamCall[Out, In],
    outbox: Outbox[Out],
    beat: Callable[[int], Out],
) -> Iterator[Link[In, Out]]:
    """Make a link of a call that this side dialled, and cancel the call at the end, however it came."""
    try:
        yield Link(stage, aiter(call), call.write, outbox, beat, finish=call.done_writing)
    finally:
        call.cancel()
