"""Gate: what may still be heard. The three ways of one interrupt meet here, in any order, and agree."""

from __future__ import annotations


class Gate:
    """Shut by a cancel's fast ways, opened in band with its floor; a reply above the floor passes an open gate.

    `shut` and `open` are idempotent by `seq`: whichever way of an interrupt comes second changes nothing. An older
    interrupt's floor may arrive while a newer one holds the gate shut: the floor rises, the gate stays shut.
    """

    def __init__(self) -> None:
        self.floor = 0
        self._shut_seq = 0
        self._open_seq = 0

    @property
    def is_shut(self) -> bool:
        """True while a cancel's floor is awaited."""
        return self._shut_seq > self._open_seq

    @property
    def seq(self) -> int:
        """The highest cancel seen by any way."""
        return max(self._shut_seq, self._open_seq)

    def shut(self, seq: int) -> bool:
        """Take a cancel that came by a fast way; say whether it is news."""
        news = seq > self.seq
        self._shut_seq = max(self._shut_seq, seq)
        return news

    def open(self, seq: int, floor: int) -> bool:
        """Take a cancel that came in band; say whether it is news."""
        news = seq > self.seq
        self._open_seq = max(self._open_seq, seq)
        self.floor = max(self.floor, floor)
        return news

    def passes(self, reply: int) -> bool:
        """Say whether audio and words of `reply` may go on."""
        return not self.is_shut and reply > self.floor

    def is_dead(self, reply: int) -> bool:
        """Say whether `reply` can never be heard (again)."""
        return reply <= self.floor
