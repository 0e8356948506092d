"""Listener: a microphone that goes on elsewhere: at the very sample, on both clocks, in any format."""

from __future__ import annotations

import numpy as np
import pytest

from parley.v1 import audio_pb2 as audio
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import stream_pb2
from services.common.errors import LimitFault
from services.common.outbox import Outbox
from services.ingress.formats import PCM16, Format
from services.ingress.listener import FOLLOWS_MS, STALL_MS, WIRE_SILENCE_MS, Listener
from services.ingress.microphone import MAX_RESUMED_HOLE_S, Microphone
from services.ingress.receipts import EVERY_MS, Receipts
from services.ingress.uplink import Uplink
from tests.unit.ingress.frames import click_at, counted, frame, framed, joined, middle_of, samples_of

RATES_HZ = (8_000, 16_000, 24_000, 44_100, 48_000)


class Ear:
    """A listener before a vad that is ready."""

    def __init__(self, rate_hz: int = 16_000, shift: int | None = None, *, is_steady: bool = False) -> None:
        self.microphone = Microphone(Format(PCM16, rate_hz))
        self.uplink = Uplink(10_000)
        self.uplink.dial(stream_pb2.StreamOpen(), None)
        self.uplink.ready(0)
        self.paced_ms = 0.0
        self.listener = Listener(self.microphone, self.uplink, None, self._pace, shift, is_steady=is_steady)

    def _pace(self, ms: float) -> None:
        self.paced_ms += ms

    def begin(self, hear_from: int) -> Ear:
        """Be told where to begin."""
        self.listener.begin(hear_from)
        self.uplink.ready(hear_from)
        return self

    async def given(self) -> list[audio.AudioFrame | audio.Gap]:
        """What vad was given."""
        self.uplink.outbox.close()
        messages = [message async for message in self.uplink.outbox]
        kinds = [(each.WhichOneof("message"), each) for each in messages]
        return [getattr(each, kind) for kind, each in kinds if kind in ("audio", "gap")]


async def test_a_microphone_from_elsewhere_hears_nothing_before_it_knows_where() -> None:
    """The client sends again what is wanted; nothing of what comes early is mistaken for it."""
    ear = Ear(shift=0)
    ear.listener.hear(frame(9_600, counted(9_600, 320)))
    ear.listener.tick(10 * WIRE_SILENCE_MS)
    assert ear.listener.frames_too_early == 1
    ear.begin(6_400)
    ear.listener.tick(100)  # the client has only just been told: it is not silent yet
    assert ear.microphone.wanted == 6_400
    ear.listener.hear(frame(6_400, counted(6_400, 320)))
    (heard,) = await ear.given()
    assert heard.mic_offset == 6_400


async def test_what_vad_has_already_is_cut_off() -> None:
    """A frame that reaches back begins at the very sample, with the playhead that belongs to it."""
    ear = Ear(shift=0).begin(6_500)
    ear.listener.hear(frame(6_080, counted(6_080, 320)))
    ear.listener.hear(frame(6_400, counted(6_400, 320), audio.Playhead(reply=1, position=1_000)))
    (heard,) = await ear.given()
    assert isinstance(heard, audio.AudioFrame)
    assert heard.mic_offset == 6_500
    assert np.array_equal(samples_of(heard.pcm), counted(6_500, 220))
    assert heard.playhead.position == 1_150


