"""The headless person: says one file after the other, each when the answer to the one before has been heard."""

from __future__ import annotations

from collections import deque
from enum import Enum, auto

from . import events
from .events import Activity, Event
from .failures import ConversationBroken

QUIET_S = 0.7
"""So long nothing must be heard after an answer before the next thing is said: people wait a little too."""
PATIENCE_S = 20.0
"""Without any sign of an answer for so long, the conversation has failed."""


class Step(Enum):
    """What a script wants now."""

    WAIT = auto()
    SAY = auto()
    HANG_UP = auto()


class Script:
    """Decides when to speak. Feed it every event, and tick it often with the time and with who is audible."""

    def __init__(self, utterances: int, patience_s: float = PATIENCE_S) -> None:
        self._left = utterances
        self._patience_s = patience_s
        self._asked = 0
        self._opened = False
        self.done = False
        """True: everything was said and answered, or everything was said and the other side has hung up politely."""
        self._last_words = ""
        self._activity = Activity.IDLE
        self._answered = False
        self._stirred = False
        self._playing: deque[int] = deque(maxlen=1)
        self._last_sign_s = 0.0
        self._quiet_since_s = 0.0

    def feed(self, event: Event) -> None:
        """Take note of what happened."""
        match event:
            case events.Opened():
                self._opened = True
            case events.State(activity=activity):
                self._activity, self._stirred = activity, True
            case events.ReplyStarted(reply=reply) if self._asked:
                self._playing.append(reply)
            case events.ReplyPlayed(reply=reply) | events.Silenced(reply=reply):
                self._answered |= reply in self._playing
            case events.Closed(reason=reason) if event.is_polite:
                self._last_words = " ".join(reason.split())
                self.done |= self._asked >= self._left

    def tick(self, now_s: float, *, talking: bool, audible: bool) -> Step:
        """Return what to do now. Raises ConversationBroken when the answer does not come."""
        if talking or audible or not self._asked:
            self._last_sign_s = now_s
        # Quiet is what was seen of it: a late tick on a busy machine is none, what came meanwhile is not all read yet.
        if (
            self._stirred
            or talking
            or audible
            or self._activity not in (Activity.IDLE, Activity.LISTENING, Activity.UNKNOWN)
        ):
            self._quiet_since_s, self._stirred = now_s, False
        if not self._opened:
            return Step.WAIT
        if not self._asked or (self._answered and now_s - self._quiet_since_s >= QUIET_S):
            return self._next(now_s)
        if now_s - self._last_sign_s > self._patience_s:
            raise ConversationBroken(self._complaint())
        return Step.WAIT

    def cut_short(self) -> str:
        """Return the complaint about an end that came too soon."""
        why = f" It said: {self._last_words}" if self._last_words else ""
        return f"The server ended the conversation before everything was said and answered.{why}"

    def _next(self, now_s: float) -> Step:
        if self._asked >= self._left:
            self.done = True
            return Step.HANG_UP
        self._asked += 1
        self._answered = False
        self._playing.clear()
        self._last_sign_s = self._quiet_since_s = now_s
        return Step.SAY

    def _complaint(self) -> str:
        which = f"{self._patience_s:g} s after the {_nth(self._asked)} file"
        if self._answered:
            return f"Parley had answered, but was still {self._activity} {which}."
        return f"No answer was heard {which}. Is there speech in it? --wait-s waits longer."


def _nth(number: int) -> str:
    return {1: "first", 2: "second", 3: "third"}.get(number, f"{number}th")
