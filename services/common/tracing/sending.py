"""Sending: OpenTelemetry's part of it. Spans are handed to its batch processor, which has a thread of its own."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from services.common import names
from services.common.tracing.context import TraceContext
from services.common.tracing.settings import TraceSettings
from services.common.tracing.span_file import SpanFile
from services.common.tracing.tracing import Attributes, Failure, Lost

log = logging.getLogger("parley.tracing")

BATCH: Final = 64
"""Spans in one message: to write more of them at once would keep the interpreter from audio for too long."""
EVERY_MS: Final = 500
PATIENCE_S: Final = 5.0
"""How long a collector may take over a message."""

_NANOSECONDS: Final = 1_000_000_000
_SHORTEST_NS: Final = 1_000
"""What took no time at all, such as an answer that had been prepared, still has a beginning and an end."""
_SCOPE: Final = InstrumentationScope("parley")


class Sender:
    """Sends spans where the settings say; what is more than `waiting` is dropped, and counted."""

    def __init__(self, settings: TraceSettings, waiting: int) -> None:
        self._waiting = waiting
        self._given = self._full = 0
        self._resource = Resource.create({"service.name": settings.service, "service.instance.id": settings.instance})
        exporters: list[SpanExporter] = []
        if settings.endpoint:
            exporters.append(_otlp(settings.endpoint))
        if settings.file:
            exporters.append(SpanFile(settings.file))
        self._exporter = _Counting(exporters)
        self._processor = BatchSpanProcessor(
            self._exporter, max_queue_size=waiting, schedule_delay_millis=EVERY_MS, max_export_batch_size=BATCH
        )

    @property
    def lost(self) -> Lost:
        """What could not be sent so far."""
        return Lost(self._full, self._exporter.failed, self._exporter.refused)

    def give(
        self,
        name: str,
        own: TraceContext,
        parent: TraceContext | None,
        start_s: float,
        end_s: float,
        attributes: Attributes,
        links: Sequence[TraceContext],
        failure: Failure | None = None,
    ) -> None:
        """Have a span sent; nobody waits for it."""
        if self._given - self._exporter.taken >= self._waiting:
            self._full += 1
            return
        self._given += 1
        span = ReadableSpan(
            name,
            context=_context(own),
            parent=_context(parent) if parent is not None else None,
            resource=self._resource,
            attributes=attributes if failure is None else {**attributes, names.ERROR_TYPE: failure.kind},
            links=[Link(_context(link)) for link in links],
            kind=SpanKind.SERVER if parent is None else SpanKind.INTERNAL,
            start_time=(start_ns := round(start_s * _NANOSECONDS)),
            end_time=max(round(end_s * _NANOSECONDS), start_ns + _SHORTEST_NS),
            instrumentation_scope=_SCOPE,
            status=Status(StatusCode.ERROR, failure.words) if failure is not None else Status(),
        )
        self._processor.on_end(span)

    def close(self) -> None:
        """Send what waits, however long that takes."""
        self._processor.shutdown()  # type: ignore[no-untyped-call]


class _Counting(SpanExporter):
    """Passes spans to every exporter, and says once in the log when that begins or ceases to fail."""

    def __init__(self, exporters: Sequence[SpanExporter]) -> None:
        self.taken = self.failed = self.refused = 0
        self._exporters = exporters
        self._is_failing = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.taken += len(spans)
        results = [exporter.export(spans) for exporter in self._exporters]
        fails = SpanExportResult.FAILURE in results
        if fails:
            self.failed += len(spans)
            self.refused += 1
        if fails != self._is_failing:
            log.warning("spans can't be sent and are dropped" if fails else "spans are sent again")
        self._is_failing = fails
        return SpanExportResult.FAILURE if fails else SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        for exporter in self._exporters:
            exporter.shutdown()


def _otlp(endpoint: str) -> SpanExporter:
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    # It tells of every try that fails, each in its own words; ours are told once.
    logging.getLogger("opentelemetry.exporter.otlp.proto.grpc.exporter").setLevel(logging.CRITICAL)
    return OTLPSpanExporter(endpoint=endpoint, timeout=PATIENCE_S)


def _context(context: TraceContext) -> SpanContext:
    trace_id, span_id = int(context.trace_id, 16), int(context.span_id, 16)
    return SpanContext(trace_id, span_id, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
