"""Remote calls: tools of MCP servers, which the model's own server calls. It waits to be asked to go on after them.

When the response that made a call has ended and the call has, in whatever order, a plain `response.create` has the
model speak of the result, which stands in the conversation already (OpenAI's own example does so: without it nothing
is said until the person speaks).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from services.broker.actions import Actions
from services.broker.event import Event, text
from services.broker.reply import Reply

LOST_S: Final = 60.0
"""A call of which nothing is heard for so long is given up: the model goes on without it, or says so."""

_OVER: Final = frozenset({"response.mcp_call.completed", "response.mcp_call.failed"})


@dataclass(eq=False)
class _Calls:
    reply: Reply
    since_s: float
    running: set[str] = field(default_factory=set)
    is_generated: bool = False
    is_wanted: bool = True


class RemoteCalls:
    """One conversation's."""

    def __init__(self, actions: Actions) -> None:
        self._actions = actions
        self._calls: list[_Calls] = []

    @property
    def is_busy(self) -> bool:
        """True while one is under way."""
        return bool(self._calls)

    def item(self, reply: Reply, item: Event, now_s: float) -> None:
        """Take an item of a response. Nobody is there to approve a call: what the profile allows needs no approval."""
        item_id = text(item, "id")
        if text(item, "type") == "mcp_call" and item_id:
            self._of(reply, now_s).running.add(item_id)
        elif text(item, "type") == "mcp_approval_request" and item_id:
            answer = {"type": "mcp_approval_response", "id": f"no_{item_id}"[:32], "approval_request_id": item_id}
            self._actions.model("conversation.item.create", item={**answer, "approve": False})

    def take(self, event: Event) -> int | None:
        """Take any event; return the turn whose answer is to go on, if its last call is over by it."""
        return self._end(text(event, "item_id")) if text(event, "type") in _OVER else None

    def item_done(self, item: Event) -> None:
        """Take a complete item of a response that goes on: one with a result is over, too."""
        if text(item, "type") == "mcp_call" and (item.get("output") is not None or item.get("error") is not None):
            self._end(text(item, "id"))

    def _end(self, item_id: str) -> int | None:
        for calls in [calls for calls in self._calls if item_id in calls.running]:
            calls.running.discard(item_id)
            return self._settled(calls)
        return None

    def generated(self, reply: Reply) -> tuple[bool, int | None]:
        """A response has ended. Say whether it made calls, and the turn that is to go on at once."""
        for calls in [calls for calls in self._calls if calls.reply is reply]:
            calls.is_generated = True
            return True, self._settled(calls)
        return False, None

    def expire(self, now_s: float) -> int | None:
        """Give up what was waited for long enough; return the turn whose answer is to go on."""
        for calls in [calls for calls in self._calls if calls.is_generated and now_s - calls.since_s > LOST_S]:
            calls.running.clear()
            return self._settled(calls)
        return None

    def drop(self) -> None:
        """The person has taken the floor: results stay in the conversation, but nobody is answered for them."""
        for calls in self._calls:
            calls.is_wanted = False

    def lose_model(self) -> int | None:
        """The connection has gone, and the calls with it; return the turn that nobody has answered."""
        wanted = [calls.reply.turn for calls in self._calls if calls.is_wanted]
        self._calls.clear()
        return wanted[-1] if wanted else None

    def _of(self, reply: Reply, now_s: float) -> _Calls:
        found = next((calls for calls in self._calls if calls.reply is reply), None)
        if found is None:
            found = _Calls(reply, now_s)
            self._calls.append(found)
        return found

    def _settled(self, calls: _Calls) -> int | None:
        if calls.running or not calls.is_generated:
            return None
        self._calls.remove(calls)
        return calls.reply.turn if calls.is_wanted else None
