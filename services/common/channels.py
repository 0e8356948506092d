"""Channels: one gRPC connection from this process to each address, and on it one trunk, shared by all sessions."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any, Final, Generic, Self, TypeVar, cast

import grpc

from parley.v1 import trunk_service_pb2 as wire
from parley.v1 import trunk_service_pb2_grpc as rpc
from services.common.reads import CountedReads
from services.common.rpc import channel, explain
from services.common.tls import Tls
from services.common.trunk import Strand, StrandBroken, Trunk

CLOSE_S: Final = 5.0
"""How long a call may take that goes on over a channel that has been replaced."""

In = TypeVar("In")
Out = TypeVar("Out")


class StrandCall(Generic[Out, In]):
    """A dialled stream in a trunk, used as a gRPC call is: iterate, `write`, `done_writing`, `cancel`."""

    def __init__(self, strand: Strand, serialise: Callable[[Out], bytes], parse: Callable[[bytes], In]) -> None:
        self._strand = strand
        self._serialise = serialise
        self._parse = parse

    def __aiter__(self) -> Self:
        """Return itself: there is one sequence of messages."""
        return self

    async def __anext__(self) -> In:
        """Return the next message. Raises StrandBroken."""
        return self._parse(await self._strand.__anext__())

    async def write(self, message: Out) -> None:
        """Send a message. Raises StrandBroken."""
        await self._strand.write(self._serialise(message))

    async def done_writing(self) -> None:
        """Send no more."""
        self._strand.finish()

    def cancel(self) -> None:
        """Leave the stream, however it stands."""
        if not self._strand.is_over:
            self._strand.abandon("the other end has left")


class TrunkChannel:
    """Stands where generated code expects a channel: `VadServiceStub(trunk_channel).Listen()`.

    The trunk is dialled with the first stream, and again with the first one after it broke, each time by a connection
    of its own: one that hangs, or waits before it tries again, belongs to the trunk that broke. `dial` is told which
    stage is called: by its name it is known, whatever its address. The tasks that carry are put into `carrying`.
    """

    def __init__(
        self,
        dial: Callable[[str], grpc.aio.Channel],
        carrying: set[asyncio.Task[None]],
        tally: Counter[str] | None = None,
    ) -> None:
        self._dial = dial
        self._tally = tally if tally is not None else Counter()
        self._trunk: Trunk | None = None
        self._carrying = carrying

    def stream_stream(
        self,
        method: str,
        request_serializer: Callable[[Out], bytes],
        response_deserializer: Callable[[bytes], In],
        **_: Any,
    ) -> Callable[[], StrandCall[Out, In]]:
        """Return what begins a stream of `method`."""
        stage = _stage_of(method)
        return lambda: StrandCall(self._live(stage).open(method), request_serializer, response_deserializer)

    @property
    def is_idle(self) -> bool:
        """Whether nothing goes by it; who still has it may begin anew."""
        return self._trunk is None or self._trunk.is_broken

    def _live(self, stage: str) -> Trunk:
        if self._trunk is None or self._trunk.is_broken:
            self._trunk = Trunk()
            carrying = asyncio.create_task(self._carry(self._trunk, stage))
            self._carrying.add(carrying)
            carrying.add_done_callback(self._carrying.discard)
        return self._trunk

    async def _carry(self, trunk: Trunk, stage: str) -> None:
        through = self._dial(stage)
        stub: rpc.TrunkServiceAsyncStub = rpc.TrunkServiceStub(through)
        call = stub.Carry()
        why = "its stream broke off"
        try:
            async with asyncio.TaskGroup() as group:
                helpers = [
                    group.create_task(trunk.send(lambda load: call.write(wire.CarryRequest(parcels=load)))),
                    group.create_task(trunk.watch()),
                ]
                async for response in CountedReads(aiter(call), self._tally, ends=True):
                    trunk.feed(response.parcels)
                for helper in helpers:
                    helper.cancel()
        except* (grpc.aio.AioRpcError, asyncio.InvalidStateError, StrandBroken) as errors:
            why = next((said for error in errors.exceptions if (said := _reason(error))), why)
        finally:
            trunk.break_off(why, self._tally)
            call.cancel()
            await through.close()


def _reason(error: Exception) -> str:
    """Say why a trunk broke; empty when the error does not tell."""
    match error:
        case grpc.aio.AioRpcError():
            return explain(error)
        case StrandBroken():
            return str(error)
    return ""


def _stage_of(method: str) -> str:
    """Return who serves a method: vad for /parley.v1.VadService/Listen."""
    return method.rpartition("/")[0].rpartition(".")[2].removesuffix("Service").lower()


class Channels:
    """Hands out channels and trunks, and closes them all at the end. `tally` and `tls` are the process's."""

    def __init__(self, tally: Counter[str] | None = None, tls: Tls | None = None) -> None:
        self._tally = tally
        self._tls = tls or Tls()
        self._channels: dict[str, tuple[grpc.aio.Channel, object]] = {}
        self._trunks: dict[str, TrunkChannel] = {}
        self._carrying: set[asyncio.Task[None]] = set()
        self._closing: set[asyncio.Task[None]] = set()

    def to(self, address: str) -> grpc.aio.Channel:
        """Return the channel to the door of another ingress, at host:port."""
        known = self._channels.get(address)
        if known is not None and known[1] is self._tls.door_certificate:
            return known[0]
        if known is not None:  # dialled with a certificate that has been replaced
            closing = asyncio.create_task(known[0].close(grace=CLOSE_S))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
        made = channel(address, self._tls.other_door())
        self._channels[address] = made, self._tls.door_certificate
        return made

    def trunk(self, address: str) -> grpc.aio.Channel:
        """Return the trunk to host:port, for the stubs of methods that stream both ways."""
        if address not in self._trunks:
            self._forget_idle()
            self._trunks[address] = TrunkChannel(
                lambda stage: channel(address, self._tls.stage(stage)), self._carrying, self._tally
            )
        return cast("grpc.aio.Channel", self._trunks[address])

    def _forget_idle(self) -> None:
        """In a cluster every new copy has an address of its own: those of old ones would be kept for ever."""
        for address in [address for address, trunk in self._trunks.items() if trunk.is_idle]:
            del self._trunks[address]

    async def close(self) -> None:
        """Close every one."""
        for carrying in list(self._carrying):
            carrying.cancel()
        await asyncio.gather(*self._carrying, return_exceptions=True)
        for open_channel, _ in self._channels.values():
            await open_channel.close()
        await asyncio.gather(*self._closing)
