"""The lead: how far ahead of its time a reply's audio is sent to the client. ingress agrees on it, egress keeps it."""

from __future__ import annotations

from typing import Final

DEFAULT_LEAD_MS: Final = 100
MIN_LEAD_MS: Final = 60
MAX_LEAD_MS: Final = 2_000


def agreed_lead_ms(wanted_ms: int) -> int:
    """Return the lead for what a client wants, within bounds; 0 asks for the default."""
    return min(max(wanted_ms, MIN_LEAD_MS), MAX_LEAD_MS) if wanted_ms else DEFAULT_LEAD_MS
