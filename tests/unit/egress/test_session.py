"""A session in egress: where the broker's stream and the ingress's meet, none waits for or suffers from the other."""

from __future__ import annotations

import pytest

from parley.v1 import audio_pb2 as audio
from parley.v1 import egress_service_pb2 as wire
from parley.v1 import session_pb2
from services.common.outbox import Outbox
from services.egress.session import Speaking, Speakings
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


def test_a_session_is_forgotten_when_both_streams_have_gone() -> None:
    """One stream alone keeps what the other will want."""
    speakings = Speakings()
    speaking = speakings.get("s")
    assert speakings.get("s") is speaking
    speaking.to_broker = Outbox(1)
    speakings.leave(speaking)
    assert len(speakings) == 1
    speaking.to_broker = None
    speakings.leave(speaking)
    assert len(speakings) == 0


async def test_one_ticker_drives_every_session_that_has_something_to_play() -> None:
    """Sessions without anything due are passed over."""
    speakings = Speakings()
    outboxes: list[Outbox[wire.AttachResponse]] = [Outbox(10), Outbox(10)]
    for name, outbox in zip("ab", outboxes, strict=True):
        speakings.get(name).playout.feed(piece(1, 0, 480), 0)
        speakings.get(name).to_ingress = outbox
    run = speakings.run(period_s=0)
    run.send(None)
    run.close()
    assert [len(outbox) for outbox in outboxes] == [1, 1]


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
