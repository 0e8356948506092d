"""Losses: which faults of a hop lead elsewhere, and which end the session."""

from __future__ import annotations

import pytest

from parley.v1 import stream_pb2
from services.common.errors import LimitFault, ModelFault, ParleyError, PeerLost, RemoteFault, Superseded
from services.ingress.losses import EGRESS, VAD, StageFailed, ended, last_word, loss_of

Code = stream_pb2.Error
End = stream_pb2.StreamEnd


def told(code: stream_pb2.Error.Code.ValueType, *, retryable: bool = True) -> RemoteFault:
    """A fault that a stage told of."""
    return RemoteFault(Code(code=code, message="no", retryable=retryable))


@pytest.mark.parametrize(
    ("hop", "fault", "suspects"),
    [
        (VAD, PeerLost("vad", "it broke"), ("vad",)),
        (VAD, PeerLost("broker", "it broke"), ("broker",)),
        (EGRESS, PeerLost("egress", "it broke"), ("egress",)),
        (VAD, told(Code.CODE_UNAVAILABLE), ("vad", "broker")),
        (VAD, told(Code.CODE_FULL), ("vad", "broker")),
        (EGRESS, told(Code.CODE_FULL), ("egress",)),
        (VAD, told(Code.CODE_INTERNAL), ("vad", "broker")),
        (VAD, told(Code.CODE_INTERNAL, retryable=False), None),
        (VAD, told(Code.CODE_MODEL), None),
        (VAD, told(Code.CODE_PROTOCOL), None),
        (VAD, told(Code.CODE_SUPERSEDED), None),
        (VAD, PeerLost("model", "it went"), None),
        (VAD, StageFailed("vad", "it ended the session"), None),
        (VAD, Superseded("later"), None),
        (VAD, LimitFault("too much"), None),
        (VAD, ModelFault("no key"), None),
    ],
)
def test_what_a_fault_means(hop: str, fault: ParleyError, suspects: tuple[str, ...] | None) -> None:
    """A stage that is lost, stops, or is full is replaced; what would happen elsewhere too ends the session."""
    loss = loss_of(hop, fault, resumes=False)
    assert (loss.suspects if loss else None) == suspects
    assert loss is None or loss.fault is fault
    assert loss is None or loss.is_internal == (fault.to_wire().code == Code.CODE_INTERNAL)


def test_a_broker_without_history_is_waited_for_only_where_it_needs_one() -> None:
    """A new session is refused while Redis is away; one that goes on is worth a few attempts."""
    assert loss_of(VAD, told(Code.CODE_STORE), resumes=False) is None
    assert loss_of(VAD, told(Code.CODE_STORE), resumes=True) is not None


def test_how_a_stage_s_last_message_is_understood() -> None:
    """Done is well; stopping is a loss; superseded is the end of it here; all else failed."""
    assert ended(VAD, End(reason=End.REASON_DONE)) is None
    stopping = ended(VAD, End(reason=End.REASON_DRAINING))
    assert stopping is not None
    assert loss_of(VAD, stopping, resumes=True) is not None
    assert isinstance(ended(VAD, End(reason=End.REASON_SUPERSEDED)), Superseded)
    for reason in (End.REASON_FAILED, End.REASON_UNSPECIFIED):
        assert isinstance(ended(VAD, End(reason=reason)), StageFailed)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (None, End.REASON_DONE),
        (PeerLost("vad", "it broke"), End.REASON_FAILED),
        (Superseded("later"), End.REASON_SUPERSEDED),
        (told(Code.CODE_SUPERSEDED), End.REASON_SUPERSEDED),
    ],
)
def test_what_the_stages_are_told_of_our_end(fault: ParleyError | None, reason: End.Reason.ValueType) -> None:
    """What was taken over must not be ended by who lost it."""
    assert last_word(fault).reason == reason
