"""Audio: files of any rate become 16 kHz, noise comes in at the level that was asked for, the room stays quiet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from services.common.audio import MIC_HZ
from tests.eval import audio
from tests.unit.eval.scripted import save, tones


def test_a_stereo_file_of_another_rate_becomes_its_first_channel_at_16_khz(tmp_path: Path) -> None:
    """A second of 440 Hz at 44.1 kHz stays a second of 440 Hz; the other channel is not heard."""
    at_s = np.arange(44_100) / 44_100
    both = np.stack([0.3 * np.sin(2 * np.pi * 440 * at_s), np.ones(44_100) * 0.9], axis=1)
    soundfile.write(str(tmp_path / "clip.wav"), both, 44_100)
    sound = audio.read(tmp_path / "clip.wav")
    assert len(sound) == MIC_HZ
    assert np.argmax(np.abs(np.fft.rfft(sound))) == 440
    assert np.abs(sound).max() < 0.32


@pytest.mark.parametrize(("content", "why"), [(None, "no such file"), (b"no sound at all", "can't be read as sound")])
def test_a_file_that_is_no_sound_is_told_in_words(tmp_path: Path, content: bytes | None, why: str) -> None:
    """Missing, or not sound: an AudioError that says so."""
    path = tmp_path / "clip.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(audio.AudioError, match=why):
        audio.check(path)


def test_a_file_that_is_cut_short_is_told_in_words(tmp_path: Path) -> None:
    """Its beginning is good, its end is missing: found before anything is heard."""
    path = tmp_path / "clip.flac"
    soundfile.write(str(path), tones((2.0, 0.2)), MIC_HZ)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    with pytest.raises(audio.AudioError, match=r"cut short|can't be read as sound"):
        audio.check(path)


def test_a_rate_too_low_for_speech_is_refused(tmp_path: Path) -> None:
    """4 kHz is no speech."""
    save(tmp_path, "clip.wav", tones((0.5, 0.2)), 4_000)
    with pytest.raises(audio.AudioError, match="4000 samples a second"):
        audio.check(tmp_path / "audio" / "clip.wav")


def test_the_active_level_is_that_of_the_speech_alone() -> None:
    """Silence around the speech does not lower it: frames 30 dB under the loudest don't count."""
    speech = tones((1.0, 0.2))
    around = np.concatenate([np.zeros(MIC_HZ), speech, np.full(MIC_HZ, 0.001)])
    assert audio.active_rms(around) == pytest.approx(0.2 / np.sqrt(2), rel=0.01)
    assert audio.active_rms(np.zeros(100)) == 0.0


@pytest.mark.parametrize("snr_db", [20.0, 5.0, 0.0])
def test_noise_is_at_the_asked_level(snr_db: float) -> None:
    """The RMS of the noise lies so many dB under the active level of the speech."""
    noise = audio.at_snr(audio.pink(MIC_HZ, audio.generator(1)), 0.1, snr_db)
    assert 20 * np.log10(0.1 / np.sqrt(np.square(noise).mean())) == pytest.approx(snr_db, abs=0.01)


@pytest.mark.parametrize(("level", "expected_db"), [(0.0, -80.0), (0.0005, -66.5), (0.3, -55.0)])
def test_room_tone_follows_the_quiet_of_the_clip_within_bounds(level: float, expected_db: float) -> None:
    """A quiet clip has a quiet room, a silent one nearly none; steady noise does not become the room."""
    clip = np.concatenate([tones((0.5, 0.5)), level * audio.generator(2).standard_normal(MIC_HZ)])
    clip = clip if level < 0.1 else level * audio.generator(2).standard_normal(MIC_HZ)
    tone = audio.room_tone(clip, 2 * MIC_HZ, audio.generator(3))
    assert 10 * np.log10(np.square(tone).mean()) == pytest.approx(expected_db, abs=1.5 if level == 0.0005 else 0.01)


def test_the_same_seed_and_names_give_the_same_numbers() -> None:
    """Every purpose has numbers of its own, the same in every run."""
    first = audio.generator(1, "noise", "a").random(4)
    assert (audio.generator(1, "noise", "a").random(4) == first).all()
    assert (audio.generator(1, "noise", "b").random(4) != first).any()
    assert (audio.generator(2, "noise", "a").random(4) != first).any()


def test_reverberation_keeps_onset_and_level() -> None:
    """The direct sound stays where it was, and the speech as loud."""
    speech = np.concatenate([np.zeros(1000), tones((0.5, 0.2))])
    response = np.concatenate([np.zeros(700), [1.0], np.zeros(500), [0.4], np.zeros(900)])
    wet = audio.reverberate(speech, response)
    assert len(wet) == len(speech)
    assert abs(int(np.argmax(np.abs(wet) > 0.01)) - 1000) < 10
    assert audio.active_rms(wet) == pytest.approx(audio.active_rms(speech), rel=0.01)


def test_pcm_is_clipped_and_comes_in_whole_frames() -> None:
    """What is too loud stays within 16 bits, what is too short is filled with silence."""
    pcm = audio.pcm(np.array([2.0, -2.0, 0.5]))
    assert len(pcm) == 640
    assert list(np.frombuffer(pcm, "<i2")[:4]) == [32767, -32768, 16384, 0]
