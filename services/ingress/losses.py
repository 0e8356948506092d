"""Loss: why a hop has to be dialled again and which stages may be to blame; or that nobody else could do better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from parley.v1 import stream_pb2
from services.common.errors import ParleyError, PeerLost, RemoteFault, Superseded

VAD: Final = "vad"
BROKER: Final = "broker"
EGRESS: Final = "egress"

BEHIND: Final[dict[str, tuple[str, ...]]] = {VAD: (VAD, BROKER), EGRESS: (EGRESS,)}
"""The two hops that ingress dials, named for the stage that answers, and the stages that each leads to."""

_ELSEWHERE: Final = (stream_pb2.Error.CODE_UNAVAILABLE, stream_pb2.Error.CODE_FULL)


class StageFailed(PeerLost):
    """A stage has ended the session as failed: it would end elsewhere, too."""


@dataclass(frozen=True)
class Loss:
    """A hop is lost. `suspects` are the stages that may be to blame: where there are two, nobody knows which."""

    fault: ParleyError
    suspects: tuple[str, ...]
    is_internal: bool = False
    """It came of a fault in a stage's program, which this session may bring with it wherever it goes."""


def loss_of(hop: str, fault: ParleyError, *, resumes: bool) -> Loss | None:
    """Return what a hop's fault means; None when it ends the session, because another stage would say the same."""
    match fault:
        case StageFailed() | Superseded():
            return None
        case PeerLost() if fault.stage in (VAD, BROKER, EGRESS):
            return Loss(fault, (fault.stage,))
        case RemoteFault() if _is_elsewhere_better(fault.error, resumes=resumes):
            # Who is full, or misses somebody, is not said: what vad tells may be the broker's own words.
            return Loss(fault, BEHIND[hop], fault.error.code == stream_pb2.Error.CODE_INTERNAL)
    return None


def _is_elsewhere_better(error: stream_pb2.Error, *, resumes: bool) -> bool:
    if error.code == stream_pb2.Error.CODE_INTERNAL:
        return error.retryable
    # A broker that takes over needs the history. Redis may be back in a moment, and the session is worth waiting for.
    return error.code in _ELSEWHERE or (resumes and error.code == stream_pb2.Error.CODE_STORE)


def ended(stage: str, end: stream_pb2.StreamEnd) -> ParleyError | None:
    """Return what a stage's last message means; None: the conversation is over, and well."""
    match end.reason:
        case stream_pb2.StreamEnd.REASON_DONE:
            return None
        case stream_pb2.StreamEnd.REASON_SUPERSEDED:
            return Superseded("this conversation was taken over by another connection.")
        case stream_pb2.StreamEnd.REASON_DRAINING:
            return PeerLost(stage, f"it is stopping: {end.detail}" if end.detail else "it is stopping")
    reason = stream_pb2.StreamEnd.Reason.Name(end.reason).removeprefix("REASON_").lower()
    return StageFailed(stage, f"it ended the session ({reason}) {end.detail}".strip())


def last_word(fault: ParleyError | None) -> stream_pb2.StreamEnd:
    """Return what the stages are told when the session ends here; what was taken over goes on there."""
    if fault is None:
        return stream_pb2.StreamEnd(reason=stream_pb2.StreamEnd.REASON_DONE)
    taken_over = fault.to_wire().code == stream_pb2.Error.CODE_SUPERSEDED
    reason = stream_pb2.StreamEnd.REASON_SUPERSEDED if taken_over else stream_pb2.StreamEnd.REASON_FAILED
    return stream_pb2.StreamEnd(reason=reason, detail=fault.message)
