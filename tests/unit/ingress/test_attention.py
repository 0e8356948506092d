"""Attention: who has stopped reading, or talking, is let go; who merely stutters is not."""

from __future__ import annotations

import pytest

from services.common.errors import LimitFault
from services.common.outbox import OutboxStatistics
from services.ingress.attention import Attention
from services.ingress.limits import Limits

LIMITS = Limits(slow_reader_s=10, max_idle_s=60, max_session_s=600)


def watch(
    attention: Attention, until_s: float, *, since_s: float = 0, sent_per_s: int = 0, lost_per_s: int = 0
) -> None:
    """Look once a second at a client for whom something always waits."""
    for now_s in range(int(since_s), int(until_s)):
        statistics = OutboxStatistics(sent=now_s * sent_per_s, dropped=now_s * lost_per_s)
        attention.check(5, statistics, now_s)


def test_a_client_that_does_not_read_is_closed() -> None:
    """Something waits and nothing has gone out for ten seconds."""
    with pytest.raises(LimitFault, match="not read in time for 10 s") as caught:
        watch(Attention(LIMITS, 0), 12)
    assert caught.value.limit == "slow_reader"


def test_a_client_that_reads_too_slowly_is_closed() -> None:
    """It reads, but old audio has to be dropped all the time."""
    with pytest.raises(LimitFault, match="not read in time"):
        watch(Attention(LIMITS, 0), 12, sent_per_s=20, lost_per_s=30)


def test_a_client_that_stutters_is_kept() -> None:
    """Nine bad seconds, a good one, nine bad ones."""
    attention = Attention(LIMITS, 0)
    watch(attention, 9, lost_per_s=30)
    attention.check(0, OutboxStatistics(sent=500, dropped=240), 9.5)
    watch(attention, 19, since_s=10)


def test_a_client_with_nothing_to_read_is_kept() -> None:
    """Silence is no slowness."""
    attention = Attention(LIMITS, 0)
    for now_s in range(50):
        attention.check(0, OutboxStatistics(), now_s)


def test_a_session_in_which_nobody_speaks_is_ended() -> None:
    """Counted from the last activity."""
    attention = Attention(LIMITS, 0)
    attention.active(50)
    attention.check(0, OutboxStatistics(), 109)
    with pytest.raises(LimitFault, match="nobody has spoken or typed for 60 s") as caught:
        attention.check(0, OutboxStatistics(), 111)
    assert caught.value.limit == "idle"


def test_a_session_ends_at_its_longest() -> None:
    """However lively it is."""
    attention = Attention(LIMITS, 0)
    attention.active(600)
    with pytest.raises(LimitFault, match="has reached its 600 s") as caught:
        attention.check(0, OutboxStatistics(), 601)
    assert caught.value.limit == "session_length"


def test_without_limits_a_session_may_idle_for_ever() -> None:
    """Zero switches them off."""
    attention = Attention(Limits(max_idle_s=0, max_session_s=0), 0)
    attention.check(0, OutboxStatistics(), 1e6)
