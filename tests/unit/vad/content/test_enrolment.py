"""Enrolled words: learnt from recordings, kept in a file, recognised; and what is wrong with a recording is told."""

from __future__ import annotations

import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from services.common.errors import SettingsFault
from services.common.resampler import Resampler
from services.vad.content import enrol
from services.vad.content.enrolment import EnrolledWord, load, measure, point, save
from services.vad.content.head import Content, Floats, Moment
from services.vad.content.takes import Take, TakeFault, Takes, read_wav
from services.vad.voice import samples_of
from tests.fakes import speech
from tests.unit.vad.signals import hiss, pcm, silence

PACES_WPM = (150, 160, 170)


def said(text: str, rate_wpm: int = 160) -> bytes:
    """A recording of it, with a little quiet on both sides."""
    return pcm(silence(0.2)) + speech.say(text, rate_wpm=rate_wpm) + pcm(silence(0.3))


def sounds_like(*at: int) -> Content:
    """What is heard when the encoder's last 80 ms go in these directions."""
    sounds = np.zeros((10, 64), np.float32)
    sounds[-1, list(at)] = 1.0
    return Content(0, 0, 0, 0, 0, np.zeros(0, np.float32), sounds.ravel())


def word(*at: int, moments_ms: tuple[float, ...] = (320.0,), bar: float = 0.7) -> EnrolledWord:
    """A word that goes in these directions at these moments."""
    heard = point(sounds_like(*at).sounds, 320)
    return EnrolledWord("computer", np.stack([heard] * len(moments_ms)), np.array(moments_ms, np.float32), bar, 160.0)


def at(elapsed_ms: float) -> Moment:
    """So long after the onset."""
    return Moment(elapsed_ms, elapsed_ms, 0, 0.9, 0.9)


def test_likeness_rises_at_the_bar() -> None:
    """Surely the word, surely not, and even odds where the cosine is the bar's."""
    assert word(3).likeness(sounds_like(3), at(320)) > 0.99
    assert word(3).likeness(sounds_like(4), at(320)) < 0.01
    assert word(3, bar=0.5**0.5).likeness(sounds_like(3, 4), at(320)) == pytest.approx(0.5, abs=1e-3)


def test_a_word_is_judged_at_its_moments_only() -> None:
    """Not before there is enough of it, nor where no recording has any; within two windows of one that has, it is."""
    enrolled = word(3, moments_ms=(128.0, 320.0))
    likeness = {ms: enrolled.likeness(sounds_like(3), at(ms)) for ms in (128, 160, 250, 256, 384, 390)}
    assert {ms for ms, found in likeness.items() if found > 0.5} == {160, 256, 384}


def test_what_came_before_the_onset_does_not_count() -> None:
    """The room, or the end of another word, makes no difference; points have length one, and silence is no fault."""
    sounds = np.random.default_rng(1).standard_normal(640).astype(np.float32)
    other = sounds.copy()
    other[: 6 * 64] = 9.0
    assert np.array_equal(point(sounds, 320), point(other, 320))
    assert not np.array_equal(point(sounds, 321), point(other, 321))
    assert np.linalg.norm(point(sounds, 320)) == pytest.approx(1.0)
    assert not point(np.zeros(640, np.float32), 320).any()


def test_a_word_comes_back_from_its_file(tmp_path: Path) -> None:
    """Half precision is enough; the file is called what it was told to be called."""
    kept = word(3, 5, moments_ms=(160.0, 192.0))
    save(kept, tmp_path / "computer.npz")
    save(kept, tmp_path / "computer")
    for file in tmp_path.iterdir():
        again = load(file)
        assert (again.name, again.bar, again.shortest_ms) == (kept.name, kept.bar, kept.shortest_ms)
        assert again.moments_ms.tolist() == [160.0, 192.0]
        assert again.points == pytest.approx(kept.points, abs=1e-3)
    assert {file.name for file in tmp_path.iterdir()} == {"computer", "computer.npz"}


def test_a_file_that_is_no_word_is_told(tmp_path: Path) -> None:
    """Missing, empty, damaged, of another release: each says what to do."""
    file = tmp_path / "computer.npz"
    with pytest.raises(SettingsFault, match=r"computer\.npz is not there\. Make it by `make enrol`"):
        load(file)
    for content in (b"", b"PK\x03\x04", b"hello"):
        file.write_bytes(content)
        with pytest.raises(SettingsFault, match="holds no enrolled word"):
            load(file)
    np.savez(file, version=np.array(1))
    with pytest.raises(SettingsFault, match="holds no enrolled word"):
        load(file)
    save(word(3), file)
    with np.load(file) as stored:
        held = dict(stored)
    for changed in ({"measure": np.array("another")}, {"version": np.array(2)}):
        np.savez(file, **held | changed)
        with pytest.raises(SettingsFault, match=r"by another release, .* Enrol the word again"):
            load(file)
    np.savez(file, **held | {"moments_ms": np.zeros(7)})
    with pytest.raises(SettingsFault, match="is damaged"):
        load(file)
    assert len(measure()) == 12


@pytest.fixture(scope="module")
def ear() -> Takes:
    """The shipped networks."""
    return Takes()


