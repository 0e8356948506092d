"""Sequencer: one response at a time. The model refuses a second, and drops what asked for it."""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import Final

from parley.v1 import session_pb2 as session

REQUEST_TIMEOUT_S: Final = 10.0
"""A request that is neither taken nor refused for this long is lost: the default."""

SILENCE_TIMEOUT_S: Final = 30.0
"""A response of which nothing comes for this long will not end by itself either."""

CANCEL_TIMEOUT_S: Final = 5.0
"""A cancelled response whose end isn't told for this long is taken for ended."""

MAX_ANNOUNCEMENTS: Final = 16
"""vad passes one on at a time; more wait here only when the model is far behind. The newest is refused then."""


class Slot(Enum):
    """Where the one response is."""

    FREE = "free"
    REQUESTED = "requested"
    ACTIVE = "active"
    CANCELLED = "cancelled"
    """It was told to end; the model has not said that it did."""


class Sequencer:
    """Holds the wish for a response until it can be granted.

    Wishes for answers don't queue up: a later turn's answer answers the earlier turn too, so the last wish counts.
    Announcements do, and let an answer go first. `hold` keeps all of them back while an interrupted reply is being
    cut to what was heard.
    """

    def __init__(self, request_timeout_s: float = REQUEST_TIMEOUT_S) -> None:
        self._request_timeout_s = request_timeout_s
        self.slot = Slot.FREE
        self.response_id: str | None = None
        self._wish: int | None = None
        self._announcements: deque[session.Announcement] = deque()
        self._holds = 0
        self._request_id: str | None = None
        self._news_s = 0.0

    def want(self, turn: int) -> None:
        """Wish for an answer to `turn`."""
        self._wish = turn

    def want_also(self, turn: int) -> None:
        """Wish for an answer to `turn`, unless one is wished for already: that one answers it, too."""
        if self._wish is None:
            self._wish = turn

    def announce(self, announcement: session.Announcement) -> bool:
        """Wish for an announcement; False when too many wait."""
        if len(self._announcements) >= MAX_ANNOUNCEMENTS:
            return False
        self._announcements.append(announcement)
        return True

    def announce_again(self, announcement: session.Announcement) -> None:
        """Wish for one whose request was lost, before those that wait."""
        self._announcements.appendleft(announcement)

    def reset(self) -> None:
        """The connection has gone, and with it whatever was under way. Wishes stand."""
        self.slot, self.response_id, self._request_id = Slot.FREE, None, None

    def drop(self) -> None:
        """Forget the wish for an answer."""
        self._wish = None

    def drop_all(self) -> None:
        """Forget every wish: the person has taken the floor."""
        self._wish = None
        self._announcements.clear()

    @property
    def wish(self) -> int | None:
        """The turn whose answer is wished for."""
        return self._wish

    @property
    def announcement(self) -> session.Announcement | None:
        """The announcement whose turn it is."""
        return self._announcements[0] if self._announcements and self._wish is None else None

    def hold(self) -> None:
        """Grant nothing until `release`, which must be called as often."""
        self._holds += 1

    def release(self) -> None:
        """Undo one `hold`."""
        self._holds -= 1

    @property
    def has_wish(self) -> bool:
        """True when an answer or an announcement is wished for."""
        return self._wish is not None or bool(self._announcements)

    @property
    def may_request(self) -> bool:
        """True when a wish can be granted now."""
        return self.has_wish and self.slot is Slot.FREE and not self._holds

    @property
    def is_idle(self) -> bool:
        """True when nothing is under way, wished for or held back."""
        return self.slot is Slot.FREE and not self.has_wish and not self._holds

    @property
    def is_busy(self) -> bool:
        """True while a response is under way, or could be asked for."""
        return self.slot is not Slot.FREE or self.may_request

    def requested(self, request_id: str, now_s: float) -> None:
        """Note that the response was asked for that is wished for most."""
        if self.announcement is not None:
            self._announcements.popleft()
        self._wish, self.response_id = None, None
        self.slot, self._request_id, self._news_s = Slot.REQUESTED, request_id, now_s

    def created(self, response_id: str, now_s: float) -> None:
        """Note that the model began the response."""
        self.slot, self.response_id, self._news_s = Slot.ACTIVE, response_id, now_s

    def heard_of(self, response_id: str, now_s: float) -> None:
        """Note that something came of a response."""
        if self.slot is Slot.ACTIVE and self.response_id == response_id:
            self._news_s = now_s

    def cancel(self, now_s: float) -> bool:
        """Note that the response in the slot is being cancelled; False when there is none to cancel (any more)."""
        if self.slot is not Slot.ACTIVE:
            return False
        self.slot, self._news_s = Slot.CANCELLED, now_s
        return True

    def done(self, response_id: str) -> None:
        """Note that a response ended; a late word about another one changes nothing."""
        if self.slot in (Slot.ACTIVE, Slot.CANCELLED) and self.response_id in (response_id, None):
            self.slot, self.response_id = Slot.FREE, None

    def refused(self, event_id: str, *, busy: bool) -> bool:
        """Take an error; say whether it refused our request.

        With `busy` the slot stays taken until the response in the way, whose id we may not know, is done, or the
        timeout is over. "Busy" needs no event id to be understood: nothing else is answered so.
        """
        ours = event_id == self._request_id or (busy and not event_id)
        if self.slot is not Slot.REQUESTED or not ours:
            return False
        self.slot, self.response_id = (Slot.ACTIVE if busy else Slot.FREE), None
        return True

    def expire(self, now_s: float) -> bool:
        """Free the slot of a response that was lost; say whether one was."""
        lost = self.slot is not Slot.FREE and now_s - self._news_s > self._patience_s
        if lost:
            self.slot, self.response_id = Slot.FREE, None
        return lost

    @property
    def _patience_s(self) -> float:
        if self.slot is Slot.CANCELLED:
            return CANCEL_TIMEOUT_S
        unknown = self.slot is Slot.REQUESTED or self.response_id is None
        return self._request_timeout_s if unknown else SILENCE_TIMEOUT_S
