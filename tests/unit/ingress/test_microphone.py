"""The microphone: whatever a client sends becomes 16 kHz on one clock without holes, and positions stay true."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parley.v1 import audio_pb2 as audio
from services.common.errors import FormatFault, LimitFault, ProtocolFault
from services.ingress.formats import PCM16, Format
from services.ingress.formats import RATES_HZ as TAKEN_HZ
from services.ingress.microphone import Microphone
from tests.unit.ingress.frames import click_at, counted, frame, framed, joined, middle_of, samples_of

RATES_HZ = TAKEN_HZ[PCM16]
RESAMPLED = [rate for rate in RATES_HZ if rate != 16_000]
HELD_BACK = 51
"""Samples at 16 kHz, 3.2 ms, that a resampler may hold back."""


def pcm16(rate_hz: int) -> Microphone:
    """Return a microphone that takes PCM16."""
    return Microphone(Format(PCM16, rate_hz))


def test_at_16_khz_samples_pass_untouched() -> None:
    """No resampler, no delay, the client's own frames and stamps."""
    microphone = Microphone()
    stamp = audio.Playhead(reply=3, position=700)
    (first,) = microphone.feed(frame(0, counted(0, 320), stamp))
    (second,) = microphone.feed(frame(320, counted(320, 160)))
    assert (first.mic_offset, second.mic_offset, microphone.mic_offset) == (0, 320, 480)
    assert first.playhead == stamp
    assert np.array_equal(joined([first, second]), counted(0, 480))
    assert not +microphone.counters


def test_a_hole_becomes_silence_and_is_counted() -> None:
    """Lost samples keep their time: what follows stands where it was spoken, and nobody was heard meanwhile."""
    microphone = Microphone()
    before = microphone.feed(frame(0, counted(0, 320), audio.Playhead(reply=1)))
    after = microphone.feed(frame(960, counted(960, 320), audio.Playhead(reply=1, position=960)))
    sound = joined(before + after)
    assert not sound[320:960].any()
    assert np.array_equal(sound[960:], counted(960, 320))
    assert after[0].playhead == audio.Playhead()
    assert microphone.counters["mic_samples_missing"] == 640


def test_what_comes_twice_is_dropped_and_counted() -> None:
    """A repeated frame changes neither the sound nor the clock."""
    microphone = Microphone()
    frames = microphone.feed(frame(0, counted(0, 320)))
    assert microphone.feed(frame(0, counted(0, 320))) == []
    frames += microphone.feed(frame(320, counted(320, 320)))
    assert np.array_equal(joined(frames), counted(0, 640))
    assert microphone.counters["mic_samples_repeated"] == 320


def test_a_clock_that_goes_back_is_refused() -> None:
    """A repeat and an overlap may pass; a frame from before the last one is another clock, or no order at all."""
    microphone = Microphone()
    for offset in (0, 320, 320, 480):
        microphone.feed(frame(offset, counted(offset, 320)))
    with pytest.raises(ProtocolFault, match=r"went back from 480 to 320; send each sample once, in order"):
        microphone.feed(frame(320, counted(320, 320)))


def test_a_clock_that_stood_still_in_silence_goes_on() -> None:
    """The ring's clock has gone on meanwhile; the client's own goes back on no frame."""
    microphone = Microphone()
    microphone.feed(frame(0, counted(0, 320)))
    microphone.bridge(1000)
    (after,) = microphone.feed(frame(320, counted(320, 320)))
    assert after.mic_offset == 320 + 16_000
    with pytest.raises(ProtocolFault, match="went back from 320 to 0"):
        microphone.feed(frame(0, counted(0, 320)))


