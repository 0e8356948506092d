"""The dialled end of trunks: serves a process's own services to streams that come by trunk."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final, NoReturn, Protocol, TypeAlias

import grpc

from parley.v1 import trunk_service_pb2 as wire
from parley.v1 import trunk_service_pb2_grpc as rpc
from services.common.boundary import contained_work
from services.common.callers import Callers, names_of
from services.common.reads import CountedReads
from services.common.trunk import Strand, StrandBroken, Trunk

log = logging.getLogger("parley.trunk")

_ENDING_S: Final = 1.0
"""How long a broken trunk's streams are waited for: a server that stops has let go of them by then, or leaves them."""

Context: TypeAlias = "grpc.aio.ServicerContext[wire.CarryRequest, wire.CarryResponse]"


class Handler(Protocol):
    """A method as generated code registers it."""

    stream_stream: Callable[[AsyncIterator[Any], Any], Awaitable[None]]
    request_deserializer: Callable[[bytes], Any]
    response_serializer: Callable[[Any], bytes]


class StrandContext:
    """What a servicer's method may do with a call that came by trunk."""

    def __init__(self, strand: Strand, serialise: Callable[[Any], bytes]) -> None:
        self._strand = strand
        self._serialise = serialise

    async def write(self, message: Any) -> None:
        """Send a message. Raises InvalidStateError, as a gRPC call does, when it takes no more."""
        try:
            await self._strand.write(self._serialise(message))
        except StrandBroken as error:
            raise asyncio.InvalidStateError(str(error)) from error


class TrunkServer(rpc.TrunkServiceServicer):
    """Stands where generated code expects a server: `add_VadServiceServicer_to_server(servicer, trunk_server)`.

    `tally` is the process's.
    """

    def __init__(self, tally: Counter[str] | None = None, callers: Callers | None = None) -> None:
        self._tally = tally if tally is not None else Counter()
        self._callers = callers
        self._methods: dict[str, Handler] = {}
        self._serving: set[asyncio.Task[None]] = set()

    def add_generic_rpc_handlers(self, handlers: Any) -> None:
        """Ignore them: generated code registers every method by its name, too."""

    def add_registered_method_handlers(self, service: str, handlers: dict[str, Handler]) -> None:
        """Serve a service whose every method streams both ways."""
        self._methods |= {f"/{service}/{name}": handler for name, handler in handlers.items()}

    async def Carry(  # type: ignore[override]  # noqa: N802 - gRPC's name
        self, requests: AsyncIterator[wire.CarryRequest], context: Context
    ) -> None:
        """Carry streams until the dialling side goes, or falls silent; each then ends as if its own had broken.

        gRPC cancels this when the connection breaks. What serves the streams is told, not cancelled: it may have more
        to do than to go.
        """
        refused = self._refused(context)
        if refused and len(refused) == len(self._methods):
            await _refuse(context, "; ".join(refused.values()))
        serving: set[asyncio.Task[None]] = set()
        trunk = Trunk(lambda strand, method: self._begin(serving, strand, method, refused))
        try:
            async with asyncio.TaskGroup() as group:
                helpers = [
                    group.create_task(trunk.send(lambda load: context.write(wire.CarryResponse(parcels=load)))),
                    group.create_task(trunk.watch()),
                ]
                async for request in CountedReads(requests, self._tally, ends=False):
                    trunk.feed(request.parcels)
                for helper in helpers:
                    helper.cancel()
        except* StrandBroken as silent:
            log.warning("%d streams of %s break: %s", len(trunk), context.peer(), silent.exceptions[0])
        except* (asyncio.InvalidStateError, grpc.aio.UsageError, grpc.aio.InternalError):
            pass  # the connection has gone while a load was being written
        finally:
            trunk.break_off("the connection broke", self._tally)
            if serving:
                await asyncio.wait(serving, timeout=_ENDING_S)

    def _refused(self, context: Context) -> dict[str, str]:
        """Return the methods that are not for who calls, and why."""
        if self._callers is None:
            return {}
        names = names_of(context)
        return {method: why for method in self._methods if (why := self._callers.refusal(method, names))}

    def _begin(self, serving: set[asyncio.Task[None]], strand: Strand, method: str, refused: Mapping[str, str]) -> None:
        handler = self._methods.get(method)
        if handler is None:
            strand.abandon(f"{method} is not served here")
            return
        if (why := refused.get(method)) is not None:
            log.warning("a stream of %s is refused: %s", method, why)
            strand.abandon(f"permission denied: {why}")
            return
        task = asyncio.create_task(contained_work(log, method, _serve(handler, strand)))
        for tasks in (self._serving, serving):
            tasks.add(task)
            task.add_done_callback(tasks.discard)


class GuardedServer:
    """Stands where generated code expects a server, and lets through to the real one who may call what."""

    def __init__(self, server: grpc.aio.Server, callers: Callers) -> None:
        self._server = server
        self._callers = callers

    def add_generic_rpc_handlers(self, handlers: Any) -> None:
        """Ignore them: generated code registers every method by its name, too."""

    def add_registered_method_handlers(self, service: str, handlers: dict[str, Handler]) -> None:
        """Serve a service whose every method streams both ways."""
        guarded = {
            name: grpc.stream_stream_rpc_method_handler(
                self._guarded(f"/{service}/{name}", handler), handler.request_deserializer, handler.response_serializer
            )
            for name, handler in handlers.items()
        }
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, guarded),))

    def _guarded(self, method: str, handler: Handler) -> Callable[[AsyncIterator[Any], Any], Awaitable[None]]:
        async def serve(requests: AsyncIterator[Any], context: Context) -> None:
            if why := self._callers.refusal(method, names_of(context)):
                await _refuse(context, why)
            await handler.stream_stream(requests, context)

        return serve


async def _refuse(context: Context, why: str) -> NoReturn:
    """End the call. Raises what gRPC ends it by."""
    log.warning("%s is refused: %s", context.peer(), why)
    await context.abort(grpc.StatusCode.PERMISSION_DENIED, why)


async def _serve(handler: Handler, strand: Strand) -> None:
    try:
        await handler.stream_stream(_messages(strand, handler), StrandContext(strand, handler.response_serializer))
    finally:
        strand.finish()


async def _messages(strand: Strand, handler: Handler) -> AsyncIterator[Any]:
    async for message in strand:
        yield handler.request_deserializer(message)
