"""A session in egress: where the broker's stream and the ingress's meet, none waits for or suffers from the other."""

from __future__ import annotations

import pytest

from parley.v1 import audio_pb2 as audio
from parley.v1 import egress_service_pb2 as wire
from parley.v1 import session_pb2, stream_pb2
from services.common.outbox import Outbox
from services.egress.session import Speaking
from tests.unit.egress.sounds import cancel, piece


class Clock:
    """A clock that is set."""

    now_s = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now_s


async def drained(outbox: Outbox[wire.AttachResponse]) -> list[str | None]:
    """Close an outbox and return the kinds of what was in it."""
    outbox.close()
    return [message.WhichOneof("message") async for message in outbox]


def joined(max_audio: int = 100) -> tuple[Speaking, Outbox[wire.AttachResponse], Outbox[wire.SpeakResponse]]:
    """Return a session with both streams."""
    speaking = Speaking("s", Clock())
    to_ingress: Outbox[wire.AttachResponse] = Outbox(max_audio)
    to_broker: Outbox[wire.SpeakResponse] = Outbox(100)
    speaking.to_ingress, speaking.to_broker = to_ingress, to_broker
    return speaking, to_ingress, to_broker


async def test_what_the_broker_gives_is_held_until_somebody_listens() -> None:
    """A reply given before the ingress is there is sent when it comes."""
    speaking = Speaking("s", Clock())
    speaking.from_broker(wire.SpeakRequest(audio=piece(1, 0, 480)))
    speaking.from_broker(wire.SpeakRequest(reply_ended=audio.ReplyEnded(reply=1, samples=480)))
    outbox: Outbox[wire.AttachResponse] = Outbox(100)
    speaking.to_ingress = outbox
    speaking.tick()
    assert await drained(outbox) == ["audio", "reply_ended"]


async def test_a_floor_overtakes_audio() -> None:
    """The interrupt goes on as control: what waits before it is dead anyway."""
    speaking, outbox, _ = joined()
    speaking.from_broker(wire.SpeakRequest(audio=piece(1, 0, 48_000)))
    speaking.from_broker(wire.SpeakRequest(interrupt=cancel(1, floor=1)))
    assert await drained(outbox) == ["interrupt", "audio"]


async def test_what_was_played_is_told_to_the_broker() -> None:
    """Reports and the answer to a flush go on with everything they say."""
    speaking, _, to_broker = joined()
    report = audio.Playback(reply=2, position=700, mic_offset=9, ended=True, estimated=True)
    flushed = audio.Flushed(seq=4, reply=2, position=800, mic_offset=10)
    speaking.from_ingress(wire.AttachRequest(playback=report))
    speaking.from_ingress(wire.AttachRequest(flushed=flushed))
    to_broker.close()
    told = [message.played async for message in to_broker]
    assert told == [
        wire.Played(reply=2, position=700, mic_offset=9, ended=True, estimated=True),
        wire.Played(reply=2, position=800, mic_offset=10, flushed_seq=4),
    ]


async def test_the_topic_shuts_and_the_record_s_floor_opens() -> None:
    """A cancel without a floor holds everything; one with its floor, read after a reconnection, is final."""
    speaking, outbox, _ = joined()
    speaking.from_topic(cancel(3))
    speaking.from_broker(wire.SpeakRequest(audio=piece(5, 0, 480)))
    assert len(outbox) == 0
    speaking.from_topic(session_pb2.Interrupt(seq=9, kind=session_pb2.Interrupt.KIND_DUCK))
    speaking.from_topic(cancel(3, floor=4))
    speaking.tick()
    assert await drained(outbox) == ["audio"]


async def test_an_ingress_that_does_not_read_harms_nobody_else() -> None:
    """Its stream ends with an error; the broker's goes on, and so does every other session of the process."""
    speaking, outbox, to_broker = joined(max_audio=1)
    speaking.from_broker(wire.SpeakRequest(audio=piece(1, 0, 480)))
    speaking.from_broker(wire.SpeakRequest(reply_ended=audio.ReplyEnded(reply=1, samples=480)))
    assert speaking.to_ingress is None
    assert not to_broker.is_closed
    assert await drained(outbox) == ["error", "end"]


