"""Downlink: replies go on before another egress where the client is; nothing is heard twice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given as given_by
from hypothesis import strategies as st

from parley.v1 import audio_pb2 as audio
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import egress_service_pb2 as egress
from parley.v1 import stream_pb2
from services.common.gate import Gate
from services.ingress.downlink import Downlink
from services.ingress.formats import PCM16, Format
from services.ingress.speaker import Speaker
from tests.unit.ingress.frames import click_at, counted, middle_of, samples_of


def downlink(rate_hz: int = 24_000) -> Downlink:
    """One session's, to a client of this rate."""
    return Downlink(Speaker(Format(PCM16, rate_hz)), Gate(), 100, None)


def piece(reply: int, start: int, end: int) -> audio.ReplyAudio:
    """[start, end) of a reply."""
    return audio.ReplyAudio(reply=reply, position=start, pcm=counted(start, end - start).astype("<i2").tobytes())


def opened(dial: int) -> egress.AttachOpen:
    """How a stream is opened."""
    return egress.AttachOpen(open=stream_pb2.StreamOpen(dial=dial))


async def drained(outbox: Any) -> list[Any]:
    """Close an outbox and return what was in it."""
    outbox.close()
    return [message async for message in outbox]


async def test_another_egress_is_asked_for_the_next_sample() -> None:
    """The one after what the client was given; from the start if it was given nothing."""
    down = downlink()
    down.dial(opened(1), 0)
    assert not (await drained(down.outbox))[0].open.next.reply
    down.play(piece(1, 0, 480))
    down.play(piece(1, 480, 960))
    down.dial(opened(2), 0)
    assert (await drained(down.outbox))[0].open.next == audio.Playhead(reply=1, position=960)


async def test_another_egress_learns_what_the_last_one_may_not_have_passed_on() -> None:
    """What is void, what was played last, and the answer to the last flush, as long as it is the last."""
    down = downlink()
    down.dial(opened(1), 0)
    down.played(audio.Playback(reply=1, position=100))
    down.played(audio.Playback(reply=1, position=200))
    down.silent(audio.Flushed(seq=4, reply=1, position=200))
    down.dial(opened(2), 20)
    first, fence, playback, flushed = await drained(down.outbox)
    assert first.HasField("open")
    assert fence.fence.seq == 20
    assert playback.playback.position == 200
    assert flushed.flushed.seq == 4
    down._gate.shut(5)
    down.dial(opened(3), 0)
    assert [each.WhichOneof("message") for each in await drained(down.outbox)] == ["open", "playback"]


async def test_an_end_is_told_once() -> None:
    """Who takes over tells it again."""
    down = downlink()
    down.play(piece(1, 0, 480))
    for _ in range(2):
        down.end(audio.ReplyEnded(reply=1, samples=480))
    down.end(audio.ReplyEnded(reply=2, samples=0))
    kinds = [each.WhichOneof("message") for each in await drained(down.to_client)]
    assert kinds == ["audio", "reply_ended", "reply_ended"]


async def test_a_reply_from_before_does_not_come_back() -> None:
    """The client has begun the next one."""
    down = downlink()
    down.play(piece(2, 0, 480))
    down.play(piece(1, 0, 480))
    assert [each.audio.reply for each in await drained(down.to_client)] == [2]


async def test_a_hole_is_no_slip_of_the_client_s_positions() -> None:
    """What is lost for good is counted; what follows stands where it belongs, at any rate."""
    down = downlink(48_000)
    down.play(piece(1, 0, 2_400))
    down.play(piece(1, 4_800, 7_200))
    down.end(audio.ReplyEnded(reply=1, samples=7_200))
    messages = [each.audio for each in await drained(down.to_client) if each.HasField("audio")]
    assert down.counters["reply_samples_missing"] == 2_400
    assert 9_600 in [each.position for each in messages]


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 24_000, 44_100, 48_000])
@pytest.mark.parametrize("wanted_ms", [0, 333, 1_000])
async def test_a_client_that_comes_back_is_given_the_sample_it_lacks(rate_hz: int, wanted_ms: int) -> None:
    """At its own rate: the first message begins there, or a sample or two before, and its sound is in its place."""
    down, wanted = downlink(rate_hz), wanted_ms * rate_hz // 1_000
    down.next = audio.Playhead(reply=1, position=down._speaker.to_ring(wanted))
    click = click_at(36_000, 48_000, 24_000)
    for start in range(0, 48_000, 2_400):
        pcm = click[start : start + 2_400].astype("<i2").tobytes()
        down.play(audio.ReplyAudio(reply=1, position=start, pcm=pcm))
    heard = [each.audio for each in await drained(down.to_client)]
    assert 0 <= wanted - heard[0].position <= 2
    wave = np.concatenate([samples_of(each.pcm) for each in heard])
    assert abs((heard[0].position + middle_of(wave)) / rate_hz - 1.5) < 0.001


@pytest.mark.parametrize("reading", [True, False])
async def test_an_egress_that_does_not_read_is_found(reading: bool) -> None:
    """It is not the client's fault."""
    down = downlink()
    down.dial(opened(1), 0)
    for _ in range(50 if reading else 200):
        down.played(audio.Playback(reply=1))
    assert down.is_stuck is not reading
    down.dial(opened(2), 0)
    assert not down.is_stuck


@given_by(st.lists(st.tuples(st.integers(0, 3_000), st.integers(1, 1_500)), max_size=20))
async def test_whoever_repeats_what_the_client_hears_each_sample_once(repeats: list[tuple[int, int]]) -> None:
    """An egress that takes over begins somewhere before the end; what comes out is one reply without a seam."""
    down = downlink()
    end = 0
    for back, more in repeats:
        start = max(end - back, 0)
        down.play(piece(1, start, end + more))
        end += more
    heard = [each.audio for each in await drained(down.to_client)]
    assert [each.position for each in heard] == [
        sum(len(before.pcm) // 2 for before in heard[:index]) for index in range(len(heard))
    ]
    wave = np.concatenate([np.zeros(0, np.int16), *(samples_of(each.pcm) for each in heard)])
    assert np.array_equal(wave, counted(0, end))


async def test_captions_of_the_dead_are_not_shown() -> None:
    """But for the last line, which says what was heard."""
    down = downlink()
    down._gate.open(1, 1)
    for final in (False, True):
        who = client.Caption.WHO_ASSISTANT
        down.show(client.Caption(who=who, reply=1, text="words", final=final))
    assert [each.caption.final for each in await drained(down.to_client)] == [True]