@pytest.mark.parametrize("rate_hz", RATES_HZ)
async def test_a_click_after_a_resumption_stands_where_it_was_made(rate_hz: int) -> None:
    """At any rate, and with a shift between the clocks: within a millisecond; and no sample is missing."""
    shift = rate_hz // 4
    ear = Ear(rate_hz, shift).begin(16_000)
    wanted = ear.microphone.wanted
    assert abs(wanted - (rate_hz - shift)) <= rate_hz // 90
    signal = click_at(rate_hz // 4, rate_hz, rate_hz)
    for each in framed(signal, rate_hz):
        ear.listener.hear(frame(each.mic_offset + rate_hz - shift - rate_hz // 50, samples_of(each.pcm)))
    heard = [each for each in await ear.given() if isinstance(each, audio.AudioFrame)]
    assert heard[0].mic_offset == 16_000
    at_s = (heard[0].mic_offset + middle_of(joined(heard))) / 16_000
    assert abs(at_s - (1 + 0.25 - 0.02)) < 0.001


@pytest.mark.parametrize("rate_hz", RATES_HZ)
async def test_what_the_client_lacks_is_a_gap(rate_hz: int) -> None:
    """However long it was away; a few frames are guessed at, as ever. What nobody can mean is refused."""
    ear = Ear(rate_hz, 0).begin(16_000)
    ear.listener.hear(frame(rate_hz * 31, counted(0, rate_hz // 50)))
    ear.listener.hear(frame(rate_hz * 31 + rate_hz // 50, counted(0, rate_hz // 50)))
    gap, *frames = await ear.given()
    assert isinstance(gap, audio.Gap)
    assert (gap.mic_offset, gap.ms) == (16_000, 30_000)
    assert frames[0].mic_offset == 31 * 16_000
    near = Ear(rate_hz, 0).begin(16_000)
    near.listener.hear(frame(rate_hz + rate_hz // 10, counted(0, rate_hz // 50)))
    assert not any(isinstance(each, audio.Gap) for each in await near.given())
    far = Ear(rate_hz, 0).begin(0)
    with pytest.raises(LimitFault, match="jumped by"):
        far.listener.hear(frame(rate_hz * (MAX_RESUMED_HOLE_S + 1), counted(0, rate_hz // 50)))


async def test_a_gap_under_way_at_the_break_is_no_loss() -> None:
    """What was bridged before the break had been said, perhaps, and was on its way: it follows the bridge."""
    before = Ear()
    before.listener.hear(frame(0, counted(0, 320)))
    for _ in range(30):
        before.listener.tick(100)
    assert before.microphone.mic_offset == 320 + 48_000
    assert before.microphone.shift == 48_000
    after = Ear(shift=before.microphone.shift).begin(before.microphone.mic_offset)
    assert after.microphone.wanted == 320
    after.listener.hear(frame(320, counted(320, 320)))
    (heard,) = await after.given()
    assert heard.mic_offset == 320 + 48_000


def wait(ear: Ear, ms: int, *, signs: bool = False) -> None:
    """Let time pass in which nothing is heard; the client may send something else meanwhile, each second."""
    for passed_ms in range(100, ms + 1, 100):
        ear.listener.tick(100)
        if signs and passed_ms % 1_000 == 0:
            ear.listener.sign()


async def test_a_connection_that_stalls_puts_no_silence_into_a_word() -> None:
    """What was said meanwhile comes in the end, and follows what had come, as it was said."""
    ear = Ear(is_steady=True)
    for stall_ms in (0, STALL_MS - FOLLOWS_MS, 1_000):
        wait(ear, stall_ms)
        ear.listener.sign()  # more urgent, so it comes first
        ear.listener.tick(FOLLOWS_MS // 2)
        for start in range(ear.microphone.mic_offset, ear.microphone.mic_offset + 3_200, 320):
            ear.listener.hear(frame(start, counted(start, 320)))
    given = await ear.given()
    assert all(isinstance(each, audio.AudioFrame) for each in given)
    assert [each.mic_offset for each in given] == list(range(0, 9_600, 320))


async def test_a_microphone_that_is_silent_on_a_live_connection_is_silent() -> None:
    """The first time it is known by the next sign of life, then at once; a client that says nothing at all is, too."""
    ear = Ear(is_steady=True)
    wait(ear, 1_000 + FOLLOWS_MS, signs=True)
    assert ear.microphone.mic_offset == (1_000 + FOLLOWS_MS) * 16
    ear.listener.hear(frame(0, counted(0, 320)))
    wait(ear, WIRE_SILENCE_MS)
    assert ear.microphone.mic_offset == (1_000 + FOLLOWS_MS + WIRE_SILENCE_MS) * 16 + 320
    mute = Ear(is_steady=True)
    wait(mute, STALL_MS)
    assert mute.microphone.mic_offset == STALL_MS * 16


async def test_a_client_is_told_what_it_need_not_keep() -> None:
    """Once a second, on its own clock, nothing twice, and never more than it has sent."""
    microphone, to_client = Microphone(Format(PCM16, 48_000)), Outbox[client.ConverseResponse](10)
    receipts = Receipts(microphone, to_client)
    receipts.tick(EVERY_MS)
    for index in range(50):
        microphone.feed(frame(index * 960, counted(0, 960)))
    receipts.let_go(8_000)
    receipts.let_go(4_000)
    for _ in range(20):
        receipts.tick(EVERY_MS // 10)
    microphone.bridge(1_000)
    receipts.let_go(32_000)
    receipts.tick(EVERY_MS)
    to_client.close()
    told = [each.heard.received_offset async for each in to_client]
    assert told == [24_000, 48_000]
