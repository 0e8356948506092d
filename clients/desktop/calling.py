"""Calls servers until one takes the conversation: for the first time, or again."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from parley.v1 import conversation_service_pb2 as wire
from parley.v1 import stream_pb2

from .connecting import Dial
from .connection import Connection, NotTaken
from .doors import Doors
from .failures import ClientError, ServerRefused
from .reply_format import ask_for_pcm16, is_opus

OPEN_WITHIN_S = 10.0
"""A server that says nothing at all to Open is given up by then."""
NEXT_WITHIN_S = 3.0
"""The same where there is another to be called."""
SHORTEST_ANSWER_S = 0.1
LATE_ANSWER_S = 60.0
"""So long a call that nobody answered may still be found by a server that wakes up."""


class NotTakenUp(Exception):
    """No server goes on with the conversation; the text says why, for the end of a sentence."""


class Caller:
    """Knows the doors and goes round them."""

    def __init__(self, doors: Doors, dial: Dial, *, plain_will_do: bool = True) -> None:
        """`plain_will_do`: where a server, or the token, does not allow Opus, replies may come as PCM16."""
        self.doors = doors
        self._dial = dial
        self._plain_will_do = plain_will_do
        self._unanswered_s = -math.inf

    @property
    def may_be_answered_late(self) -> bool:
        """Whether a call was left unanswered of late: its server may wake up, and take the session over for nobody."""
        return asyncio.get_running_loop().time() - self._unanswered_s < LATE_ANSWER_S

    async def first(self, open_: wire.Open) -> Connection:
        """Call each server once; return the connection to the first that takes it. Raises the last one's reason.

        `open_` is what is said from then on, too: it asks for PCM16 once Opus was refused.
        """
        left = len(self.doors)
        while True:
            left -= 1
            server = self.doors.present
            try:
                return await Connection.made(server, open_, self._dial, NEXT_WITHIN_S if left else OPEN_WITHIN_S)
            except NotTaken as refusal:
                if self._plain_will_do and refusal.error.code == stream_pb2.Error.CODE_FORMAT and is_opus(open_):
                    ask_for_pcm16(open_)
                    left += 1
                    continue
                if not (left and refusal.elsewhere):
                    raise _refused(refusal.problem, len(self.doors) - left) from None
            self.doors.next()

    async def again(self, open_: Callable[[], wire.Open], until_s: Callable[[], float]) -> Connection:
        """Call server after server until one takes the conversation up again.

        `open_` tells what is to be said just then, `until_s` by when it has to be taken up (the loop's time; that may
        come nearer meanwhile). Raises NotTakenUp.
        """
        clock = asyncio.get_running_loop().time
        last = "nobody was called in time"
        called_s = -math.inf
        while True:
            call = self.doors.next()
            await asyncio.sleep(max(0.0, called_s + call.pause_s - clock()))
            if (left_s := until_s() - clock()) <= 0:
                raise NotTakenUp(last)
            answer_s = max(SHORTEST_ANSWER_S, min(call.answer_s, left_s))
            called_s = clock()
            try:
                connection = await Connection.made(call.address, open_(), self._dial, answer_s)
            except NotTaken as refusal:
                last = refusal.error.message or str(refusal.problem)
                if refusal.unanswered:
                    self.doors.unanswered()
                    self._unanswered_s = clock()
                # Superseded: an earlier call of ours was answered late, or this one by somebody else's.
                if not refusal.elsewhere and refusal.error.code != stream_pb2.Error.CODE_SUPERSEDED:
                    raise NotTakenUp(last) from None
                continue
            if connection.opened.resumed:
                return connection
            await connection.hang_up("it is not the conversation that was to be resumed")
            await connection.close()
            raise NotTakenUp(f"{call.address} began a new one.")


def _refused(problem: ClientError, called: int) -> ClientError:
    """Return why nobody took the call: the last one's reason."""
    return ServerRefused(f"{problem} (That is the last of {called} servers.)") if called > 1 else problem
