"""Attention: whether anybody still takes part: speaks or types, reads what is sent, stays within the session's time."""

from __future__ import annotations

from typing import Final

from services.common.errors import LimitFault
from services.common.outbox import OutboxStatistics
from services.ingress.limits import Limits

_LATE_TICK_MS: Final = 500
"""More than this at once is our own sleep: the client must not be blamed for it."""


class ClientSilent(LimitFault):
    """The client has gone, or is frozen: when it wakes up, it may come back."""

    retryable = True


class Attention:
    """One client's. `check` is called several times a second; nothing here waits, and time is an argument.

    `age_s`: how old the session is when this begins.
    """

    def __init__(self, limits: Limits, now_s: float, age_s: float = 0.0) -> None:
        self._limits = limits
        self._opened_s = now_s - age_s
        self._active_s = now_s
        self._keeping_up_s = now_s
        self._silent_ms = 0
        self._sent = 0
        self._dropped = 0

    def heard(self) -> None:
        """Note that the client has sent something, if only a heartbeat."""
        self._silent_ms = 0

    def hear_nothing(self, ms: int) -> None:
        """Note that `ms` have passed. Raises ClientSilent when the client has sent nothing for too long."""
        self._silent_ms += min(ms, _LATE_TICK_MS)
        if self._silent_ms > self._limits.client_silent_s * 1000:
            next_time = "resume this session" if self._limits.resume_s else "open a new session"
            raise ClientSilent(
                f"nothing came for {self._limits.client_silent_s:g} s; send a heartbeat each second while you send "
                f"nothing else, and {next_time}.",
                limit="client_silent",
            )

    def active(self, now_s: float) -> None:
        """Note that the person or the assistant speaks, or something was typed."""
        self._active_s = now_s

    def check(self, waiting: int, statistics: OutboxStatistics, now_s: float) -> None:
        """Look at how much `waiting` the client has not read. Raises LimitFault for the first limit that is passed."""
        limits = self._limits
        if self._keeps_up(waiting, statistics):
            self._keeping_up_s = now_s
        elif now_s - self._keeping_up_s > limits.slow_reader_s:
            raise LimitFault(
                f"what is sent was not read in time for {limits.slow_reader_s:g} s; read as fast as it comes, or ask "
                "for an output format of fewer bytes.",
                limit="slow_reader",
            )
        self.check_time(now_s)

    def check_time(self, now_s: float) -> None:
        """Look at the time alone, where there is no client. Raises LimitFault when the session has taken too much."""
        limits = self._limits
        if limits.max_idle_s and now_s - self._active_s > limits.max_idle_s:
            raise LimitFault(
                f"nobody has spoken or typed for {limits.max_idle_s:g} s; open a new session when somebody does.",
                limit="idle",
            )
        if limits.max_session_s and now_s - self._opened_s > limits.max_session_s:
            raise LimitFault(
                f"the session has reached its {limits.max_session_s:g} s; open a new one to go on.",
                limit="session_length",
            )

    def _keeps_up(self, waiting: int, statistics: OutboxStatistics) -> bool:
        """Say whether the writer has moved since the last look, and nothing old had to be dropped."""
        moved = statistics.sent > self._sent or not waiting
        lost = statistics.dropped > self._dropped
        self._sent, self._dropped = statistics.sent, statistics.dropped
        return moved and not lost
