"""The synthetic person: same words, same audio; speech is speech to a voice detector, and a cough is not."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from services.vad.silero import Silero, SileroModel
from services.vad.weights import WeightsError
from tests.fakes import speech


@pytest.fixture(scope="module")
def model() -> SileroModel:
    """The detector, where its weights are installed."""
    try:
        return SileroModel()
    except WeightsError as error:
        pytest.skip(str(error))


def probabilities(model: SileroModel, pcm: bytes) -> list[float]:
    """Judge audio that stands between half seconds of silence."""
    heard = speech.join(speech.silence(500), pcm, speech.silence(500))
    return [window.probability for window in Silero(model).feed(heard)]


@pytest.mark.parametrize("text", ["stop", "hey", "wait", "no", "what time is it"])
def test_words_are_speech(model: SileroModel, text: str) -> None:
    """Every interrupting word alone is recognised as speech for at least 96 ms, and silence around it is not."""
    judged = probabilities(model, speech.say(text))
    assert sum(p > 0.6 for p in judged) >= 3
    assert max(judged[:12]) < 0.3


def test_a_hum_is_voiced(model: SileroModel) -> None:
    """A hum is taken for a voice: telling it from words is left to the turn taking."""
    assert sum(p > 0.5 for p in probabilities(model, speech.hum())) >= 3


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_cough_is_not_speech(model: SileroModel, seed: int) -> None:
    """A cough is as loud as a word and the detector does not take it for one."""
    assert max(probabilities(model, speech.cough(seed))) < 0.5
    loudness = [np.max(np.abs(np.frombuffer(p, "<i2"))) for p in (speech.cough(seed), speech.say("stop"))]
    assert loudness[0] == loudness[1]


def test_the_same_words_give_the_same_audio() -> None:
    """A fresh synthesis equals the cached one to the byte."""
    cached = speech.say("stop")
    assert speech._synthesise("stop", "en-us", 160) == cached


def test_speech_begins_and_ends_with_sound() -> None:
    """No silence is left at either end, so a test knows the onset to the millisecond."""
    sound = np.abs(np.frombuffer(speech.say("hello there"), "<i2"))
    assert min(sound[0], sound[-1]) > 0


def test_voices_and_rates_differ() -> None:
    """Voice and rate both change the audio."""
    variants = [speech.say("yes"), speech.say("yes", voice="en-us+f3"), speech.say("yes", rate_wpm=250)]
    assert all(a != b for a, b in itertools.combinations(variants, 2))


def test_joined_audio_is_whole_frames() -> None:
    """Joining pads to 20 ms; silence has the length asked for."""
    assert speech.duration_ms(speech.silence(250)) == 250
    assert len(speech.join(speech.say("stop"), speech.silence(7))) % 640 == 0


def test_an_unknown_voice_is_named() -> None:
    """The error says which voice, and what else to try."""
    with pytest.raises(ValueError, match="no such espeak voice: 'xx-nobody'"):
        speech.say("hello", voice="xx-nobody")