@pytest.fixture(scope="module")
def takes(ear: Takes) -> list[Take]:
    """Three of the same word, at three paces."""
    return [ear.take(f"{pace}.wav", samples_of(said("computer", pace))) for pace in PACES_WPM]


def test_a_word_is_recognised_by_other_recordings_of_it(ear: Takes, takes: list[Take]) -> None:
    """Said at a fourth pace it is over the bar; other words and noise are not. A synthetic voice, a wide margin."""
    computer = enrol.learn("computer", takes)

    def score(sound: bytes) -> float:
        return enrol.resemblance(computer, ear.hear(samples_of(sound)))

    assert score(said("computer", 165)) > computer.bar
    for other in ("stop", "banana", "yesterday"):
        assert score(said(other)) < computer.bar - 0.05
    assert score(pcm(silence(0.3), hiss(0.6))) < computer.bar


def test_each_take_is_heard_in_quiet_and_in_noise(takes: list[Take]) -> None:
    """Three hearings, each from 128 ms after the onset on, 32 ms apart."""
    for take in takes:
        assert 300 < take.speech_ms < 900
        assert len(take.hearings) == 3
        for heard in take.hearings:
            assert heard.moments_ms[0] == 128
            assert set(np.diff(heard.moments_ms).tolist()) == {32.0}
            assert np.linalg.norm(heard.points, axis=1) == pytest.approx(np.ones(len(heard.points)), abs=1e-4)


def test_recordings_that_do_not_do_are_named(ear: Takes, takes: list[Take]) -> None:
    """Too few; one that is another word; one without speech; one too long; one in which it is said twice."""
    with pytest.raises(TakeFault, match="2 recordings are too few: a word takes 3"):
        enrol.learn("computer", takes[:2])
    odd = ear.take("odd.wav", samples_of(said("banana split")))
    with pytest.raises(TakeFault, match=r"odd\.wav does not resemble the others \("):
        enrol.learn("computer", [takes[0], odd, *takes[1:]])
    twice = said("computer") + said("computer")
    for sound, told in (
        (pcm(silence(1.0)), "no speech was found"),
        (bytes(32_000), "no speech was found"),
        (b"", "no speech was found"),
        (said("I would like to know what the weather will be like tomorrow afternoon"), "s of speech, and a word has"),
        (twice, "something is said twice"),
    ):
        with pytest.raises(TakeFault, match=rf"^x\.wav: .*{told}"):
            ear.take("x.wav", samples_of(sound))


def written(file: Path, sound: bytes, rate_hz: int = 16_000, channels: int = 1, width: int = 2) -> Path:
    """Write a WAV file."""
    with wave.open(str(file), "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(width)
        out.setframerate(rate_hz)
        out.writeframes(sound)
    return file


def test_any_rate_and_stereo_are_read(tmp_path: Path) -> None:
    """44.1 kHz in two channels gives the same 16 kHz sound as it was recorded from."""
    sound = said("computer")
    resampler = Resampler(16_000, 44_100)
    mono = samples_of(resampler.feed(sound) + resampler.finish())
    stereo = np.stack([mono, mono], axis=1).tobytes()
    heard: Floats = read_wav(written(tmp_path / "a.wav", stereo, 44_100, 2)).astype(np.float32)
    original = read_wav(written(tmp_path / "b.wav", sound)).astype(np.float32)
    size = min(len(heard), len(original))
    assert np.corrcoef(heard[:size], original[:size])[0, 1] > 0.99


def test_a_file_that_is_no_recording_is_told(tmp_path: Path) -> None:
    """Missing, of another kind, of another width, an hour long: the message names it."""
    (tmp_path / "text.wav").write_text("hello")
    for file, told in (
        (tmp_path / "gone.wav", "cannot be read: No such file"),
        (tmp_path / "text.wav", "is no plain WAV file"),
        (written(tmp_path / "eight.wav", bytes(8_000), width=1), "has 8 bits at 16000 Hz. Save it as WAV with 16 bits"),
        (written(tmp_path / "long.wav", bytes(2 * 16_000 * 31)), "is longer than 30 s"),
    ):
        with pytest.raises(TakeFault) as fault:
            read_wav(file)
        assert fault.value.message.startswith(str(file))
        assert told in fault.value.message


def test_the_command_writes_a_word_and_says_how_good_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From files to a file, and what was tried on it; a fault is a line and exit code 1."""
    files = [str(written(tmp_path / f"{pace}.wav", said("computer", pace))) for pace in PACES_WPM]
    other = str(written(tmp_path / "stop.wav", said("stop")))
    out = tmp_path / "computer.npz"
    command = ["enrol", "--word", "computer", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", [*command, *files, "--check", files[0], other])
    assert enrol.main() == 0
    told = capsys.readouterr().out.splitlines()
    assert told[3].startswith(f'{out}: "computer" is what is 0.')
    assert told[4].endswith(", it is the word")
    assert told[5].endswith(", not the word")
    assert load(out).name == "computer"
    monkeypatch.setattr(sys, "argv", [*command, files[0]])
    assert enrol.main() == 1
    assert capsys.readouterr().err == "1 recordings are too few: a word takes 3, better 5.\n"
