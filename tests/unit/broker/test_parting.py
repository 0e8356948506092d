"""Parting: the last word of a session's streams, and whether it is over by it."""

from __future__ import annotations

import pytest

from parley.v1 import stream_pb2 as wire
from services.broker.account import end_reason
from services.broker.parting import Draining, NobodyCameBack, Stopping, goes_on_elsewhere, last_word
from services.common.errors import ModelFault, ParleyError, Superseded

END = wire.StreamEnd


@pytest.mark.parametrize(
    ("fault", "reason", "elsewhere", "told"),
    [
        (None, END.REASON_DONE, False, "client"),
        (ModelFault("gone"), END.REASON_FAILED, False, "fault"),
        (NobodyCameBack(40), END.REASON_DONE, False, "fault"),
        (Superseded("later"), END.REASON_SUPERSEDED, True, "superseded"),
        (Draining(), END.REASON_DRAINING, True, "superseded"),
    ],
)
def test_why_it_ends(
    fault: ParleyError | None, reason: wire.StreamEnd.Reason.ValueType, elsewhere: bool, told: str
) -> None:
    """Each way has its last word; only who goes on elsewhere keeps it from the operator."""
    assert last_word(fault).reason == reason
    assert goes_on_elsewhere(fault) is elsewhere
    assert end_reason(None, fault) == told


def test_who_is_refused_may_try_again() -> None:
    """Another broker takes the session."""
    error = Stopping().to_wire()
    assert (error.code, error.retryable) == (wire.Error.CODE_FULL, True)
