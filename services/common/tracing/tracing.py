"""Tracing: spans, recorded when what they tell of is over, and given to a thread that sends them.

Nothing here waits, and nobody holds a span open: a stage notes when something began, and records it when it has ended.
What can't be sent in time is dropped, the newest first, and counted.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from parley.v1 import stream_pb2
from services.common import names
from services.common.errors import ParleyError
from services.common.settings import Environment
from services.common.tracing.context import TraceContext
from services.common.tracing.settings import TraceSettings

if TYPE_CHECKING:
    from services.common.tracing.sending import Sender

log = logging.getLogger("parley.tracing")

WAITING: Final = 2_048
"""Spans that wait to be sent; newer ones are dropped, and counted."""
CLOSING_S: Final = 2.0
"""How long a process that ends waits for its last spans to be sent."""

Value: TypeAlias = "str | bool | int | float | Sequence[str] | Sequence[int]"
Attributes: TypeAlias = Mapping[str, Value]


@dataclass(frozen=True)
class Failure:
    """What went wrong: `kind` for programs, one of few; `words` are ours, and nobody's who has talked."""

    kind: str
    words: str

    @classmethod
    def of(cls, fault: ParleyError) -> Failure:
        """Return what a fault is to a trace: what people are told of it."""
        error = fault.to_wire()
        return cls(stream_pb2.Error.Code.Name(error.code).removeprefix("CODE_").lower(), fault.message)


@dataclass(frozen=True)
class Lost:
    """Spans that are lost: there was no room for them to wait (`full`), or nobody took them (`unsent`), in messages."""

    full: int = 0
    unsent: int = 0
    messages: int = 0


class Tracing:
    """A process' spans. With nothing set it does nothing, and `is_on` says so to whoever would have to work for it.

    `prepare` makes what sends them, which takes a moment that nobody has in mid-conversation.
    """

    def __init__(self, settings: TraceSettings | None = None) -> None:
        self.settings = settings or TraceSettings()
        self.is_on = self.settings.is_on
        self._sender: Sender | None = None

    @property
    def tells_words(self) -> bool:
        """Whether what was said may stand in spans."""
        return self.is_on and self.settings.tells_words

    @property
    def lost(self) -> Lost:
        """What could not be sent so far."""
        return self._sender.lost if self._sender is not None else Lost()

    @property
    def dropped(self) -> int:
        """Spans that could not be sent, for whatever reason."""
        return self.lost.full + self.lost.unsent

    def record(
        self,
        name: str,
        turn: str,
        start_s: float,
        end_s: float,
        attributes: Attributes | None = None,
        failure: Failure | None = None,
    ) -> None:
        """Record a span of a turn. `turn` is the traceparent of its root; moments are seconds of Unix time."""
        if self.is_on and (parent := TraceContext.parse(turn)) is not None:
            own = TraceContext.mint(parent.trace_id)
            self._give(name, own, parent, start_s, end_s, attributes or {}, (), failure)

    def record_root(
        self,
        name: str,
        turn: str,
        start_s: float,
        end_s: float,
        attributes: Attributes | None = None,
        *,
        links: Sequence[str] = (),
        failure: Failure | None = None,
    ) -> None:
        """Record the root itself: the span that `turn` names. `links` are traceparents of what it has to do with."""
        if self.is_on and (own := TraceContext.parse(turn)) is not None:
            linked = [link for each in links if (link := TraceContext.parse(each)) is not None]
            self._give(name, own, None, start_s, end_s, attributes or {}, linked, failure)

    def _give(
        self,
        name: str,
        own: TraceContext,
        parent: TraceContext | None,
        start_s: float,
        end_s: float,
        attributes: Attributes,
        links: Sequence[TraceContext],
        failure: Failure | None,
    ) -> None:
        self.prepare().give(name, own, parent, start_s, max(start_s, end_s), attributes, links, failure)

    def prepare(self) -> Sender:
        """Make what sends, if it is not there yet."""
        if self._sender is None:
            # Imported here: it takes some tenths of a second, and without traces nobody needs it.
            from services.common.tracing.sending import Sender

            self._sender = Sender(self.settings, WAITING)
        return self._sender

    def close(self) -> None:
        """Send what waits, but not for ever."""
        if self._sender is not None:
            closing = threading.Thread(target=self._sender.close, name="tracing-close", daemon=True)
            closing.start()
            closing.join(CLOSING_S)


class SessionTracing:
    """One session's: every span says whose it is."""

    def __init__(self, tracing: Tracing, session: str) -> None:
        self.tracing = tracing
        self.is_on = tracing.is_on
        self._session = {names.CONVERSATION_ID: session}

    def record(
        self,
        name: str,
        turn: str,
        start_s: float,
        end_s: float,
        failure: Failure | None = None,
        /,
        **attributes: Value,
    ) -> None:
        """Record a span of a turn; an attribute `a__b` is `parley.a.b`."""
        if self.is_on:
            self.tracing.record(name, turn, start_s, end_s, self.attributes(**attributes), failure)

    def attributes(self, **attributes: Value) -> dict[str, Value]:
        """Return attributes under their full names, with the session's."""
        return {**self._session, **{f"parley.{key.replace('__', '.')}": value for key, value in attributes.items()}}


class _Here:
    tracing = Tracing()


def here() -> Tracing:
    """Return this process' tracing; like the log there is one, and it is off until `started`."""
    return _Here.tracing


@contextmanager
def started(env: Environment, service: str) -> Iterator[Tracing]:
    """Trace as the environment says while the block lasts. Raises SettingsFault."""
    _Here.tracing = tracing = Tracing(TraceSettings.read(env, service))
    if tracing.is_on:
        tracing.prepare()
    try:
        yield tracing
    finally:
        tracing.close()
        _Here.tracing = Tracing()
