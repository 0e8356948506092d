"""Backoff: how long to wait before something is tried again."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def backoff_s(tried: int, jitter: float, first_s: float, most_s: float) -> float:
    """Return the wait after `tried` tries: `first_s`, doubled each time up to `most_s`, of which half is chance.

    `jitter` is a random number from 0 to 1: many that lost the same server don't come back all at once.
    """
    return min(first_s * 2.0 ** min(tried - 1, 30), most_s) * (0.5 + jitter / 2)


def retry_after_s(header: str, now: datetime | None = None) -> float:
    """Return what a `Retry-After` asks for, in seconds: a number or an HTTP date; 0 for none, and for nonsense."""
    try:
        seconds = float(header)
    except ValueError:
        return _until(header, now or datetime.now(UTC))
    return seconds if math.isfinite(seconds) and seconds > 0 else 0.0


def _until(date: str, now: datetime) -> float:
    try:
        then = parsedate_to_datetime(date)
    except (ValueError, TypeError, IndexError, OverflowError):
        return 0.0
    return max((then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp() - now.timestamp(), 0.0)
