"""Spans that are kept instead of sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from services.common.tracing.context import TraceContext
from services.common.tracing.settings import TraceSettings
from services.common.tracing.tracing import Attributes, Failure, Tracing


@dataclass(frozen=True)
class Kept:
    """One of them."""

    name: str
    own: TraceContext
    parent: TraceContext | None
    start_s: float
    end_s: float
    attributes: Attributes
    links: Sequence[TraceContext]
    failure: Failure | None = None


@dataclass
class Wall:
    """A wall clock that stands where it is set."""

    now_s: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now_s


class KeptTracing(Tracing):
    """Keeps what is recorded."""

    def __init__(self, *, tells_words: bool = False) -> None:
        super().__init__(TraceSettings(service="test", file="/dev/null", tells_words=tells_words))
        self.spans: list[Kept] = []

    def named(self, name: str) -> list[Kept]:
        """Return those of a name."""
        return [span for span in self.spans if span.name == name]

    def _give(
        self,
        name: str,
        own: TraceContext,
        parent: TraceContext | None,
        start_s: float,
        end_s: float,
        attributes: Attributes,
        links: Sequence[TraceContext],
        failure: Failure | None,
    ) -> None:
        self.spans.append(Kept(name, own, parent, start_s, max(start_s, end_s), attributes, links, failure))


@dataclass
class Traced:
    """What a test of a stage's spans needs."""

    tracing: KeptTracing = field(default_factory=KeptTracing)
    wall: Wall = field(default_factory=Wall)

    def at(self, after_s: float) -> float:
        """Set the clock; return the moment."""
        self.wall.now_s = 1_000_000.0 + after_s
        return self.wall.now_s

    def only(self, name: str) -> tuple[float, float, dict[str, Any]]:
        """Return the one span of a name: from when to when after the beginning, in seconds, and its attributes."""
        (span,) = self.tracing.named(name)
        known = {key.removeprefix("parley."): value for key, value in span.attributes.items()}
        return round(span.start_s - 1_000_000.0, 4), round(span.end_s - 1_000_000.0, 4), known
