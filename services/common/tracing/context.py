"""Trace contexts: the W3C `traceparent` that travels in messages, read and minted."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import Final

_HEADER: Final = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")


@dataclass(frozen=True)
class TraceContext:
    """A trace, and one span of it, as hexadecimal digits: 32 and 16."""

    trace_id: str
    span_id: str

    @classmethod
    def parse(cls, traceparent: str) -> TraceContext | None:
        """Return what a header says; None for one that is none."""
        found = _HEADER.fullmatch(traceparent)
        return cls(found[1], found[2]) if found else None

    @classmethod
    def mint(cls, trace_id: str = "") -> TraceContext:
        """Return a fresh one, or a fresh span of a trace that there is."""
        return cls(trace_id or secrets.token_hex(16), secrets.token_hex(8))

    def __str__(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-01"


def mint(trace_id: str = "") -> str:
    """Return a fresh header, or one for a fresh span of a trace that there is."""
    return str(TraceContext.mint(trace_id))
