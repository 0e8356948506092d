"""Ending: when a session is over by itself: after a long silence, a goodbye, a budget spent, or time that is up.

It never ends in the middle of something: what is being said is said, the person's turn is answered, and whoever goes
on after a goodbye stays.
"""

from __future__ import annotations

from typing import Final

from parley.v1 import stream_pb2 as wire
from services.broker.manner import Closing

Reason = wire.Hangup

OVERTIME_S: Final = 60.0
"""A conversation that has spent its time or budget may still go on so long until there is a pause in it."""

WORDS: Final = {
    Reason.REASON_SILENCE: "Nobody has said anything for a while.",
    Reason.REASON_GOODBYE: "Goodbye!",
    Reason.REASON_ASSISTANT: "The assistant has ended the conversation.",
    Reason.REASON_BUDGET: "The conversation has cost what it may.",
    Reason.REASON_TIME: "The conversation has lasted as long as it may.",
}


class Ending:
    """One session's. `check` it every 50 ms or so; after `hangup` is set it is over."""

    def __init__(self, closing: Closing) -> None:
        self.hangup: wire.Hangup | None = None
        self._closing = closing
        self._begun_s: float | None = None
        self._active_s = 0.0
        self._has_reprompted = False
        self._leaving: wire.Hangup.Reason.ValueType | None = None
        self._must_since_s: float | None = None
        self._took_leave = False

    def begin(self, now_s: float) -> None:
        """The conversation begins; again it does nothing."""
        if self._begun_s is None:
            self._begun_s = self._active_s = now_s

    def restore(self, now_s: float, age_s: float, *, has_reprompted: bool, took_leave: bool) -> None:
        """The conversation began `age_s` ago, elsewhere."""
        self._begun_s, self._active_s = now_s - age_s, now_s
        self._has_reprompted, self._took_leave = has_reprompted, took_leave

    def stir(self, now_s: float) -> None:
        """The person says something: whoever was leaving stays, unless time or budget want otherwise."""
        self._active_s = now_s
        self._has_reprompted = False
        if self._must_since_s is None:
            self._leaving = None

    def wait_again(self, now_s: float) -> None:
        """The model was away: that silence was not the person's."""
        self._active_s = now_s

    def leave(self, reason: wire.Hangup.Reason.ValueType) -> None:
        """The session is to end as soon as everything has been said and heard."""
        if self._leaving is None:
            self._leaving = reason

    def check(self, now_s: float, *, is_quiet: bool, cost_micros: int) -> str:
        """Return what should be said now, "" for nothing; `hangup` says when it is over.

        `is_quiet`: nobody speaks, nothing is awaited, everything has been heard.
        """
        if self._begun_s is None or self.hangup is not None:
            return ""
        self._watch_limits(now_s, cost_micros)
        if not is_quiet:
            self._active_s = now_s
        if self._must_since_s is not None and not self._took_leave:
            return self._take_leave(now_s, is_quiet)
        if self._leaving is not None and is_quiet:
            self.hangup = wire.Hangup(reason=self._leaving, words=WORDS[self._leaving])
            return ""
        return self._watch_silence(now_s)

    def _watch_limits(self, now_s: float, cost_micros: int) -> None:
        closing = self._closing
        if self._must_since_s is not None:
            return
        if closing.max_s and now_s - (self._begun_s or 0.0) >= closing.max_s:
            self._leaving, self._must_since_s = Reason.REASON_TIME, now_s
        elif closing.budget_micros and cost_micros >= closing.budget_micros:
            self._leaving, self._must_since_s = Reason.REASON_BUDGET, now_s

    def _take_leave(self, now_s: float, is_quiet: bool) -> str:
        if not is_quiet and now_s - (self._must_since_s or 0.0) < OVERTIME_S:
            return ""
        self._took_leave = True
        return self._closing.last_words

    def _watch_silence(self, now_s: float) -> str:
        silence_s = self._closing.silence_s
        if not silence_s or now_s - self._active_s < silence_s:
            return ""
        if self._closing.reprompt and not self._has_reprompted:
            self._has_reprompted = True
            self._active_s = now_s
            return self._closing.reprompt
        self.leave(Reason.REASON_SILENCE)
        return ""
