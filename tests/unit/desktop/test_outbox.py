"""Control overtakes audio, and the microphone never piles up."""

from __future__ import annotations

import asyncio

from clients.desktop.event_feed import EventFeed
from clients.desktop.events import Draining, Moment
from clients.desktop.outbox import Outbox
from parley.v1 import audio_pb2
from parley.v1 import conversation_service_pb2 as wire


def frame(offset: int) -> wire.ConverseRequest:
    """Return a frame of the microphone."""
    return wire.ConverseRequest(audio=audio_pb2.AudioFrame(mic_offset=offset))


STOP = wire.ConverseRequest(interrupt=wire.ConverseRequest.Interrupt())
END = wire.ConverseRequest(end=wire.End(reason="bye"))
MUTE = wire.ConverseRequest(mute=wire.Mute(muted=True))


async def test_what_is_urgent_goes_before_audio() -> None:
    """A stop key does not wait behind two seconds of microphone; what has its place among the samples keeps it."""
    outbox = Outbox()
    for request in (frame(0), MUTE, frame(1), STOP):
        outbox.put(request)
    assert [await outbox.get() for _ in range(4)] == [STOP, frame(0), MUTE, frame(1)]


async def test_oldest_audio_is_dropped_and_counted() -> None:
    """When the server takes nothing, the newest frames are kept, and no control is lost."""
    outbox = Outbox(backlog_frames=2)
    for offset in range(5):
        outbox.put(frame(offset))
        outbox.put(MUTE)
    assert outbox.dropped_frames == 3
    assert [await outbox.get() for _ in range(7)] == [MUTE, MUTE, MUTE, frame(3), MUTE, frame(4), MUTE]


async def test_close_sends_the_last_request_and_nothing_after_it() -> None:
    """After End nothing is sent: not the audio that still waited, not a second End."""
    outbox = Outbox()
    outbox.put(frame(0))
    outbox.put(MUTE)
    outbox.close(END)
    outbox.close(MUTE)
    outbox.put(frame(1))
    assert [await outbox.get() for _ in range(3)] == [MUTE, END, None]


async def test_while_the_connection_is_away_only_the_stop_key_waits() -> None:
    """The rest is kept elsewhere, or is old news by then; what is said again goes before what is new.

    Pressed again while it waits it is one press.
    """
    outbox = Outbox(backlog_frames=2)
    for request in (frame(0), STOP, END):
        outbox.put(request)
    outbox.pause()
    for request in (frame(1), MUTE, STOP, END):
        outbox.put(request)
    assert outbox.take() is None
    outbox.resume([END], [frame(offset) for offset in range(5)])
    for request in (frame(5), STOP, frame(6)):
        outbox.put(request)
    sent = [outbox.take() for _ in range(10)]
    assert sent == [END, STOP, *[frame(offset) for offset in range(7)], None]
    assert outbox.dropped_frames == 0


async def test_a_writer_that_waits_is_woken_by_the_next_connection() -> None:
    """It waits while the connection is away, and goes on with what is said again."""
    outbox = Outbox()
    outbox.pause()
    waiting = asyncio.create_task(outbox.get())
    await asyncio.sleep(0)
    outbox.resume([], [frame(0)])
    assert await waiting == frame(0)


async def test_unread_events_push_the_oldest_out() -> None:
    """A watcher that does not look costs no memory, and learns how much it missed."""
    feed = EventFeed(unread=2)
    moment = Moment(0.0, 0, 0)
    for seconds in range(3):
        feed.put(Draining(moment, seconds))
    feed.close()
    assert [await feed.get() for _ in range(3)] == [Draining(moment, 1), Draining(moment, 2), None]
    assert feed.dropped == 1
