"""Traceparent: of the W3C trace context that travels in messages, the trace's id: what logs and exemplars have."""

from __future__ import annotations

from services.common.tracing.context import TraceContext


def trace_id(traceparent: str) -> str:
    """Return the trace that a W3C trace context belongs to; "" for one that is none."""
    context = TraceContext.parse(traceparent)
    return context.trace_id if context is not None else ""