@pytest.mark.parametrize("message", [wire.SpeakRequest(), wire.AttachRequest()])
def test_an_empty_message_changes_nothing(message: wire.SpeakRequest | wire.AttachRequest) -> None:
    """A kind from a later version of the wires is passed over."""
    speaking, outbox, to_broker = joined()
    if isinstance(message, wire.SpeakRequest):
        speaking.from_broker(message)
    else:
        speaking.from_ingress(message)
    assert len(outbox) == len(to_broker) == 0


async def test_a_cancel_of_an_earlier_owner_is_ignored() -> None:
    """What a ring under a lower lease still says on the topic shuts no gate."""
    speaking, outbox, _ = joined()
    speaking.lease = 7
    speaking.from_topic(session_pb2.Interrupt(seq=3, kind=session_pb2.Interrupt.KIND_CANCEL, lease=6))
    speaking.from_broker(wire.SpeakRequest(audio=piece(5, 0, 480)))
    assert await drained(outbox) == ["audio"]


async def test_the_broker_is_told_what_it_could_not_work_out() -> None:
    """Of five reports of a reply that plays smoothly it gets one; a hitch, another reply and the end come at once."""
    speaking = Speaking("s", lambda: 0.0)
    to_broker: Outbox[wire.SpeakResponse] = Outbox(100)
    speaking.to_broker = to_broker
    for reply, position, mic_ms, ended in (
        (1, 0, 0, False),
        *((1, ms * 24, ms, False) for ms in range(200, 1_001, 200)),  # told at 1,000 ms
        (1, 1_100 * 24, 1_200, False),  # it ran dry for 100 ms
        (1, 1_300 * 24, 1_400, False),
        (2, 0, 1_600, False),
        (2, 200 * 24, 1_800, True),
    ):
        report = audio.Playback(reply=reply, position=position, mic_offset=mic_ms * 16, ended=ended)
        speaking.from_ingress(wire.AttachRequest(playback=report))
    to_broker.close()
    told = [(message.played.reply, message.played.position // 24) async for message in to_broker]
    assert told == [(1, 0), (1, 1_000), (1, 1_100), (2, 0), (2, 200)]


# Takeovers.


def attach(lease: int = 1, reply: int = 0, position: int = 0) -> wire.AttachOpen:
    """Return how an ingress opens its stream."""
    opened = stream_pb2.StreamOpen(session="s", lease=lease)
    return wire.AttachOpen(open=opened, next=audio.Playhead(reply=reply, position=position))


async def test_a_broker_is_told_what_is_held_at_once() -> None:
    """Directly after ready, and then what is played from there on, however little there is to tell."""
    speaking, _, first = joined()
    speaking.from_broker(wire.SpeakRequest(audio=piece(1, 0, 4_800)))
    report = audio.Playback(reply=1, position=480, mic_offset=320)
    speaking.from_ingress(wire.AttachRequest(playback=report))
    second: Outbox[wire.SpeakResponse] = Outbox(100)
    speaking.join_broker(second, lease=2)
    speaking.from_ingress(wire.AttachRequest(playback=report))
    speaking.from_broker(wire.SpeakRequest(audio=piece(1, 4_800, 480)), by=first)
    speaking.leave_broker(first)
    assert speaking.to_broker is second, "the end of one that was replaced is no matter"
    second.close()
    told = [message async for message in second]
    assert [message.WhichOneof("message") for message in told] == ["ready", "held", "played"]
    (held,) = told[1].held.replies
    assert (held.samples, held.played) == (4_800, 480)
    assert speaking.lease == 2
    assert speaking.playout.held_samples == 4_800 - 2_400, "what a replaced broker still says is passed over"


async def test_a_new_ingress_is_told_the_floor() -> None:
    """It knows of no cancel, and what it is given next must not be stopped by one that was settled long ago."""
    speaking, first, _ = joined()
    speaking.from_broker(wire.SpeakRequest(interrupt=cancel(7, floor=3)))
    speaking.from_broker(wire.SpeakRequest(audio=piece(4, 0, 48_000)))
    second: Outbox[wire.AttachResponse] = Outbox(100)
    speaking.join_ingress(second, attach(lease=2, reply=4, position=1_000))
    late = audio.Playback(reply=4, position=48_000, ended=True)
    speaking.from_ingress(wire.AttachRequest(playback=late), by=first)
    speaking.leave_ingress(first)
    second.close()
    told = [message async for message in second]
    assert [message.WhichOneof("message") for message in told] == ["ready", "interrupt", "audio"]
    assert (told[1].interrupt.seq, told[1].interrupt.floor, told[1].interrupt.kind) == (7, 3, cancel(1).kind)
    assert (told[2].audio.reply, told[2].audio.position) == (4, 1_000)


async def test_a_first_ingress_is_told_no_floor() -> None:
    """There is none."""
    speaking, outbox = Speaking("s", Clock()), Outbox[wire.AttachResponse](100)
    speaking.join_ingress(outbox, attach())
    assert await drained(outbox) == ["ready"]


async def test_the_gate_opens_by_whoever_brings_the_floor() -> None:
    """The broker died with a cancel on its way: its successor sends it again, and the reply above it is heard."""
    speaking, outbox, _ = joined()
    speaking.from_topic(cancel(3))
    speaking.join_broker(Outbox(100), lease=1)
    speaking.from_broker(wire.SpeakRequest(interrupt=cancel(3, floor=2)))
    speaking.from_broker(wire.SpeakRequest(audio=piece(3, 0, 480)))
    assert await drained(outbox) == ["interrupt", "audio"]


async def test_a_fence_holds_for_what_comes_by_the_topic() -> None:
    """A cancel at or below it is void; one that was there before is waited for, but not for ever."""
    clock = Clock()
    speaking, outbox = Speaking("s", clock), Outbox[wire.AttachResponse](100)
    speaking.to_ingress = outbox
    speaking.from_topic(cancel(4))
    speaking.from_ingress(wire.AttachRequest(fence=wire.Fence(seq=20)))
    speaking.from_topic(cancel(20))
    speaking.from_broker(wire.SpeakRequest(audio=piece(1, 0, 480)))
    clock.now_s = 4.9
    speaking.tick()
    assert len(outbox) == 0
    assert speaking.due_s == pytest.approx(5.0)
    clock.now_s = 5.0
    speaking.tick()
    assert len(outbox) == 1
    speaking.from_topic(cancel(21))
    clock.now_s = 50.0
    speaking.from_broker(wire.SpeakRequest(audio=piece(1, 480, 480)))
    assert len(outbox) == 1, "a cancel of the new vad is waited for as ever"


async def test_a_session_is_over_when_somebody_says_so() -> None:
    """Done and failed are ends; superseded and draining say that somebody else goes on."""
    reasons = stream_pb2.StreamEnd
    for reason, is_over in (
        (reasons.REASON_DONE, True),
        (reasons.REASON_FAILED, True),
        (reasons.REASON_SUPERSEDED, False),
        (reasons.REASON_DRAINING, False),
    ):
        end = stream_pb2.StreamEnd(reason=reason)
        speaking, _, _ = joined()
        speaking.from_broker(wire.SpeakRequest(end=end))
        assert speaking.is_over is is_over
        speaking, _, _ = joined()
        speaking.from_ingress(wire.AttachRequest(end=end))
        assert speaking.is_over is is_over
        speaking.join_ingress(Outbox(100), attach(lease=2))
        assert not speaking.is_over, "whoever resumes a session goes on with it"


async def test_draining_sends_both_away() -> None:
    """Each with a last word that says that somebody else must take over."""
    speaking, to_ingress, to_broker = joined()
    speaking.drain()
    last = [message.end.reason async for message in to_ingress] + [message.end.reason async for message in to_broker]
    assert last == [stream_pb2.StreamEnd.REASON_DRAINING] * 2
