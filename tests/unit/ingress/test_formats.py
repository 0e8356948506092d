"""Formats: what a client may choose, and that every choice, both ways, keeps sound and positions together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parley.v1 import audio_pb2 as audio
from services.common.errors import FormatFault
from services.ingress.formats import ALAW, MULAW, OPUS, PCM16, RATES_HZ, Format, input_format, output_format
from services.ingress.microphone import Microphone
from services.ingress.speaker import Speaker
from tests.fakes.client_formats import MicrophoneCoder, SpeakerCoder
from tests.unit.ingress.frames import Samples, joined, samples_of

FORMATS = [Format(encoding, rate) for encoding, rates in RATES_HZ.items() for rate in rates]
NAMES = [f"{audio.AudioFormat.Encoding.Name(each.encoding)[9:].lower()}-{each.rate_hz}" for each in FORMATS]
by_format = pytest.mark.parametrize("chosen", FORMATS, ids=NAMES)
any_format = st.sampled_from(FORMATS)
pieces = st.lists(st.integers(1, 2_000), min_size=1, max_size=30)


def voice(seconds: float, rate_hz: int) -> Samples:
    """Return something like speech: a buzz of 140 Hz under swells, with all its power below 3.4 kHz."""
    at = np.arange(round(seconds * rate_hz)) / rate_hz
    pitch = 2 * np.pi * (140 * at + 8 * np.sin(2 * np.pi * 1.7 * at))
    wave = sum((np.cos(n * pitch + n * n) / n**0.7 for n in range(2, 24)), np.zeros(len(at)))
    swell = 0.6 + 0.4 * np.sin(2 * np.pi * 3.1 * at) * np.sin(2 * np.pi * 0.7 * at + 1)
    loud: Samples = np.rint(2_500 * wave * swell).astype(np.int16)
    return loud


def shift_ms(heard: Samples, said: Samples, rate_hz: int) -> float:
    """Return by how much `heard` is later than `said`, by the peak of their cross-correlation."""
    size = 1 << (len(heard) + len(said)).bit_length()
    product = np.fft.rfft(heard.astype(float), size) * np.conj(np.fft.rfft(said.astype(float), size))
    fine = np.fft.irfft(np.concatenate((product, np.zeros(4 * size))))  # zeros: interpolation
    peak = int(np.argmax(fine))
    return (peak if peak < len(fine) / 2 else peak - len(fine)) / len(fine) * size / rate_hz * 1000


def test_what_a_client_may_choose() -> None:
    """Nothing chosen is PCM16 at the ring's rates; G.711 is 8 kHz, Opus 48 kHz; the rest as asked for."""
    nothing = audio.AudioFormat()
    assert (input_format(nothing), output_format(nothing)) == (Format(PCM16, 16_000), Format(PCM16, 24_000))
    for encoding, rate in ((MULAW, 8_000), (ALAW, 8_000), (OPUS, 48_000)):
        assert input_format(audio.AudioFormat(encoding=encoding)) == Format(encoding, rate)
        assert output_format(audio.AudioFormat(encoding=encoding)) == Format(encoding, rate)
    for chosen in FORMATS:
        asked = audio.AudioFormat(encoding=chosen.encoding, rate_hz=chosen.rate_hz)
        assert input_format(asked) == output_format(asked) == chosen


def test_what_is_not_taken_is_refused_with_what_is() -> None:
    """A wrong rate, for PCM16 and for others, and an encoding of a later protocol."""
    with pytest.raises(FormatFault, match=r"output: 22050 Hz is not taken; use one of 8000, .* \(best: 24000\)"):
        output_format(audio.AudioFormat(rate_hz=22_050))
    with pytest.raises(FormatFault, match=r"input: 16000 Hz is not taken; use one of 8000 .* with ENCODING_MULAW"):
        input_format(audio.AudioFormat(encoding=MULAW, rate_hz=16_000))
    with pytest.raises(FormatFault, match=r"input: 44100 Hz .* with ENCODING_OPUS"):
        input_format(audio.AudioFormat(encoding=OPUS, rate_hz=44_100))
    with pytest.raises(FormatFault, match="encoding 9 is not known here; use one of ENCODING_PCM16, "):
        input_format(audio.AudioFormat(encoding=9))  # type: ignore[arg-type]


@by_format
def test_what_is_said_is_heard_at_its_place(chosen: Format) -> None:
    """From a client's coder to the ring: the same sound, shifted by less than a quarter of a millisecond."""
    said = voice(1.5, 16_000)
    microphone, coder = Microphone(chosen), MicrophoneCoder(chosen)
    frames = []
    for at in range(0, len(said), 320):
        for offset, coded in coder.feed(said[at : at + 320].tobytes()):
            frames += microphone.feed(audio.AudioFrame(mic_offset=offset, pcm=coded))
    heard = joined(frames)
    assert len(heard) >= len(said) - 0.007 * 16_000, "at most 7 ms are still held back"
    assert abs(shift_ms(heard, said, 16_000)) < 0.25
    both = slice(1_600, len(heard) - 1_600)
    assert np.corrcoef(heard[both], said[both])[0, 1] > 0.9
    assert not +microphone.counters


