"""The probe: what it makes of metrics and of keys."""

from __future__ import annotations

from services.common.store import _key
from tests.soak.probe import KINDS, figures_in, kind_of

METRICS = """\
# HELP parley_tasks Tasks of the event loop.
# TYPE parley_tasks gauge
parley_tasks 321.0
parley_sessions_active{agent="default"} 4.0
parley_sessions_active{agent="clerk"} 3.0
parley_sessions_refused_total{reason="full"} 2.0
parley_loop_lag_seconds_bucket{le="0.005"} 100.0
process_open_fds 30.0
"""


def test_figures_are_summed_over_labels_and_the_rest_is_left() -> None:
    """What a process does not tell is 0."""
    found = figures_in(METRICS)
    assert (found["tasks"], found["sessions"], found["refused"], found["cancelled_reads"]) == (321, 7, 2, 0)
    assert "process_open_fds" not in found


def test_keys_are_told_by_their_kind() -> None:
    """Those of sessions, whatever a session is called, and others."""
    assert [kind_of(_key("a:b", kind).encode()) for kind in KINDS] == list(KINDS)
    assert kind_of(b"parley:something") == kind_of(b"\xff") == "other"
