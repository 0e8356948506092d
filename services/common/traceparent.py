"""Traceparent: the W3C trace context that travels in messages; here only the trace's id is read out of it."""

from __future__ import annotations

import re
from typing import Final

_TRACE: Final = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")


def trace_id(traceparent: str) -> str:
    """Return the trace that a W3C trace context belongs to; "" for one that is none."""
    found = _TRACE.fullmatch(traceparent)
    return found[1] if found else ""
