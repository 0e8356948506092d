"""The speaker: replies at the client's rate, each from its own beginning, and positions that lead back."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from parley.v1 import audio_pb2 as audio
from services.ingress.formats import PCM16, Format
from services.ingress.formats import RATES_HZ as TAKEN_HZ
from services.ingress.speaker import Speaker
from tests.unit.ingress.frames import Samples, click_at, counted, middle_of, samples_of

RATES_HZ = TAKEN_HZ[PCM16]
RESAMPLED = [rate for rate in RATES_HZ if rate != 24_000]


def pcm16(rate_hz: int) -> Speaker:
    """Return a speaker that plays PCM16."""
    return Speaker(Format(PCM16, rate_hz))


def converted(speaker: Speaker, reply: int, signal: Samples, start: int = 0) -> tuple[Samples, int, int]:
    """Return a reply as the client hears it, where it begins, and its length as told at the end."""
    pieces: list[audio.ReplyAudio] = []
    for at in range(0, len(signal), 960):
        pcm = signal[at : at + 960].astype("<i2").tobytes()
        pieces += speaker.feed(audio.ReplyAudio(reply=reply, position=start + at, pcm=pcm))
    *rest, last = speaker.end(audio.ReplyEnded(reply=reply, samples=start + len(signal)))
    pieces += [each for each in rest if isinstance(each, audio.ReplyAudio)]
    assert isinstance(last, audio.ReplyEnded)
    for before, after in pairwise(pieces):
        assert after.position == before.position + len(before.pcm) // 2
    return np.concatenate([samples_of(piece.pcm) for piece in pieces]), pieces[0].position, last.samples


def test_at_24_khz_pieces_pass_untouched() -> None:
    """The very same message, and the end with it."""
    speaker = Speaker()
    piece = audio.ReplyAudio(reply=1, position=7, pcm=b"1234")
    ended = audio.ReplyEnded(reply=1, samples=9)
    assert speaker.feed(piece)[0] is piece
    assert speaker.end(ended) == [ended]


@pytest.mark.parametrize("rate_hz", RESAMPLED)
def test_a_reply_is_whole_and_in_place(rate_hz: int) -> None:
    """The end flushes the resampler: the length is right, and a click stands within 1 ms of its place."""
    signal = click_at(12_345, 24_000, 24_000)
    sound, start, told = converted(pcm16(rate_hz), 1, signal)
    assert start == 0
    assert len(sound) == told == pytest.approx(rate_hz, abs=2)
    assert abs(middle_of(sound) / rate_hz - 12_345 / 24_000) < 0.001


@pytest.mark.parametrize("rate_hz", RESAMPLED)
def test_each_reply_begins_afresh(rate_hz: int) -> None:
    """Nothing of a dead reply sounds in the next one, and a reply that begins in its middle stands there."""
    speaker = pcm16(rate_hz)
    speaker.feed(audio.ReplyAudio(reply=1, pcm=counted(0, 4_800).astype("<i2").tobytes()))
    speaker.forget()
    sound, start, told = converted(speaker, 2, np.zeros(4_800, np.int16), start=24_000)
    assert np.abs(sound).max() <= 1, "silence but for the dither"
    assert start == rate_hz
    assert told == pytest.approx(rate_hz * 1.2, abs=2)


def test_a_new_reply_needs_no_forgetting() -> None:
    """A higher number is enough for a fresh resampler."""
    speaker = pcm16(48_000)
    speaker.feed(audio.ReplyAudio(reply=1, pcm=counted(0, 4_800).astype("<i2").tobytes()))
    sound, start, _ = converted(speaker, 2, np.zeros(4_800, np.int16))
    assert np.abs(sound).max() <= 1, "silence but for the dither"
    assert start == 0


def test_the_end_of_a_reply_without_sound_tells_its_own_length() -> None:
    """Not the length of the reply before."""
    speaker = pcm16(8_000)
    converted(speaker, 1, counted(0, 24_000))
    assert speaker.end(audio.ReplyEnded(reply=2, samples=0)) == [audio.ReplyEnded(reply=2, samples=0)]


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_positions_lead_back(rate_hz: int) -> None:
    """What a client reports is, in the ring, at most one of its samples earlier than it was."""
    speaker = pcm16(rate_hz)
    for position in (0, 1, 479, 24_000, 1_234_567):
        back = speaker.to_ring(speaker.to_client(position))
        assert 0 <= position - back <= -(-24_000 // rate_hz)
