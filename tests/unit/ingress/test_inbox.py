"""What comes from a client: in order, once, whether it is iterated or handed on; and not without end."""

from __future__ import annotations

import pytest

from services.common.boundary import InternalFault
from services.common.errors import LimitFault, PeerLost, ProtocolFault
from services.ingress.inbox import Inbox


class Taker:
    """Takes numbers where they arrive; 0 is the last, and a negative one is refused."""

    def __init__(self) -> None:
        self.taken: list[int] = []
        self.flow: list[bool] = []
        self.inbox = Inbox[int](100, self.flow.append)

    def take(self, number: int) -> bool:
        """Take one."""
        if number < 0:
            raise ProtocolFault("negative")
        if number:
            self.taken.append(number)
        return number > 0


async def test_the_order_stays_when_somebody_takes_over() -> None:
    """What waits is iterated first; only then is handed on."""
    taker = Taker()
    for number in (1, 2):
        taker.inbox.put(number)
    taker.inbox.hand_on(taker.take)
    taker.inbox.put(3)
    assert [await anext(taker.inbox) for _ in range(3)] == [1, 2, 3]
    taker.inbox.put(4)
    assert taker.taken == [4]


async def test_the_last_is_iterated_and_nothing_after_it() -> None:
    """Who iterates sees it, and then the end."""
    taker = Taker()
    taker.inbox.hand_on(taker.take)
    for number in (1, 0, 2):
        taker.inbox.put(number)
    assert [number async for number in taker.inbox] == [0]
    assert taker.taken == [1]


async def test_what_is_raised_is_raised_to_who_iterates() -> None:
    """A fault of the client, and once: what follows is ignored."""
    taker = Taker()
    taker.inbox.hand_on(taker.take)
    for number in (1, -1, 2):
        taker.inbox.put(number)
    with pytest.raises(ProtocolFault, match="negative"):
        await anext(taker.inbox)
    assert taker.taken == [1]


async def test_a_fault_of_ours_is_one_clients_only() -> None:
    """It is logged and told; the connection's own code, and the event loop, never see it."""
    inbox = Inbox[int](100, lambda _: None)
    inbox.hand_on(lambda number: 1 // number > 0)
    inbox.put(0)
    with pytest.raises(InternalFault):
        await anext(inbox)


async def test_the_end_comes_after_what_waits() -> None:
    """A close or a fault does not swallow what was sent before it; the first of them counts."""
    taker = Taker()
    taker.inbox.put(1)
    taker.inbox.close(ProtocolFault("bad"))
    taker.inbox.close()
    assert await anext(taker.inbox) == 1
    with pytest.raises(ProtocolFault, match="bad"):
        await anext(taker.inbox)


async def test_what_closed_it_can_be_asked_for() -> None:
    """A fault of what came, not that the client has gone; nothing while it is open, whatever waits."""
    fault = LimitFault("too much", limit="message_size")
    for closed_by, raised in ((fault, LimitFault), (None, PeerLost)):
        inbox = Inbox[int](8, lambda _: None)
        inbox.put(1)
        inbox.check()
        inbox.close(closed_by)
        with pytest.raises(raised):
            inbox.check()


async def test_who_sends_before_it_is_read_is_held_back() -> None:
    """The flow stops at 16 and goes on when all has been read; what comes all the same is too much at a point."""
    taker = Taker()
    for number in range(100):
        taker.inbox.put(number)
    assert taker.flow == [False]
    assert [await anext(taker.inbox) for _ in range(100)] == list(range(100))
    assert taker.flow == [False, True]
    for number in range(101):
        taker.inbox.put(number)
    with pytest.raises(LimitFault):
        assert [number async for number in taker.inbox] == []