def test_a_jump_of_the_clock_is_refused() -> None:
    """More than 10 s can't have been lost: the client counts wrongly, and is told so."""
    microphone = Microphone()
    microphone.feed(frame(160_000, counted(0, 320)))
    with pytest.raises(LimitFault, match=r"jumped by 10\.0 s"):
        microphone.feed(frame(160_320 + 160_001, counted(0, 320)))


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_wire_silence_is_a_gap_on_the_clock(rate_hz: int) -> None:
    """The ring's clock goes on while nothing comes, whether the client's own did or not."""
    for its_clock_stopped in (False, True):
        microphone = pcm16(rate_hz)
        second = counted(0, rate_hz)
        before = [out for each in framed(second, rate_hz) for out in microphone.feed(each)]
        heard = microphone.mic_offset
        gap = microphone.bridge(500)
        assert (gap.mic_offset, gap.ms) == (heard, 500)
        resumed = rate_hz if its_clock_stopped else rate_hz + rate_hz // 2
        after = microphone.feed(frame(resumed, counted(0, rate_hz // 50)))
        assert after[0].mic_offset == heard + 8_000
        assert microphone.to_ring(resumed) == 24_000
        assert microphone.counters["mic_gap_ms"] == 500
        assert not microphone.counters["mic_samples_missing"]
        assert joined(before).size == heard


def test_a_gap_that_was_bridged_too_short_is_filled_up() -> None:
    """Ticks are coarse: the rest between the last of them and the client's next frame is silence as well."""
    microphone = Microphone()
    microphone.feed(frame(0, counted(0, 320)))
    microphone.bridge(400)
    frames = microphone.feed(frame(320 + 6_400 + 480, counted(0, 320)))
    assert [each.mic_offset for each in frames] == [6_720, 7_200]
    assert not samples_of(frames[0].pcm).any()


def test_a_gap_that_was_bridged_too_long_moves_the_client_s_clock() -> None:
    """What was given out can't be taken back: from then on the client's offsets stand a little later in the ring."""
    microphone = Microphone()
    microphone.feed(frame(0, counted(0, 320)))
    microphone.bridge(500)
    (after,) = microphone.feed(frame(320 + 7_680, counted(0, 320)))
    assert after.mic_offset == 320 + 8_000
    assert microphone.to_ring(320 + 7_680) == 320 + 8_000
    (following,) = microphone.feed(frame(320 + 7_680 + 320, counted(0, 320)))
    assert following.mic_offset == 320 + 8_000 + 320
    assert not microphone.counters["mic_samples_repeated"]


def test_a_client_that_is_silent_from_the_start() -> None:
    """Its first frame comes after gaps and begins its own clock at 0."""
    microphone = Microphone()
    microphone.bridge(400)
    microphone.bridge(100)
    (first,) = microphone.feed(frame(0, counted(0, 320)))
    assert first.mic_offset == 8_000


@pytest.mark.parametrize("rate_hz", RESAMPLED)
def test_a_click_stands_where_it_was_made(rate_hz: int) -> None:
    """Resampled from any rate, a click is within 1 ms of its place on the ring's clock."""
    microphone = pcm16(rate_hz)
    for at_s in (0.1, 0.7301):
        signal = click_at(round(at_s * rate_hz), rate_hz, rate_hz)
        microphone = pcm16(rate_hz)
        sound = joined([out for each in framed(signal, rate_hz) for out in microphone.feed(each)])
        assert abs(middle_of(sound) / 16_000 - at_s) < 0.001


@pytest.mark.parametrize("rate_hz", RESAMPLED)
def test_a_resampler_holds_little_back(rate_hz: int) -> None:
    """After a second all but 3 ms has come out, and the clock counts what has."""
    microphone = pcm16(rate_hz)
    frames = [out for each in framed(counted(0, rate_hz), rate_hz) for out in microphone.feed(each)]
    assert joined(frames).size == microphone.mic_offset
    assert 16_000 - HELD_BACK <= microphone.mic_offset <= 16_000


@pytest.mark.parametrize("rate_hz", RESAMPLED)
def test_a_click_after_silence_stands_where_it_was_made(rate_hz: int) -> None:
    """Neither a hole nor a gap puts the resampled sound beside the clock."""
    microphone = pcm16(rate_hz)
    quiet, click = np.zeros(rate_hz // 10, np.int16), click_at(rate_hz // 20, rate_hz // 10, rate_hz)
    frames = list(microphone.feed(frame(0, quiet)))
    frames += microphone.feed(frame(3 * rate_hz // 10, quiet))
    microphone.bridge(500)
    late = frame(9 * rate_hz // 10, click)
    frames += microphone.feed(late) + microphone.feed(frame(rate_hz, quiet))
    sound = np.concatenate([samples_of(each.pcm) for each in frames])
    start = frames[-1].mic_offset + len(frames[-1].pcm) // 2 - len(sound)
    assert abs((start + middle_of(sound)) / 16_000 - 0.95) < 0.001


@pytest.mark.parametrize("rate_hz", RESAMPLED)
def test_stamps_stay_with_their_sound(rate_hz: int) -> None:
    """A frame that comes out late is stamped with the playhead of its own first sample, within 1 ms."""
    microphone = pcm16(rate_hz)
    size = rate_hz // 50
    for index in range(50):
        head = audio.Playhead(reply=1, position=48_000 + index * 480)  # the reply plays along with the microphone
        for out in microphone.feed(frame(index * size, counted(index * size, size), head)):
            captured = 48_000 + out.mic_offset * 24_000 // 16_000
            assert abs(out.playhead.position - captured) <= 24


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(RATES_HZ), st.lists(st.integers(1, 200), min_size=1, max_size=20), st.integers(0, 3_000))
def test_any_framing_gives_one_gapless_clock(rate_hz: int, lengths_ms: list[int], first: int) -> None:
    """Frames of any length up to 200 ms come out in order, without a hole, about as long as they went in."""
    microphone = pcm16(rate_hz)
    frames, at = [], first
    for ms in lengths_ms:
        size = rate_hz * ms // 1000
        frames += microphone.feed(frame(at, counted(at, size)))
        at += size
    sound = joined(frames) if frames else np.zeros(0, np.int16)
    assert len(sound) == microphone.mic_offset
    assert 0 <= at * 16_000 / rate_hz - len(sound) <= HELD_BACK


@pytest.mark.parametrize(
    ("pcm", "advice"), [(b"", "whole 16-bit samples"), (b"123", "whole 16-bit samples"), (bytes(6_402), "up to 200 ms")]
)
def test_a_bad_frame_is_refused_with_what_to_send(pcm: bytes, advice: str) -> None:
    """Empty, half a sample, longer than 200 ms."""
    with pytest.raises(FormatFault, match=rf"frame of {len(pcm)} bytes.*: send {advice}"):
        Microphone().feed(audio.AudioFrame(pcm=pcm))


def test_hours_of_gaps_leave_no_drift() -> None:
    """At 44.1 kHz, where a gap of 101 ms is no whole number of samples, both clocks still agree after an hour."""
    microphone = pcm16(44_100)
    for _ in range(36_000):
        microphone.bridge(101)
    assert microphone.to_ring(44_100 * 101 * 36) == microphone.mic_offset


def test_a_frame_that_partly_comes_again_gives_what_is_new() -> None:
    """A client that repeats the end of its last frame loses nothing and leaves no hole."""
    microphone = Microphone()
    microphone.feed(frame(0, counted(0, 320)))
    (rest,) = microphone.feed(frame(160, counted(160, 320)))
    assert (rest.mic_offset, microphone.mic_offset) == (320, 480)
    assert np.array_equal(joined([rest]), counted(320, 160))
    assert +microphone.counters == {"mic_samples_repeated": 160}
