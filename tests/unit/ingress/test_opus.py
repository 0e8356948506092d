"""Opus: packets of any length, what is lost, what is no packet, and a server without the codec."""

from __future__ import annotations

import numpy as np
import opuslib_next
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parley.v1 import audio_pb2 as audio
from services.common.errors import FormatFault
from services.ingress import opus
from services.ingress.formats import OPUS, Format
from services.ingress.microphone import Microphone
from services.ingress.speaker import Speaker
from tests.fakes.client_formats import MicrophoneCoder
from tests.unit.ingress.frames import Samples, joined, samples_of
from tests.unit.ingress.test_formats import shift_ms, voice


def packets(signal: Samples, ms: float, rate_hz: int = 16_000, application: str = "voip") -> list[bytes]:
    """Return a signal as packets of `ms`, by the wheel's own encoder."""
    encoder = opuslib_next.Encoder(rate_hz, 1, application)
    size = round(ms * rate_hz / 1000)
    return [
        encoder.encode(signal[at : at + size].astype("<i2").tobytes(), size)
        for at in range(0, len(signal) - size + 1, size)
    ]


def heard_from(coded: list[bytes], ms: float, clock_hz: int = 48_000) -> tuple[Samples, Microphone]:
    """Return what the ring hears of packets of `ms`, and the microphone."""
    microphone, frames = Microphone(Format(OPUS, clock_hz)), []
    for index, packet in enumerate(coded):
        offset = round(index * ms * clock_hz / 1000)
        frames += microphone.feed(audio.AudioFrame(mic_offset=offset, pcm=packet))
    return joined(frames), microphone


@pytest.mark.parametrize("ms", [2.5, 5, 10, 20, 40, 60, 120])
@pytest.mark.parametrize("clock_hz", [8_000, 12_000, 48_000])
def test_a_packet_says_itself_how_long_it_is(ms: float, clock_hz: int) -> None:
    """Of any length and on any clock: no hole, and sound in its place."""
    said = voice(1.2, 16_000)
    application = "audio" if ms >= 10 else "restricted_lowdelay"
    heard, microphone = heard_from(packets(said, ms, application=application), ms, clock_hz)
    assert not +microphone.counters
    assert 0 <= len(said) // round(16 * ms) * round(16 * ms) - len(heard) == 104, "6.5 ms are the encoder's"
    assumed = 0 if ms >= 10 else -4  # a low-delay encoder looks 4 ms less ahead than is assumed
    assert shift_ms(heard, said, 16_000) == pytest.approx(assumed, abs=0.25)


def test_a_stereo_packet_is_mixed() -> None:
    """The codec's channels are the packet's own business: both are heard as one."""
    said = voice(0.5, 48_000)
    encoder = opuslib_next.Encoder(48_000, 2, "audio")
    both = np.repeat(said, 2).astype("<i2")
    coded = [encoder.encode(both[at : at + 1920].tobytes(), 960) for at in range(0, len(both) - 1919, 1920)]
    heard, microphone = heard_from(coded, 20)
    assert shift_ms(heard, said[::3], 16_000) == pytest.approx(0, abs=0.25)
    assert not +microphone.counters


@pytest.mark.parametrize("lost", [1, 3, 10])
def test_a_lost_packet_keeps_its_time(lost: int) -> None:
    """The clock goes on exactly, the decoder guesses for 60 ms, what follows stands where it was said; all counted."""
    said = voice(1.6, 16_000)
    coded = packets(said, 20)
    microphone, frames = Microphone(Format(OPUS, 48_000)), []
    for index, packet in enumerate(coded):
        if not 30 <= index < 30 + lost:
            frames += microphone.feed(audio.AudioFrame(mic_offset=index * 960, pcm=packet))
    heard = joined(frames)
    assert len(heard) == len(said) - 104
    assert microphone.counters == {"mic_samples_missing": lost * 960}
    start = 30 * 320 - 104
    assert heard[start : start + 320].any(), "a guess, not silence"
    assert not heard[start + 960 : start + lost * 320].any(), "and silence after 60 ms"
    after = (30 + lost + 2) * 320
    assert shift_ms(heard[after:], said[after:], 16_000) == pytest.approx(0, abs=0.25)


def test_a_hole_that_is_no_number_of_steps() -> None:
    """The decoder guesses in steps of 2.5 ms; the clock stays exact with any hole."""
    coded = packets(voice(0.2, 16_000), 20)
    microphone = Microphone(Format(OPUS, 12_000))
    frames = microphone.feed(audio.AudioFrame(pcm=coded[0]))
    frames += microphone.feed(audio.AudioFrame(mic_offset=240 + 77, pcm=coded[1]))
    assert len(joined(frames)) == (240 + 77) * 4 // 3 + 320 - 104


