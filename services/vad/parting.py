"""Parting: how a session leaves this vad, and what is said of it on either side.

DONE and FAILED end it all along the ring. With anything else it goes on elsewhere: the broker keeps it for the next
vad, and ingress takes this one for lost.
"""

from __future__ import annotations

from dataclasses import dataclass

from parley.v1 import stream_pb2
from parley.v1 import vad_service_pb2 as wire
from services.common.errors import FullFault, ParleyError, PeerLost, RemoteFault, Superseded

Reason = stream_pb2.StreamEnd


class NobodyCameBack(ParleyError):
    """The stream of a session broke, and no ingress has gone on with it."""

    def __init__(self) -> None:
        super().__init__("nobody came back")


class BrokerFailed(ParleyError):
    """The broker says that the session has failed, and no more: it would fail elsewhere, too."""

    def __init__(self, detail: str) -> None:
        super().__init__(f"the broker ended it: {detail or 'it does not say why'}")


class BrokerLeaves(PeerLost):
    """The broker stops, and says so: another one goes on with the session."""

    def __init__(self, detail: str) -> None:
        super().__init__("broker", detail or "it ended its stream and says that another one goes on")


class Draining(Superseded):
    """Stopping, this vad leaves the session to another."""

    def __init__(self) -> None:
        super().__init__("this vad is stopping; another one goes on with the session")


class Stopping(FullFault):
    """Stopping, this vad takes no more sessions."""

    def __init__(self) -> None:
        super().__init__("This server is stopping. Try again: another one takes the session.")


@dataclass(frozen=True)
class Parting:
    """The last words to both sides."""

    to_ingress: Reason.Reason.ValueType
    to_broker: Reason.Reason.ValueType
    first: wire.ListenResponse | None = None
    """What ingress is told before the end."""


def parting(fault: ParleyError | None) -> Parting:
    """Return how a session parts that ends by `fault`, or well."""
    match fault:
        case None | NobodyCameBack():
            return Parting(Reason.REASON_DONE, Reason.REASON_DONE)
        case Draining():
            return Parting(Reason.REASON_DRAINING, Reason.REASON_SUPERSEDED)
        case Superseded():
            return Parting(Reason.REASON_SUPERSEDED, Reason.REASON_SUPERSEDED)
        case PeerLost(stage="broker"):
            lost = wire.ListenResponse(peer_lost=stream_pb2.PeerLost(stage="broker", detail=reason_of(fault)))
            return Parting(Reason.REASON_DRAINING, Reason.REASON_SUPERSEDED, lost)
        case BrokerFailed():
            return Parting(Reason.REASON_FAILED, Reason.REASON_FAILED)
        case _:
            error = wire.ListenResponse(error=fault.to_wire())
            if fault.to_wire().code == stream_pb2.Error.CODE_INTERNAL:  # another vad may do better
                return Parting(Reason.REASON_DRAINING, Reason.REASON_SUPERSEDED, error)
            return Parting(Reason.REASON_FAILED, Reason.REASON_FAILED, error)


def reason_of(lost: PeerLost) -> str:
    """Return why a peer was lost, without what surrounds it for people."""
    return lost.message.removeprefix(f"{lost.stage} was lost: ").removesuffix(". Try again in a moment.")


def fault_of(error: stream_pb2.Error) -> ParleyError:
    """Return what the broker tells of: its own words, for whoever is to hear them if nobody else takes the session."""
    if error.code == stream_pb2.Error.CODE_SUPERSEDED:
        return Superseded(error.message)
    return RemoteFault(error)


def fault_of_end(end: stream_pb2.StreamEnd) -> ParleyError | None:
    """Return what the broker's last word means for the session; None if it is well over."""
    match end.reason:
        case Reason.REASON_DONE:
            return None
        case Reason.REASON_SUPERSEDED:
            return Superseded(f"the broker goes on with another vad ({end.detail})")
        case Reason.REASON_FAILED:
            return BrokerFailed(end.detail)
        case _:
            return BrokerLeaves(end.detail)
