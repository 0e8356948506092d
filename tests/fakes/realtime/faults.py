"""What goes wrong on purpose: sockets that end at a chosen moment, client events that are refused or lost."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.fakes.realtime.wire import Event, Refusal

ABORT = 1006
"""No close code at all: the TCP connection is cut, as by a dead network. (1006 never travels.)"""


@dataclass(slots=True)
class Drop:
    """Ends one connection at a moment of the protocol, once.

    The moment is `before` or `after` the nth event of a type; "*" is any event of the server's. `before` a client event
    means that it has arrived and is not carried out; `after`, that all it brings about at once has been sent.
    """

    before: str = ""
    after: str = ""
    nth: int = 1
    code: int = ABORT
    reason: str = ""
    expired: bool = False
    """Say `session_expired` first, as the service does after its hour."""
    half_a_frame: bool = False
    """With ABORT and `before` an event of the server's: half of it still goes out."""
    connection: int | None = None
    """Only on this connection (from 0 on); otherwise events are counted over all of them."""
    has_happened: bool = False
    _seen: int = 0

    def falls(self, kind: str, connection: int, *, before: bool, ours: bool) -> bool:
        """Count an event, `ours` if the server sends it; say whether the moment has come."""
        wanted = self.before if before else self.after
        is_meant = wanted == kind or (wanted == "*" and ours)
        if self.has_happened or self.connection not in (None, connection) or not is_meant:
            return False
        self._seen += 1
        self.has_happened = self._seen == self.nth
        return self.has_happened


@dataclass(slots=True)
class Refuse:
    """Answers client events of a type with an error instead of carrying them out: from the nth on, so many `times`."""

    on: str
    code: str | None = "invalid_value"
    type: str = "invalid_request_error"
    message: str = "The server would rather not."
    nth: int = 1
    times: int = 1
    names_event: bool = True
    """False: the error doesn't say which event it answers."""
    connection: int | None = None
    _seen: int = 0

    def answer(self, kind: str, connection: int) -> Refusal | None:
        """Count an event; give its refusal if it gets one."""
        if self.on != kind or self.connection not in (None, connection):
            return None
        self._seen += 1
        if not self.nth <= self._seen < self.nth + self.times:
            return None
        return Refusal(self.code, self.message, type=self.type, names_event=self.names_event)


@dataclass(slots=True)
class Lose:
    """Takes client events of a type and does nothing, not even answer: from the nth on, so many `times`."""

    on: str
    nth: int = 1
    times: int = 1
    connection: int | None = None
    _seen: int = 0

    def takes(self, kind: str, connection: int) -> bool:
        """Count an event; say whether it is lost."""
        if self.on != kind or self.connection not in (None, connection):
            return False
        self._seen += 1
        return self.nth <= self._seen < self.nth + self.times


Fault = Drop | Refuse | Lose


@dataclass(slots=True)
class Faults:
    """All that is to go wrong at one server. Tests may add to `plans` while it runs."""

    plans: list[Fault] = field(default_factory=list)

    def drop(self, kind: str, connection: int, *, before: bool, ours: bool) -> Drop | None:
        """Give the end that falls on this moment, if one does."""
        drops = [plan for plan in self.plans if isinstance(plan, Drop)]
        falling = [plan for plan in drops if plan.falls(kind, connection, before=before, ours=ours)]
        return falling[0] if falling else None

    def loses(self, event: Event, connection: int) -> bool:
        """Say whether a client event is lost; raises Refusal when it is refused."""
        kind, is_lost, refusal = str(event.get("type")), False, None
        for plan in self.plans:  # each counts, whatever the others say
            if isinstance(plan, Lose):
                is_lost |= plan.takes(kind, connection)
            elif isinstance(plan, Refuse):
                refusal = plan.answer(kind, connection) or refusal
        if refusal is not None:
            raise refusal
        return is_lost
