"""Sequencer: one response at a time. The model refuses a second, and drops what asked for it."""

from __future__ import annotations

from enum import Enum
from typing import Final

REQUEST_TIMEOUT_S: Final = 10.0
"""A request that is neither taken nor refused for this long is lost."""


class Slot(Enum):
    """Where the one response is."""

    FREE = "free"
    REQUESTED = "requested"
    ACTIVE = "active"


class Sequencer:
    """Holds the wish for a response until it can be granted.

    Wishes don't queue up: a later turn's answer answers the earlier turn too, so the last wish counts. `hold` keeps
    wishes back while an interrupted reply is being cut to what was heard.
    """

    def __init__(self) -> None:
        self.slot = Slot.FREE
        self.response_id: str | None = None
        self.turn = 0
        """The turn that the response in the slot answers."""
        self._wish: int | None = None
        self._holds = 0
        self._request_id: str | None = None
        self._requested_s = 0.0

    def want(self, turn: int) -> None:
        """Wish for an answer to `turn`."""
        self._wish = turn

    def drop(self) -> None:
        """Forget the wish."""
        self._wish = None

    @property
    def wish(self) -> int | None:
        """The turn whose answer is wished for."""
        return self._wish

    def hold(self) -> None:
        """Grant nothing until `release`, which must be called as often."""
        self._holds += 1

    def release(self) -> None:
        """Undo one `hold`."""
        self._holds -= 1

    @property
    def may_request(self) -> bool:
        """True when the wish can be granted now."""
        return self._wish is not None and self.slot is Slot.FREE and not self._holds

    def requested(self, request_id: str, now_s: float) -> None:
        """Note that a response was asked for."""
        self.turn, self._wish = self._wish or 0, None
        self.slot, self._request_id, self._requested_s = Slot.REQUESTED, request_id, now_s
        self.response_id = None

    def created(self, response_id: str) -> None:
        """Note that the model began a response."""
        self.slot, self.response_id = Slot.ACTIVE, response_id

    def done(self, response_id: str) -> None:
        """Note that a response ended; a late word about another one changes nothing."""
        if self.slot is Slot.ACTIVE and self.response_id in (response_id, None):
            self.slot, self.response_id = Slot.FREE, None

    def refused(self, event_id: str | None, *, busy: bool) -> bool:
        """Take an error; say whether it refused our request. With `busy` it is wished for again, unless outdated.

        The model dropped the request; it is made again when the response in its way, whose id we may not know, is
        done, or after the timeout.
        """
        if self.slot is not Slot.REQUESTED or event_id != self._request_id:
            return False
        self.slot, self.response_id = (Slot.ACTIVE if busy else Slot.FREE), None
        if busy and self._wish is None:
            self._wish = self.turn
        return True

    def expire(self, now_s: float) -> bool:
        """Free the slot of a request that was lost; say whether one was."""
        waits = self.slot is Slot.REQUESTED or (self.slot is Slot.ACTIVE and self.response_id is None)
        lost = waits and now_s - self._requested_s > REQUEST_TIMEOUT_S
        if lost:
            self.slot = Slot.FREE
        return lost
