"""What can go wrong, in our own words: foreign exceptions are mapped to these at the edge.

ParleyError
├── ProtocolFault   the peer broke the wires' rules
├── LimitFault      a limit was passed
├── FullFault       no room for another session
├── Unauthenticated no token that is good here
├── Superseded      a higher (lease, dial) owns the session
├── PeerLost        a stage's stream broke, or fell silent
├── StoreLost       Redis can't be reached
├── ModelFault      the model can't be reached, or refused
└── SettingsFault   a setting is missing or wrong
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar

from parley.v1 import stream_pb2 as wire


class ParleyError(Exception):
    """Something went wrong that a person can be told about.

    `message` says what happened and what to do. `code` and `retryable` are for programs. `detail` is for the operator:
    it goes into the log of the service where the fault arose, never over the wires.
    """

    code: ClassVar[wire.Error.Code.ValueType] = wire.Error.CODE_INTERNAL
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, detail: str = "") -> None:
        super().__init__(detail or message)
        self.message = message
        self.detail = detail or message

    def to_wire(self) -> wire.Error:
        """Return the Error message that tells a peer of it."""
        return wire.Error(code=self.code, message=self.message, retryable=self.retryable)


class ProtocolFault(ParleyError):
    """The peer broke the wires' rules."""

    code = wire.Error.CODE_PROTOCOL


class VersionFault(ProtocolFault):
    """The peer speaks another version."""

    code = wire.Error.CODE_VERSION


class FormatFault(ProtocolFault):
    """The audio is not in a format that is taken."""

    code = wire.Error.CODE_FORMAT


class AgentFault(ProtocolFault):
    """The client asks for an agent that there is not."""


class ResumeFault(ParleyError):
    """The session to be resumed is unknown."""

    code = wire.Error.CODE_RESUME


class Superseded(ParleyError):
    """A higher (lease, dial) owns the session."""

    code = wire.Error.CODE_SUPERSEDED


class LimitFault(ParleyError):
    """A limit was passed: too much sent, or read too slowly. `limit` names it for the counters."""

    code = wire.Error.CODE_LIMIT

    def __init__(self, message: str, *, limit: str = "other") -> None:
        super().__init__(message)
        self.limit = limit


class FullFault(ParleyError):
    """The server holds as many sessions as it may."""

    code = wire.Error.CODE_FULL
    retryable = True


class Unauthenticated(ParleyError):
    """Who calls has shown no token that is good here, or it does not allow what was asked for."""

    code = wire.Error.CODE_UNAUTHENTICATED


class PeerLost(ParleyError):
    """A stage's stream broke without a last message, or fell silent."""

    code = wire.Error.CODE_UNAVAILABLE
    retryable = True

    def __init__(self, stage: str, detail: str) -> None:
        super().__init__(f"{stage} was lost: {detail}. Try again in a moment.")
        self.stage = stage


class StoreLost(ParleyError):
    """Redis can't be reached."""

    code = wire.Error.CODE_STORE
    retryable = True


class ModelFault(ParleyError):
    """The model can't be reached, or refused.

    `detail` names servers, settings and what the server said; a caller has no use for it and no right to it. `message`
    is a sentence of our own.
    """

    code = wire.Error.CODE_MODEL
    retryable = True
    plain: ClassVar[str] = "The assistant can't be reached just now. Please try again in a moment."
    """The message where none is given."""

    def __init__(self, detail: str, *, message: str = "") -> None:
        super().__init__(message or self.plain, detail=detail)


class SettingsFault(ParleyError):
    """A setting is missing or wrong."""


class RemoteFault(ParleyError):
    """A stage further on told of a fault; its words go to the client as they are."""

    def __init__(self, error: wire.Error) -> None:
        super().__init__(error.message)
        self.error = error

    def to_wire(self) -> wire.Error:
        """Return the stage's own Error."""
        return self.error


@contextmanager
def map_exceptions(mapping: Mapping[type[BaseException], type[ParleyError]], what: str) -> Iterator[None]:
    """Turn foreign exceptions into ours, keeping them as the cause; `what` says what was being done."""
    try:
        yield
    except tuple(mapping) as error:
        ours = next(ours for theirs, ours in mapping.items() if isinstance(error, theirs))
        raise ours(f"{what}: {str(error) or type(error).__name__}") from error
