"""The content encoder with its real weights: the shape of what it hears, and what it does not care for."""

from __future__ import annotations

import numpy as np
import pytest

from services.vad.content.encoder import SEGMENTS, STATE_SIZE, WINDOW_SAMPLES, ContentEncoder
from services.vad.voice import samples_of
from tests.unit.vad.signals import hiss, pcm, silence, vowel

VOWEL = samples_of(pcm(silence(0.3), vowel(0.6)))
HISS = samples_of(pcm(silence(0.3), hiss(0.6)))


@pytest.fixture(scope="module")
def encoder() -> ContentEncoder:
    """The shipped one."""
    return ContentEncoder()


def test_it_hears_the_last_of_what_it_is_given(encoder: ContentEncoder) -> None:
    """0.8 s, in pieces of 80 ms; what came before changes nothing."""
    states = encoder.states(VOWEL)
    assert states.shape == (SEGMENTS, STATE_SIZE)
    assert np.isfinite(states).all()
    assert np.array_equal(states, encoder.states(VOWEL[-WINDOW_SAMPLES:]))


def test_sounds_differ_more_than_loudness_does(encoder: ContentEncoder) -> None:
    """The same sound at a quarter of its level stays what it was; another sound is far off."""
    states = encoder.states(VOWEL)
    quiet = np.abs(encoder.states((VOWEL // 4).astype(np.int16)) - states).mean()
    other = np.abs(encoder.states(HISS) - states).mean()
    assert other > 5 * quiet


def test_less_than_it_needs_is_refused(encoder: ContentEncoder) -> None:
    """Its caller pads with silence; silence itself is no trouble."""
    with pytest.raises(ValueError, match="hears 12800 samples at a time, not 12799"):
        encoder.states(VOWEL[: WINDOW_SAMPLES - 1])
    assert np.isfinite(encoder.states(np.zeros(WINDOW_SAMPLES, np.int16))).all()
