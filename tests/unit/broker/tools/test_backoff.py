"""Backoff: waits that grow, differ, and end."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.broker.tools.backoff import backoff_s, retry_after_s

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


def test_waits_double_up_to_a_most() -> None:
    """Half of each is chance."""
    assert [backoff_s(tried, 1.0, 0.25, 1.5) for tried in (1, 2, 3, 4, 400)] == [0.25, 0.5, 1.0, 1.5, 1.5]
    assert backoff_s(1, 0.0, 0.25, 1.5) == 0.125


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("2", 2.0),
        ("1.5", 1.5),
        ("Sat, 28 Nov 2026 12:00:30 GMT", 30.0),
        ("Sat, 28 Nov 2026 11:00:00 GMT", 0.0),
        ("", 0.0),
        ("soon", 0.0),
        ("-1", 0.0),
        ("nan", 0.0),
        ("inf", 0.0),
        ("Sat, 99 Nov 2026 12:00:30 GMT", 0.0),
    ],
)
def test_retry_after_is_a_number_or_a_date(header: str, seconds: float) -> None:
    """Nonsense asks for nothing."""
    assert retry_after_s(header, NOW) == seconds


@given(st.text(max_size=40))
def test_no_retry_after_breaks_anything(header: str) -> None:
    """A server may send any text there."""
    assert retry_after_s(header, NOW) >= 0
