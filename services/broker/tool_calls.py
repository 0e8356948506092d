"""Tool calls: what the model has asked to be done, until it has been told of all of it and can go on.

A response may call several tools; when all have answered, the model is asked for the next response. A call goes on
through an interruption and through the loss of the connection: its result is told in any case, but nobody is answered
who has taken the floor since.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from parley.v1 import session_pb2 as session
from services.broker.actions import Actions, CallTool
from services.broker.event import Event, text
from services.broker.history import History, Teller
from services.broker.items import output_item
from services.broker.reply import Reply
from services.broker.tools.declaration import END_CONVERSATION
from services.common.recent import Recent

log = logging.getLogger("parley.broker")

Status = session.ToolCall.Status


@dataclass(eq=False)
class Call:
    """One call, and its result once it is known."""

    call_id: str
    name: str
    arguments: str
    asked_s: float
    output: str | None = None
    is_foreign: bool = False
    """The model at this connection has not made it."""

    @property
    def weight(self) -> int:
        """About how many characters the model reads of it."""
        return len(self.name) + len(self.arguments) + len(self.output or "")

    def recall(self, teller: Teller) -> None:
        """Tell a model that doesn't know, if there is a result: a call without one confuses it."""
        self.is_foreign = self.output is None
        if self.output is not None:
            teller.call(self.call_id, self.name, self.arguments, self.output)


@dataclass(eq=False)
class Round:
    """The calls of one response."""

    reply: Reply
    turn: int
    calls: list[Call] = field(default_factory=list)
    is_generated: bool = False
    """The response has ended: no more calls come."""
    is_wanted: bool = True
    """The person still waits for what comes of it."""
    has_filler: bool = False

    @property
    def is_over(self) -> bool:
        """True when the model can be asked to go on."""
        return self.is_generated and all(call.output is not None for call in self.calls)


class ToolCalls:
    """One conversation's."""

    def __init__(self, actions: Actions, history: History, teller: Teller) -> None:
        self._actions = actions
        self._history = history
        self._teller = teller
        self._rounds: list[Round] = []
        self._known = Recent()
        self._turn = 0
        self._count = 0

    @property
    def rounds(self) -> list[Round]:
        """Those that are not over."""
        return list(self._rounds)

    @property
    def is_busy(self) -> bool:
        """True while the person waits for a tool."""
        return any(a_round.is_wanted for a_round in self._rounds)

    @property
    def is_running(self) -> bool:
        """True while any tool has not answered."""
        return bool(self._rounds)

    def rounds_of(self, turn: int) -> int:
        """Return how many responses of this turn have called tools so far."""
        return self._count if turn == self._turn else 0

    def called(self, reply: Reply, turn: int, item: Event, now_s: float) -> Call | None:
        """Take a complete `function_call` item; return the call unless it is none, or known: it is told three times."""
        call_id, name = _clean(text(item, "call_id")), _clean(text(item, "name"))
        if not call_id or not name or text(item, "status") == "incomplete" or not self._known.is_news(call_id):
            return None
        arguments = _clean(text(item, "arguments"))
        call = Call(call_id, name, arguments or "{}", now_s)
        a_round = self._round_of(reply, turn)
        a_round.calls.append(call)
        self._history.fill(self._history.reserve(call))
        self._write(a_round, call, Status.STATUS_CALLED)
        if name != END_CONVERSATION:
            self._actions.add(CallTool(call_id, name, call.arguments, turn))
        return call

    def restore(self, call: Call, reply: Reply) -> None:
        """Take a call that another broker has begun, and of which there is no result."""
        a_round = next((each for each in self._rounds if each.reply.number == reply.number), None)
        if a_round is None:
            a_round = Round(reply, reply.turn, is_generated=True)
            self._rounds.append(a_round)
        a_round.calls.append(call)

    def call_again(self, a_round: Round) -> None:
        """Have the calls of a round carried out that another broker may have carried out already."""
        for call in a_round.calls:
            if call.output is None:
                self._actions.add(CallTool(call.call_id, call.name, call.arguments, a_round.turn, is_reissue=True))

    def _round_of(self, reply: Reply, turn: int) -> Round:
        found = next((a_round for a_round in self._rounds if a_round.reply is reply), None)
        if found is None:
            self.note_round(turn)
            found = Round(reply, turn)
            self._rounds.append(found)
        return found

    def note_round(self, turn: int) -> None:
        """One more response of this turn has called tools."""
        self._turn, self._count = turn, self.rounds_of(turn) + 1

    def has_called(self, reply: Reply) -> bool:
        """Say whether the response of a reply, which has not ended yet, has made calls that are complete."""
        return any(a_round.reply is reply for a_round in self._rounds)

    def generated(self, reply: Reply) -> Round | None:
        """The response of a reply has ended; return its round, if it called tools."""
        for a_round in [a_round for a_round in self._rounds if a_round.reply is reply]:
            a_round.is_generated = True
            self._settle(a_round)
            return a_round
        return None

    def done(self, call_id: str, output: str, status: session.ToolCall.Status.ValueType) -> Round | None:
        """Take a result and tell the model; return the round if the model is to be asked to go on."""
        for a_round in self._rounds:
            for call in a_round.calls:
                if call.call_id == call_id and call.output is None:
                    call.output = output
                    self._tell(call)
                    self._write(a_round, call, status)
                    self._settle(a_round)
                    return a_round if a_round.is_over and a_round.is_wanted else None
        return None

    def drop(self) -> None:
        """The person has taken the floor: results are told, but not answered for."""
        for a_round in self._rounds:
            a_round.is_wanted = False

    def lose_model(self) -> None:
        """The connection has gone: no more calls come of the responses it gave."""
        for a_round in list(self._rounds):
            a_round.is_generated = True
            for call in a_round.calls:
                call.is_foreign = True
            self._settle(a_round)

    def slow(self, after_s: float, now_s: float) -> Round | None:
        """Return a round that lasts so long that something should be said meanwhile; each only once."""
        for a_round in self._rounds:
            waited = a_round.is_wanted and not a_round.has_filler and a_round.is_generated
            if waited and now_s - a_round.calls[0].asked_s >= after_s:
                a_round.has_filler = True
                return a_round
        return None

    def _write(self, a_round: Round, call: Call, status: session.ToolCall.Status.ValueType) -> None:
        """Have it stand in Redis now, whatever is not known yet of what was said before: a broker may come after us."""
        tool = session.ToolCall(
            call_id=call.call_id, name=call.name, arguments=call.arguments, output=call.output or "", status=status
        )
        role = session.HistoryItem.ROLE_TOOL
        self._actions.add(session.HistoryItem(role=role, turn=a_round.turn, reply=a_round.reply.number, tool=tool))

    def _tell(self, call: Call) -> None:
        if not call.is_foreign:
            item = output_item(call.call_id, call.output or "")
            self._actions.model("conversation.item.create", item=item)
        elif not self._actions.model_away:  # else it is told with all the rest
            self._teller.call(call.call_id, call.name, call.arguments, call.output or "")

    def _settle(self, a_round: Round) -> None:
        if a_round.is_over:
            self._rounds.remove(a_round)


def _clean(words: str) -> str:
    """Half a surrogate fits into no record."""
    return words.encode("utf-8", "replace").decode()
