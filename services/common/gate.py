"""Gate: what may still be heard. The three ways of one interrupt meet here, in any order, and agree."""

from __future__ import annotations


class Gate:
    """Shut by a cancel's fast ways, opened in band with its floor; a reply above the floor passes an open gate.

    `shut` and `open` are idempotent by `seq`: whichever way of an interrupt comes second changes nothing. An older
    interrupt's floor may arrive while a newer one holds the gate shut: the floor rises, the gate stays shut.

    When another vad takes over, ingress leaves room above the verdicts it has seen and fences the rest off: a cancel at
    or below the fence that comes by a fast way, late, is of a vad that was replaced. In band all count as before. A
    cancel that shut the gate before the fence keeps it shut until its floor, or a newer one's, has come in band; who
    knows that none will come may `lift` it.
    """

    def __init__(self) -> None:
        self.floor = 0
        self._shut_seq = 0
        self._open_seq = 0
        self._lifted_seq = 0
        self._fence = 0

    @property
    def is_shut(self) -> bool:
        """True while a cancel's floor is awaited."""
        return self._shut_seq > max(self._open_seq, self._lifted_seq)

    @property
    def seq(self) -> int:
        """The highest cancel seen by any way."""
        return max(self._shut_seq, self._open_seq)

    @property
    def settled_seq(self) -> int:
        """The highest cancel that came in band."""
        return self._open_seq

    @property
    def unsettled_seq(self) -> int:
        """The highest cancel whose floor is awaited; 0 when none is."""
        return self._shut_seq if self.is_shut else 0

    def fence(self, seq: int) -> None:
        """Ignore cancels up to `seq` that come by a fast way from now on."""
        self._fence = max(self._fence, seq)

    def shut(self, seq: int) -> bool:
        """Take a cancel that came by a fast way; say whether it is news. One behind the fence is none."""
        if seq <= self._fence:
            return False
        news = seq > self.seq
        self._shut_seq = max(self._shut_seq, seq)
        return news

    def open(self, seq: int, floor: int) -> bool:
        """Take a cancel that came in band; say whether it is news."""
        news = seq > self.seq
        self._open_seq = max(self._open_seq, seq)
        self.floor = max(self.floor, floor)
        return news

    def lift(self) -> bool:
        """Wait no longer for the floor of a cancel behind the fence; say whether that opened the gate."""
        lifts = self.is_shut and self._shut_seq <= self._fence
        if lifts:
            self._lifted_seq = self._shut_seq
        return lifts

    def passes(self, reply: int) -> bool:
        """Say whether audio and words of `reply` may go on."""
        return not self.is_shut and reply > self.floor

    def is_dead(self, reply: int) -> bool:
        """Say whether `reply` can never be heard (again)."""
        return reply <= self.floor
