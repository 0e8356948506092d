"""Control overtakes audio, and the microphone never piles up."""

from __future__ import annotations

from clients.desktop.event_feed import EventFeed
from clients.desktop.events import Draining, Moment
from clients.desktop.outbox import Outbox
from parley.v1 import audio_pb2
from parley.v1 import conversation_service_pb2 as wire


def frame(offset: int) -> wire.ConverseRequest:
    """Return a frame of the microphone."""
    return wire.ConverseRequest(audio=audio_pb2.AudioFrame(mic_offset=offset))


END = wire.ConverseRequest(end=wire.End(reason="bye"))
MUTE = wire.ConverseRequest(mute=wire.Mute(muted=True))


async def test_control_goes_before_audio() -> None:
    """A key press does not wait behind two seconds of microphone."""
    outbox = Outbox()
    outbox.put(frame(0))
    outbox.put(MUTE)
    assert [await outbox.get(), await outbox.get()] == [MUTE, frame(0)]


async def test_oldest_audio_is_dropped_and_counted() -> None:
    """When the server takes nothing, the newest frames are kept, and no control is lost."""
    outbox = Outbox(backlog_frames=2)
    for offset in range(5):
        outbox.put(frame(offset))
        outbox.put(MUTE)
    assert outbox.dropped_frames == 3
    assert [await outbox.get() for _ in range(7)] == [MUTE] * 5 + [frame(3), frame(4)]


async def test_close_sends_the_last_request_and_nothing_after_it() -> None:
    """After End nothing is sent: not the audio that still waited, not a second End."""
    outbox = Outbox()
    outbox.put(frame(0))
    outbox.put(MUTE)
    outbox.close(END)
    outbox.close(MUTE)
    outbox.put(frame(1))
    assert [await outbox.get() for _ in range(3)] == [MUTE, END, None]


async def test_unread_events_push_the_oldest_out() -> None:
    """A watcher that does not look costs no memory, and learns how much it missed."""
    feed = EventFeed(unread=2)
    moment = Moment(0.0, 0, 0)
    for seconds in range(3):
        feed.put(Draining(moment, seconds))
    feed.close()
    assert [await feed.get() for _ in range(3)] == [Draining(moment, 1), Draining(moment, 2), None]
    assert feed.dropped == 1
