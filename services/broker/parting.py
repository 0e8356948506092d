"""Parting: how a session leaves this broker: it is over, it has failed, or another broker goes on with it."""

from __future__ import annotations

from typing import Final

from parley.v1 import stream_pb2 as wire
from services.common.errors import FullFault, ParleyError, PeerLost, Superseded

_End = wire.StreamEnd


class NobodyCameBack(PeerLost):
    """The session's stream broke, and nobody has gone on with it."""

    def __init__(self, waited_s: float) -> None:
        super().__init__("vad", f"nobody came back within {waited_s:g} s")


class Draining(Superseded):
    """The broker stops, and another one goes on with the session."""

    def __init__(self) -> None:
        super().__init__("the broker is stopping; another one goes on with the session")


class Stopping(FullFault):
    """The broker stops, and takes no more sessions."""

    def __init__(self) -> None:
        super().__init__("This server is stopping. Try again: another one takes the session.")


_REASONS: Final[tuple[tuple[type[ParleyError], _End.Reason.ValueType], ...]] = (
    (Draining, _End.REASON_DRAINING),
    (Superseded, _End.REASON_SUPERSEDED),
    (NobodyCameBack, _End.REASON_DONE),
)


def last_word(fault: ParleyError | None) -> wire.StreamEnd:
    """Return the last message of every stream of a session that ends by `fault`, or well."""
    if fault is None:
        return _End(reason=_End.REASON_DONE)
    reason = next((reason for kind, reason in _REASONS if isinstance(fault, kind)), _End.REASON_FAILED)
    return _End(reason=reason, detail=fault.message)


def goes_on_elsewhere(fault: ParleyError | None) -> bool:
    """Say whether the session is not over by this: nobody is told that it is, and its history is another's to write."""
    return isinstance(fault, Superseded)