def test_a_packet_that_overlaps_gives_what_is_new() -> None:
    """A packet can't be cut before it is decoded; its old part is dropped after."""
    coded = packets(voice(0.2, 16_000), 20)
    microphone = Microphone(Format(OPUS, 48_000))
    frames = microphone.feed(audio.AudioFrame(pcm=coded[0]))
    frames += microphone.feed(audio.AudioFrame(mic_offset=480, pcm=coded[1]))
    assert microphone.feed(audio.AudioFrame(mic_offset=480, pcm=coded[1])) == []
    assert len(joined(frames)) == 480 - 104
    assert microphone.counters == {"mic_samples_repeated": 480 + 960}


def test_discontinuous_transmission() -> None:
    """Silence sent as packets of one byte keeps the clock; not sent at all, wire silence does."""
    coder = MicrophoneCoder(Format(OPUS, 16_000))
    encoder = coder._encoder
    encoder.dtx = 1
    microphone, frames, smallest = Microphone(Format(OPUS, 16_000)), [], 1_275
    for offset, packet in coder.feed(voice(0.4, 16_000).tobytes() + bytes(2 * 16_000)):
        smallest = min(smallest, len(packet))
        frames += microphone.feed(audio.AudioFrame(mic_offset=offset, pcm=packet))
    assert smallest <= 2
    assert len(joined(frames)) == 22_400 - 104
    assert not samples_of(frames[-1].pcm).any() or np.abs(samples_of(frames[-1].pcm)).max() < 50
    gap = microphone.bridge(500)
    assert gap.mic_offset == 22_400 - 104
    (after,) = microphone.feed(audio.AudioFrame(mic_offset=22_400 + 8_000, pcm=packet))
    assert after.mic_offset == 22_400 - 104 + 8_000


@pytest.mark.parametrize("bad", [b"", b"\x03", b"\xff" * 2, b"\x0b\xff"], ids=["empty", "no-count", "bad", "too-long"])
def test_what_is_no_packet_is_refused(bad: bytes) -> None:
    """One clear fault that says what to send."""
    with pytest.raises(FormatFault, match=rf"{len(bad)} bytes that are no Opus packet: send one whole packet"):
        Microphone(Format(OPUS, 48_000)).feed(audio.AudioFrame(pcm=bad))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.binary(min_size=0, max_size=80), min_size=1, max_size=8))
def test_any_bytes_are_a_packet_or_a_fault(garbage: list[bytes]) -> None:
    """Whatever comes, the clock stays gapless or the client is told; nothing else happens."""
    microphone, at, frames = Microphone(Format(OPUS, 48_000)), 0, []
    try:
        for coded in garbage:
            frames += microphone.feed(audio.AudioFrame(mic_offset=at, pcm=coded))
            at = microphone._next
    except FormatFault:
        pass
    assert sum(len(each.pcm) // 2 for each in frames) == microphone.mic_offset


def test_a_reply_that_was_interrupted_leaves_nothing() -> None:
    """The next reply begins with its own first sample: silence before it stays silent."""
    speaker = Speaker(Format(OPUS, 24_000))
    speaker.feed(audio.ReplyAudio(reply=1, pcm=voice(0.99, 24_000).tobytes()))
    speaker.forget()
    messages = speaker.feed(audio.ReplyAudio(reply=2, pcm=bytes(4_800)))
    decoder = opuslib_next.Decoder(24_000, 1)
    heard = samples_of(b"".join(decoder.decode(each.pcm, 480) for each in messages))
    assert [each.position for each in messages] == [0, 480, 960, 1_440, 1_920]
    assert np.abs(heard).max() <= 1


@pytest.mark.parametrize("samples", [1, 419, 420, 421, 480, 900, 901])
def test_the_last_packet_holds_the_end(samples: int) -> None:
    """However long a reply: its packets hold it and the 60 samples of lookahead, with less than a packet to spare."""
    speaker = Speaker(Format(OPUS, 24_000))
    messages = list(speaker.feed(audio.ReplyAudio(reply=1, pcm=bytes(2 * samples))))
    *rest, ended = speaker.end(audio.ReplyEnded(reply=1, samples=samples))
    held = 480 * (len(messages) + len(rest))
    assert isinstance(ended, audio.ReplyEnded)
    assert ended.samples == samples + 60
    assert held - 480 < ended.samples <= held
    assert speaker.to_ring(ended.samples) == samples


def test_a_reply_without_a_sound_is_empty() -> None:
    """No packet and no sample."""
    assert Speaker(Format(OPUS, 48_000)).end(audio.ReplyEnded(reply=1)) == [audio.ReplyEnded(reply=1)]


def test_a_server_without_the_codec_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Opus asked for and not installed: one line with what to do, for client and operator; the rest works."""
    monkeypatch.setattr(opus, "libopus", None)
    for make in (Microphone, Speaker):
        with pytest.raises(FormatFault, match=r"choose ENCODING_PCM16, or .* `pip install opuslib-next-bundled`"):
            make(Format(OPUS, 48_000))
    assert Microphone().feed(audio.AudioFrame(pcm=b"12"))
