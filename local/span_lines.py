"""Span lines: what the services have written of their turns' traces, read back and put together."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from services.common import names

FOLDER: Final = "traces"
"""In the folder of a run."""
_NANOSECONDS: Final = 1e9


@dataclass(frozen=True)
class Span:
    """One span. Moments are seconds of Unix time."""

    name: str
    service: str
    start_s: float
    end_s: float
    attributes: dict[str, Any]

    @property
    def ms(self) -> float:
        """How long it took."""
        return (self.end_s - self.start_s) * 1000


@dataclass
class Trace:
    """One turn's."""

    trace_id: str
    root: Span | None = None
    spans: list[Span] = field(default_factory=list)
    """All but the root, by when they began."""

    @property
    def start_s(self) -> float:
        """When the person had spoken."""
        return self.root.start_s if self.root is not None else min(span.start_s for span in self.spans)

    @property
    def turn(self) -> int:
        """Its number; 0 for what the assistant said of its own accord."""
        return int(self._known(names.TURN) or 0)

    @property
    def session(self) -> str:
        """Whose it is."""
        return str(self._known(names.CONVERSATION_ID) or "")

    @property
    def answered_ms(self) -> float | None:
        """From the end of speech to the first sample that was heard; None where nothing was."""
        heard = [span.end_s for span in self.spans if span.name == names.CLIENT_FIRST_SAMPLE]
        return (min(heard) - self.start_s) * 1000 if heard else None

    def _known(self, name: str) -> Any:
        spans = [self.root, *self.spans] if self.root is not None else self.spans
        return next((span.attributes[name] for span in spans if name in span.attributes), None)


def files(folder: Path) -> list[Path]:
    """Return the files of a run that hold spans, the older ones first."""
    found = [path for path in (folder / FOLDER).glob("*.jsonl*") if path.is_file()]
    return sorted(found, key=lambda path: path.stat().st_mtime)


def read(paths: Iterable[Path]) -> list[Trace]:
    """Return the traces in these files, by when they began. A line that is only half there is passed over."""
    traces: dict[str, Trace] = {}
    for path in paths:
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                written = json.loads(line)
                trace = traces.setdefault(written["trace_id"], Trace(written["trace_id"]))
                _add(trace, written)
            except (ValueError, KeyError, TypeError):
                continue
    for trace in traces.values():
        trace.spans.sort(key=lambda span: (span.start_s, span.end_s))
    whole = [trace for trace in traces.values() if trace.spans or trace.root is not None]
    return sorted(whole, key=lambda trace: trace.start_s)


def _add(trace: Trace, written: dict[str, Any]) -> None:
    start_s, end_s = (written[key] / _NANOSECONDS for key in ("start_ns", "end_ns"))
    span = Span(written["name"], written["service"], start_s, end_s, dict(written["attributes"]))
    if span.name == names.TURN_SPAN:
        trace.root = span
    else:
        trace.spans.append(span)
