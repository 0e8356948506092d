"""Audio as it comes from a speech server, and where its words probably begin."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.engine.speech import RATE_HZ, Utterance
from services.engine.voices.sound_stream import SoundError, SoundStream
from services.engine.voices.word_estimate import SpeakingPace, WordEstimate

TEXT = " Well, this is a sentence — of some length."


def tone(count: int) -> NDArray[np.int16]:
    """Samples that are loud all through."""
    return np.full(count, 5000, dtype=np.int16)


def spoken(text: str, sizes: list[int], pace: SpeakingPace | None = None) -> list[Utterance]:
    """A sentence whose audio comes in pieces of these sizes."""
    estimate = WordEstimate(text, pace or SpeakingPace(), 1.0)
    found = [estimate.feed(tone(size)) for size in sizes] + [estimate.finish()]
    return [utterance for utterance in found if utterance is not None]


def places(utterances: list[Utterance]) -> list[tuple[str, int]]:
    """Each word with the sample of the whole that it begins at."""
    before, found = 0, []
    for utterance in utterances:
        found += [(word.text, before + word.start_samples) for word in utterance.words]
        before += utterance.samples
    return found


@given(st.lists(st.integers(0, 30_000), max_size=8))
def test_no_word_and_no_sample_is_lost(sizes: list[int]) -> None:
    """However much audio comes, in whatever pieces: all words come, in order, within it."""
    utterances = spoken(TEXT, sizes)
    assert "".join(word for word, _ in places(utterances)) == TEXT
    assert sum(utterance.samples for utterance in utterances) == sum(sizes)
    starts = [start for _, start in places(utterances)]
    assert starts == sorted(starts)
    assert all(0 <= start <= sum(sizes) for start in starts)


def test_a_whole_sentence_is_shared_by_its_characters() -> None:
    """With all the audio there, each word begins at its share of what is loud."""
    silence = np.zeros(RATE_HZ, dtype=np.int16)
    utterance = WordEstimate("aaaa bbbb cccc", SpeakingPace(), 1.0).whole(
        np.concatenate([silence, tone(15_000), silence])
    )
    assert utterance is not None
    starts = [word.start_samples - RATE_HZ for word in utterance.words]
    assert starts == pytest.approx([0, 5000, 10_000], abs=5)


def test_a_pace_is_learned() -> None:
    """A voice half as fast as expected is known after some sentences: then streamed words are in place."""
    pace, length = SpeakingPace(), 2 * RATE_HZ * len(TEXT) // 15
    whole = WordEstimate(TEXT, SpeakingPace(), 1.0).whole(tone(length))
    assert whole is not None
    truth = dict(places([whole]))[" length."]
    off = []
    for _ in range(12):
        off.append(abs(dict(places(spoken(TEXT, [2400] * (length // 2400), pace)))[" length."] - truth))
    assert off[-1] < 0.05 * length < off[0]


def wav(samples: bytes, channels: int = 1, rate_hz: int = 24_000, bits: int = 16, tag: int = 1) -> bytes:
    """A WAV as a streaming server sends it: with sizes it cannot know, and a chunk before the audio."""
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, tag, channels, rate_hz, rate_hz * 2 * channels, 2 * channels, bits)
    noise = struct.pack("<4sI", b"LIST", 5) + b"abcde\0"
    return b"RIFF\xff\xff\xff\xffWAVE" + form + noise + b"data\xff\xff\xff\xff" + samples


@given(st.lists(st.integers(1, 40), max_size=10), st.booleans())
def test_sound_is_the_same_however_it_is_cut(sizes: list[int], is_wav: bool) -> None:
    """Packets may end in the header or within a sample."""
    samples = np.arange(100, dtype="<i2")
    data = wav(samples.tobytes()) if is_wav else samples.tobytes()
    stream, found, place = SoundStream(24_000), [], 0
    for size in sizes:
        found.append(stream.feed(data[place : place + size]))
        place += size
    found += [stream.feed(data[place:]), stream.finish()]
    assert np.concatenate(found).tolist() == samples.tolist()


def test_two_channels_become_one_and_any_rate_24_khz() -> None:
    """The header is believed, not the setting."""
    stereo = np.repeat(np.full(12_000, 700, dtype="<i2"), 2)
    stream = SoundStream(8_000)
    sound = np.concatenate([stream.feed(wav(stereo.tobytes(), channels=2, rate_hz=12_000)), stream.finish()])
    assert abs(sound.size - 24_000) < 240
    assert abs(int(np.median(sound)) - 700) < 3


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (wav(b"", bits=8), "8 bits"),
        (wav(b"", tag=3), "format 3"),
        (wav(b"", rate_hz=5), "5 Hz"),
        (b"RIFF\0\0\0\0AVI " + bytes(20), "no WAV"),
        (b"RIFF\0\0\0\0WAVEjunk\xff\xff\xff\x7f" + bytes(9), "too long"),
        (b"OggS" + bytes(20), "Ogg"),
        (b"ID3", "before its audio"),
    ],
)
def test_what_is_no_sound_is_named(data: bytes, why: str) -> None:
    """Anything else a server sends is told apart from speech instead of being played."""
    stream = SoundStream(24_000)
    with pytest.raises(SoundError, match=why):
        _hear(stream, data)


def _hear(stream: SoundStream, data: bytes) -> None:
    stream.feed(data)
    stream.finish()
