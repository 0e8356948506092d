"""Speakings: all sessions of this process, those that nobody asks for just now, and the one ticker that drives them."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Final

from services.common.audio import REPLY_FRAME_SAMPLES
from services.common.errors import FullFault
from services.common.parking import PARKED_S, Parking
from services.common.room import Room
from services.egress.session import Speaking

MOST_SESSIONS: Final = 512
"""At a time, unless PARLEY_MAX_SESSIONS says otherwise: more than a core holds in earnest (docs/performance.md)."""

_QUIET_S: Final = 1.2
"""How long a process that stops waits for a moment at which nobody would miss it."""

_LOOK_S: Final = 0.02


class Speakings:
    """Sessions by their names. One whose streams have both broken is parked: a takeover finds all that it held."""

    def __init__(self, parked_s: float = PARKED_S, room: Room | None = None) -> None:
        self.is_stopping = False
        self.counters: Counter[str] = Counter()
        """What the sessions that are over have counted."""
        self.held_samples = 0
        """How much of all replies was yet to be sent, when that was looked at last."""
        self._room = room or Room("egress", MOST_SESSIONS)
        self._sessions: dict[str, Speaking] = {}
        self._parking = Parking(self._give_up, parked_s)

    def __len__(self) -> int:
        return len(self._sessions)

    @property
    def parked(self) -> int:
        """How many sessions wait for somebody to go on with them."""
        return len(self._parking)

    def get(self, session: str, *, resumes: bool = False) -> Speaking:
        """Return the session, made at the first of its two streams.

        Raises:
            FullFault: this process is stopping, or there is no room for another session.
        """
        if self.is_stopping:
            raise FullFault("egress is stopping; another one has room.")
        self._parking.take(session)
        if session not in self._sessions:
            self._room.admit(len(self._sessions), resumes=resumes)
            self._sessions[session] = Speaking(session)
        return self._sessions[session]

    def leave(self, speaking: Speaking) -> None:
        """A stream of the session has ended: when it was the last one, the session is over, or parked."""
        if not speaking.is_deserted or self._sessions.get(speaking.session) is not speaking:
            return
        if speaking.is_over:
            self._forget(speaking)
        else:
            self._parking.park(speaking.session, speaking)

    def _give_up(self, speaking: Speaking) -> None:
        if self._sessions.get(speaking.session) is speaking:
            self._forget(speaking)

    def _forget(self, speaking: Speaking) -> None:
        del self._sessions[speaking.session]
        self.counters.update(speaking.playout.counters)

    def drops(self) -> dict[str, int]:
        """Return how many frames of 20 ms were dropped so far, by why: of a reply that was cancelled, or is over."""
        living = [speaking.playout.counters for speaking in self._sessions.values()]
        cancelled, dead = (
            self.counters[name] + sum(counters[name] for counters in living)
            for name in ("samples_cancelled", "messages_of_dead_replies")
        )
        return {"cancelled": cancelled // REPLY_FRAME_SAMPLES, "dead_reply": dead}

    def buffers(self) -> dict[str, list[int]]:
        """Return how many messages wait in each session's outboxes, and take a look at what is held of replies."""
        speakings = list(self._sessions.values())
        self.held_samples = sum(each.playout.held_samples for each in speakings)
        return {
            "to_ingress": [len(each.to_ingress) for each in speakings if each.to_ingress is not None],
            "to_broker": [len(each.to_broker) for each in speakings if each.to_broker is not None],
        }

    async def drain(self) -> None:
        """Take no session any more, and send those that are here elsewhere, each at a quiet moment if there is one."""
        self.is_stopping = True
        deadline = time.monotonic() + _QUIET_S
        waiting = list(self._sessions.values())
        while waiting:
            is_late = time.monotonic() >= deadline
            for speaking in [each for each in waiting if is_late or each.is_quiet]:
                waiting.remove(speaking)
                speaking.drain()
            await asyncio.sleep(_LOOK_S)

    async def run(self, period_s: float = 0.01) -> None:
        """Tick every session for which something is due, on absolute deadlines."""
        deadline = time.monotonic()
        while True:
            now_s = time.monotonic()
            for speaking in [speaking for speaking in self._sessions.values() if speaking.due_s <= now_s]:
                speaking.tick()
            deadline = max(deadline + period_s, time.monotonic())
            await asyncio.sleep(deadline - time.monotonic())
