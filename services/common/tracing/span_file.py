"""Span file: spans as lines of JSON, for `make trace`. It keeps to two files of a few megabytes."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

LONGEST: Final = 4 * 1024 * 1024
"""Bytes of a file; then it becomes `.old`, and the one that was `.old` goes."""


class SpanFile(SpanExporter):
    """Adds to a file; one that can't be written loses spans, and nothing else."""

    def __init__(self, path: str, longest: int = LONGEST) -> None:
        self._path = Path(path)
        self._longest = longest

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Write them."""
        lines = "".join(json.dumps(_line(span), separators=(",", ":")) + "\n" for span in spans)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(lines)
                length = file.tell()
            if length > self._longest:
                os.replace(self._path, self._path.with_name(self._path.name + ".old"))
        except OSError:
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Nothing is held open."""


def _line(span: ReadableSpan) -> dict[str, Any]:
    assert span.context is not None
    return {
        "name": span.name,
        "trace_id": f"{span.context.trace_id:032x}",
        "span_id": f"{span.context.span_id:016x}",
        "parent_id": f"{span.parent.span_id:016x}" if span.parent is not None else "",
        "service": span.resource.attributes.get("service.name", ""),
        "start_ns": span.start_time,
        "end_ns": span.end_time,
        "attributes": dict(span.attributes or {}),
        "links": [f"{link.context.trace_id:032x}" for link in span.links],
        **({} if span.status.is_unset else {"error": span.status.description or ""}),
    }
