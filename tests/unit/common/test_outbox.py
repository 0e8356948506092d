"""The outbox: control before audio before captions, bounds with a policy, and a last message that is never lost."""

from __future__ import annotations

import asyncio

import pytest

from services.common.errors import LimitFault
from services.common.outbox import OVERTAKEN, Outbox


async def sent(outbox: Outbox[str]) -> list[str]:
    """Close an outbox and return all that its writer would send."""
    outbox.close()
    return [message async for message in outbox]


async def test_control_goes_first_and_both_keep_their_order() -> None:
    """What is urgent overtakes audio, never its own kind."""
    outbox: Outbox[str] = Outbox(10)
    for message in ("a1", "a2"):
        outbox.audio(message)
    for message in ("c1", "c2"):
        outbox.control(message)
    assert len(outbox) == 4
    assert await sent(outbox) == ["c1", "c2", "a1", "a2"]
    assert outbox.statistics.sent == 4
    assert outbox.statistics.deepest == 2


async def test_control_overtakes_while_the_writer_is_busy() -> None:
    """Every message is chosen when it is taken, not when it was put."""
    outbox: Outbox[str] = Outbox(10)
    outbox.audio("a1")
    outbox.audio("a2")
    messages = aiter(outbox)
    assert await anext(messages) == "a1"
    outbox.control("c1")
    assert [await anext(messages), await anext(messages)] == ["c1", "a2"]


async def test_a_waiting_writer_wakes() -> None:
    """The writer sleeps on an empty outbox and goes on with what is put next, until it is closed."""
    outbox: Outbox[str] = Outbox(10)
    got: list[str] = []

    async def write() -> None:
        async for message in outbox:
            got.append(message)

    writer = asyncio.create_task(write())
    for message in ("a1", "a2"):
        await asyncio.sleep(0)
        outbox.audio(message)
    await asyncio.sleep(0)
    outbox.close("last")
    await writer
    assert got == ["a1", "a2", "last"]


async def test_a_full_lane_raises_inside_the_ring() -> None:
    """User audio is never dropped: too much of it is a fault of the reader."""
    outbox: Outbox[str] = Outbox(2)
    outbox.audio("a1")
    outbox.audio("a2")
    with pytest.raises(LimitFault, match="does not read"):
        outbox.audio("a3")


async def test_a_slow_client_loses_the_oldest() -> None:
    """With `drop_oldest` the newest audio is kept, and what went is counted."""
    outbox: Outbox[str] = Outbox(2, drop_oldest=True)
    for number in range(5):
        outbox.audio(f"a{number}")
    assert outbox.statistics.dropped == 3
    assert await sent(outbox) == ["a3", "a4"]


async def test_control_that_piles_up_raises() -> None:
    """A peer that reads nothing at all is found even when it may lose audio."""
    outbox: Outbox[str] = Outbox(2, drop_oldest=True, max_control=2)
    outbox.control("c1")
    outbox.control("c2")
    with pytest.raises(LimitFault, match="control"):
        outbox.control("c3")


async def test_the_last_message_comes_last_and_nothing_after_it() -> None:
    """Closing lets what waits go first; later puts, and a second close, are ignored."""
    outbox: Outbox[str] = Outbox(10)
    outbox.audio("a1")
    outbox.close("end")
    outbox.close("another end")
    outbox.audio("late")
    outbox.control("late")
    assert outbox.is_closed
    assert await sent(outbox) == ["a1", "end"]


async def test_forgetting_audio_keeps_control_and_the_last_message() -> None:
    """A flush between the close and its sending must not take the goodbye with it."""
    outbox: Outbox[str] = Outbox(10)
    outbox.control("c1")
    outbox.audio("a1")
    outbox.close("end")
    assert outbox.clear_audio() == 1
    assert await sent(outbox) == ["c1", "end"]


async def test_captions_go_last_of_all() -> None:
    """Where everything waits, it goes by its urgency; the goodbye comes last even so."""
    outbox: Outbox[str] = Outbox(10)
    outbox.caption("w1")
    outbox.audio("a1")
    outbox.caption("w2")
    outbox.control("c1")
    outbox.audio("a2")
    assert len(outbox) == 5
    outbox.close("end")
    assert await sent(outbox) == ["c1", "a1", "a2", "w1", "w2", "end"]


async def test_a_caption_is_not_overtaken_for_ever() -> None:
    """A client that is always behind with its audio reads its captions late, but it does."""
    outbox: Outbox[str] = Outbox(1000)
    messages = aiter(outbox)
    for number in range(3):
        outbox.audio(f"a{number}")
    assert await anext(messages) == "a0"
    outbox.caption("w1")
    got = []
    for number in range(3, 3 + 2 * OVERTAKEN):
        outbox.audio(f"a{number}")
        got.append(await anext(messages))
    assert got.index("w1") == OVERTAKEN
    assert [message for message in got if message != "w1"] == [f"a{number}" for number in range(1, 2 * OVERTAKEN)]


async def test_captions_that_nobody_reads_make_room() -> None:
    """The newest words are kept, what went is counted, and audio is none of their business."""
    outbox: Outbox[str] = Outbox(10)
    outbox.audio("a1")
    for number in range(502):
        outbox.caption(f"w{number}")
    assert outbox.statistics.captions_dropped == 2
    assert outbox.statistics.dropped == 0
    assert outbox.clear_audio() == 1
    assert await sent(outbox) == [f"w{number}" for number in range(2, 502)]
