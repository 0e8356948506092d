"""What conversations leave behind is told from what may stay."""

from __future__ import annotations

from tests.chaos.cleanliness import OWNED, gauges

METRICS = """\
# HELP parley_sessions_active Sessions under way.
parley_sessions_active{agent="a"} 1.0
parley_sessions_active{agent="b"} 2.0
parley_sessions_ended_total{agent="a"} 7.0
parley_sessions_parked 0.0
"""


def test_sessions_are_counted_over_all_labels() -> None:
    """What only grows is no session that is left."""
    assert gauges(METRICS) == {"parley_sessions_active": 3.0, "parley_sessions_parked": 0.0}


def test_owner_and_lease_are_what_an_ended_session_has_not() -> None:
    """Its record and its history may be kept."""
    names = [f"session:{{s-1}}:{what}" for what in ("owner", "lease", "record", "history")]
    assert [bool(OWNED.match(name)) for name in names] == [True, True, False, False]
