"""Articulation: how a sound was made, told from synthetic sounds of which that is known."""

from __future__ import annotations

import numpy as np
import pytest

from services.vad.articulation import Articulation, ArticulationEvidence
from tests.unit.vad.signals import Signal, frames, hiss, hum, pcm, silence, time_axis, vowel

LEAD_S = 0.4
LEAD_SAMPLES = 6400


def evidence_of(*sounds: Signal) -> ArticulationEvidence:
    """Play sounds after some room tone and ask for the time they took."""
    articulation = Articulation()
    audio = pcm(silence(LEAD_S), *sounds)
    for frame in frames(audio):
        articulation.feed(frame)
    return articulation.evidence(LEAD_SAMPLES, len(audio) // 2)


def test_a_hum_is_voiced_low_and_steady() -> None:
    """A closed mouth has a pitch, no hiss, and is nearly all hum."""
    found = evidence_of(hum(0.5))
    assert (found.loud_ms, found.voiced_ms, found.high_band_ms, found.hiss_ms) == (500, 500, 0, 0)
    assert found.hum > 0.8
    assert found.flux_db < 1.5


def test_an_s_is_a_sharp_hiss_and_an_sh_is_a_dull_one() -> None:
    """Both lie above 3 kHz and have no pitch; only the "s" counts as sharp."""
    sharp, dull = evidence_of(hiss(0.2)), evidence_of(hiss(0.2, 2000, 4400))
    assert sharp.high_band_ms == sharp.hiss_ms == dull.high_band_ms == 200
    assert dull.hiss_ms == sharp.voiced_ms == dull.voiced_ms == 0


def test_a_word_changes_its_sound_more_than_a_vowel_held() -> None:
    """The flux of "s" + vowel + another vowel exceeds that of one vowel of the same length, and it is no hum."""
    word = evidence_of(hiss(0.12), vowel(0.18), vowel(0.2, 140, (300, 2300)))
    held = evidence_of(vowel(0.5))
    assert word.flux_db > 2 * held.flux_db
    assert word.hum < 0.8
    assert 100 <= word.hiss_ms <= 140


def test_room_tone_is_nothing() -> None:
    """Sound at the noise floor counts for nothing at all."""
    found = evidence_of(silence(0.5))
    assert (found.loud_ms, found.high_band_ms, found.voiced_ms, found.hum) == (0, 0, 0, 0.0)


def test_steady_noise_becomes_the_floor() -> None:
    """A fan that stays on is loud for a while and then is the room."""
    fan = np.random.default_rng(3).normal(0.0, 0.003, len(time_axis(4.0)))
    articulation = Articulation()
    for frame in frames(pcm(fan)):
        articulation.feed(frame)
    assert articulation.evidence(48_000, 64_000).loud_ms == 0


def test_a_sound_that_dies_away_has_faded() -> None:
    """The fade is the fall from the loudest frame to the last one, silence included."""
    fading = vowel(0.5) * np.linspace(1.0, 0.0, 8000) ** 2
    assert evidence_of(vowel(0.5)).fade_db < 1.0
    assert evidence_of(fading).fade_db > 20.0


def test_evidence_is_of_the_span_asked_for() -> None:
    """A hiss before the span is not in it, and a span without frames is empty."""
    articulation = Articulation()
    for frame in frames(pcm(silence(LEAD_S), hiss(0.2), hum(0.3))):
        articulation.feed(frame)
    assert articulation.evidence(LEAD_SAMPLES, LEAD_SAMPLES + 3200).hiss_ms == 200
    assert articulation.evidence(LEAD_SAMPLES + 3840, LEAD_SAMPLES + 8000).hiss_ms == 0
    assert articulation.evidence(10**6, 10**7).loud_ms == 0


def test_reset_sets_the_clock_and_forgets() -> None:
    """After a reset the same sounds give the same evidence at the new place of the clock."""
    articulation = Articulation()
    audio = pcm(silence(LEAD_S), hiss(0.2))
    for start in (0, 500_000):
        articulation.reset(start)
        for frame in frames(audio):
            articulation.feed(frame)
        assert articulation.evidence(start, start + 16_000).hiss_ms == 200
        assert articulation.evidence(start + 16_000, 10**9).hiss_ms == 0


def test_digital_silence_and_full_scale_do_no_harm() -> None:
    """Zeros and clipping give finite evidence (and no numerical warning, which would fail the test)."""
    articulation = Articulation()
    for frame in [bytes(640)] * 5 + [b"\xff\x7f" * 160 + b"\x00\x80" * 160] * 5 + [bytes(640)] * 5:
        articulation.feed(frame)
    found = articulation.evidence(0, 10**9)
    assert np.isfinite([found.flux_db, found.hum, found.fade_db]).all()


@pytest.mark.parametrize("size", [0, 638, 642, 641])
def test_only_frames_of_20_ms_are_taken(size: int) -> None:
    """Any other length is the caller's error."""
    with pytest.raises(ValueError, match="sample"):
        Articulation().feed(bytes(size))
