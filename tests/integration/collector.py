"""A real OTLP collector for tests: gRPC's TraceService, which keeps the spans that it is given."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as wire
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as rpc
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status as WireStatus


@dataclass(frozen=True)
class Span:
    """A span as it arrived. Moments are seconds of Unix time."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    start_s: float
    end_s: float
    attributes: dict[str, Any]
    links: tuple[tuple[str, str], ...]
    error: str | None = None
    """What its status says; None: all is well."""

    @property
    def ms(self) -> float:
        """How long it took."""
        return (self.end_s - self.start_s) * 1000


@dataclass
class Collector(rpc.TraceServiceServicer):
    """What has arrived so far. `endpoint` is its URL."""

    endpoint: str = ""
    spans: list[Span] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def Export(self, request: wire.ExportTraceServiceRequest, context: Any) -> wire.ExportTraceServiceResponse:
        """Take spans."""
        for resource in request.resource_spans:
            service = _values(resource.resource.attributes)["service.name"]
            for scope in resource.scope_spans:
                self.spans += [_span(service, span) for span in scope.spans]
        self.news.set()
        return wire.ExportTraceServiceResponse()

    def roots(self) -> list[Span]:
        """Return the roots of the person's turns, in their order."""
        roots = [span for span in self.spans if span.name == "turn" and span.attributes["parley.turn"]]
        return sorted(roots, key=lambda span: span.start_s)

    def children(self, root: Span) -> list[Span]:
        """Return the spans below a root, by when they began."""
        below = [span for span in self.spans if span.trace_id == root.trace_id and span.span_id != root.span_id]
        return sorted(below, key=lambda span: (span.start_s, span.end_s))

    async def until(self, is_there: Callable[[], bool], timeout_s: float) -> None:
        """Wait until enough has arrived. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while not is_there():
                self.news.clear()
                await self.news.wait()


@asynccontextmanager
async def collector() -> AsyncIterator[Collector]:
    """Take spans at a free port of the loopback while the block lasts."""
    server, made = grpc.aio.server(), Collector()
    rpc.add_TraceServiceServicer_to_server(made, server)  # type: ignore[no-untyped-call]
    made.endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    try:
        yield made
    finally:
        await server.stop(None)


@asynccontextmanager
async def hanging() -> AsyncIterator[str]:
    """Take connections, and never say a word."""
    writers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda reader, writer: writers.append(writer), "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for writer in writers:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def _span(service: str, span: WireSpan) -> Span:
    return Span(
        service,
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.start_time_unix_nano / 1e9,
        span.end_time_unix_nano / 1e9,
        _values(span.attributes),
        tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
        span.status.message if span.status.code == WireStatus.STATUS_CODE_ERROR else None,
    )


def _values(attributes: Any) -> dict[str, Any]:
    return {each.key: _value(each.value) for each in attributes if isinstance(each, KeyValue)}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    return getattr(value, kind) if kind else None