@by_format
def test_a_reply_is_heard_at_the_positions_it_has(chosen: Format) -> None:
    """From the ring to a client's decoder: the sound heard at the client's position p is the ring's at to_ring(p)."""
    said = voice(1.5, 24_000)
    speaker = Speaker(chosen)
    messages: list[audio.ReplyAudio] = []
    for at in range(0, len(said), 720):
        messages += speaker.feed(audio.ReplyAudio(reply=1, position=at, pcm=said[at : at + 720].tobytes()))
    *rest, ended = speaker.end(audio.ReplyEnded(reply=1, samples=len(said)))
    messages += [each for each in rest if isinstance(each, audio.ReplyAudio)]
    client = SpeakerCoder(chosen, 0)
    heard = np.concatenate(
        [samples_of(client.feed(each.pcm)[1]) for each in messages] + [samples_of(client.finish()[1])]
    )
    assert isinstance(ended, audio.ReplyEnded)
    assert speaker.to_ring(ended.samples) == pytest.approx(len(said), abs=24_000 // chosen.rate_hz + 1)
    told = ended.samples * 24_000 / chosen.rate_hz
    assert told - 3 <= len(heard) < told + 480 + 3
    late_ms = (48_000 - speaker.to_ring(48_000 * chosen.rate_hz // 24_000)) / 24
    assert shift_ms(heard, said, 24_000) == pytest.approx(late_ms, abs=0.25)
    assert late_ms == (2.5 if chosen.encoding == OPUS else 0)
    later = round(late_ms * 24)
    inner = slice(2_400, len(said) - 2_400)
    assert np.corrcoef(heard[later:][inner], said[inner])[0, 1] > 0.9


@settings(max_examples=60, deadline=None)
@given(any_format, pieces, st.integers(0, 100_000))
def test_any_pieces_make_one_reply_without_holes(chosen: Format, sizes: list[int], start: int) -> None:
    """However egress cuts a reply: positions follow each other, and the end tells the whole length."""
    speaker, at = Speaker(chosen), start
    messages: list[audio.ReplyAudio] = []
    for size in sizes:
        messages += speaker.feed(audio.ReplyAudio(reply=3, position=at, pcm=bytes(2 * size)))
        at += size
    *rest, ended = speaker.end(audio.ReplyEnded(reply=3, samples=at))
    messages += [each for each in rest if isinstance(each, audio.ReplyAudio)]
    assert isinstance(ended, audio.ReplyEnded)
    position = -(-start * chosen.rate_hz // 24_000) if chosen.encoding != OPUS else start * chosen.rate_hz // 24_000
    for message in messages:
        assert abs(message.position - position) <= (1 if chosen.encoding == OPUS else 0)
        position = message.position + length_of(message.pcm, chosen)
    surplus = chosen.rate_hz // 50 if chosen.encoding == OPUS else 0
    if messages:
        assert ended.samples - 1 <= position <= ended.samples + surplus
    assert ended.samples == speaker.to_client(at)


def length_of(coded: bytes, chosen: Format) -> int:
    """Return how many samples of the client's a message of a reply has."""
    if chosen.encoding == OPUS:
        return chosen.rate_hz // 50
    return len(coded) // (2 if chosen.encoding == PCM16 else 1)


@settings(max_examples=60, deadline=None)
@given(any_format, pieces)
def test_any_frames_make_one_gapless_clock(chosen: Format, sizes: list[int]) -> None:
    """However a client cuts its audio: the ring's clock has no hole, and is at most 9.7 ms behind the client's."""
    microphone, coder = Microphone(chosen), MicrophoneCoder(chosen)
    frames, end = [], 0
    for size in sizes:
        for offset, coded in coder.feed(bytes(2 * size)):
            frames += microphone.feed(audio.AudioFrame(mic_offset=offset, pcm=coded))
            end = offset + client_length(coded, chosen)
    given = sum(len(samples_of(each.pcm)) for each in frames)
    assert given == microphone.mic_offset
    assert 0 <= end * 16_000 / chosen.rate_hz - given <= 0.0097 * 16_000
    if frames:
        joined(frames)
    assert not +microphone.counters


def client_length(coded: bytes, chosen: Format) -> int:
    """Return how many samples of the client's clock a message of the microphone's has."""
    return length_of(coded, chosen)


@settings(max_examples=100, deadline=None)
@given(any_format, st.integers(0, 10**9))
def test_positions_lead_there_and_back(chosen: Format, position: int) -> None:
    """A ring's position told to a client and reported back is at most one of the client's samples earlier."""
    speaker = Speaker(chosen)
    assert 0 <= position - speaker.to_ring(speaker.to_client(position)) <= -(-24_000 // chosen.rate_hz)


@by_format
def test_a_stamp_is_of_the_sound_it_comes_with(chosen: Format) -> None:
    """Sound that was held back carries the playhead of its own moment, within a millisecond."""
    microphone, coder = Microphone(chosen), MicrophoneCoder(chosen)
    for index in range(25):
        for offset, coded in coder.feed(bytes(640)):
            captured = 48_000 + offset * 24_000 // chosen.rate_hz  # the reply plays along with the microphone
            head = audio.Playhead(reply=1, position=captured)
            for out in microphone.feed(audio.AudioFrame(mic_offset=offset, pcm=coded, playhead=head)):
                assert abs(out.playhead.position - (48_000 + out.mic_offset * 3 // 2)) <= 24, index


def test_the_ring_s_own_formats_cost_nothing() -> None:
    """PCM16 at 16 kHz in and 24 kHz out pass as the very same bytes."""
    pcm = voice(0.02, 16_000).tobytes()
    (frame,) = Microphone().feed(audio.AudioFrame(pcm=pcm))
    piece = audio.ReplyAudio(reply=1, pcm=pcm)
    assert frame.pcm == pcm
    assert Speaker().feed(piece)[0] is piece
