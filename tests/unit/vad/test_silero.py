"""Voice activity: the sample clock, the independence of conversations, and what counts as speech."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from services.vad.silero import Silero, SileroModel, feed_together
from services.vad.silero_network import MAX_BATCH
from services.vad.voice import VoiceWindow
from services.vad.weights import WeightsError, weights
from tests.unit.vad.signals import frames, hiss, hum, pcm, silence, vowel

SYLLABLES = (vowel(0.18, 130), vowel(0.12, 150, (300, 2300)), vowel(0.2, 120, (500, 1000)))
TALK = pcm(silence(0.3), *SYLLABLES, *SYLLABLES, silence(0.4))


@pytest.fixture(scope="module")
def model() -> SileroModel:
    """The real model; without its weights the test fails and says what to run."""
    try:
        return SileroModel()
    except WeightsError as error:
        pytest.fail(str(error))


def probabilities(windows: list[VoiceWindow]) -> list[float]:
    """Leave the clock out."""
    return [window.probability for window in windows]


def test_windows_end_every_512_samples_of_the_microphone_clock(model: SileroModel) -> None:
    """Frames of 20 ms give a window of 32 ms whenever one is complete, counted from where the clock was set."""
    silero = Silero(model)
    silero.reset(at_sample=8000)
    counts = [len(silero.feed(frame)) for frame in frames(bytes(640 * 8))]
    assert counts == [0, 1, 0, 1, 1, 0, 1, 1]
    assert [window.end_sample for window in silero.feed(bytes(1024 * 2))] == [8000 + 512 * 6, 8000 + 512 * 7]


def test_how_audio_is_cut_up_does_not_matter(model: SileroModel) -> None:
    """The same audio gives the same windows whether it comes in frames or at once, and again after a reset."""
    silero = Silero(model)
    at_once = silero.feed(TALK)
    silero.reset()
    in_frames = [window for frame in frames(TALK) for window in silero.feed(frame)]
    assert [window.end_sample for window in in_frames] == [window.end_sample for window in at_once]
    assert probabilities(in_frames) == pytest.approx(probabilities(at_once), abs=1e-6)


def test_syllables_are_speech_and_silence_hiss_and_hum_are_not(model: SileroModel) -> None:
    """The weights, the context and the state are put together rightly: the model knows speech from other sounds."""
    silero = Silero(model)
    talk = probabilities(silero.feed(TALK))
    assert max(talk[:9]) < 0.1
    assert sum(probability > 0.8 for probability in talk[9:40]) >= 15
    assert max(talk[-8:]) < 0.1
    for sound in (hiss(0.5), hum(0.5)):
        silero.reset()
        assert max(probabilities(silero.feed(pcm(silence(0.3), sound)))) < 0.35


def test_conversations_fed_together_hear_what_they_would_alone(model: SileroModel) -> None:
    """A batch over conversations mixes neither their audio nor their state, even when their windows are out of step."""
    audios = [TALK, bytes(200) + TALK, pcm(silence(1.0))]
    alone = [Silero(model).feed(audio) for audio in audios]
    conversations = [Silero(model) for _ in audios]
    together: list[list[VoiceWindow]] = [[], [], []]
    for start in range(0, max(map(len, audios)), 640):
        heard = [(silero, audio[start : start + 640]) for silero, audio in zip(conversations, audios, strict=True)]
        for windows, more in zip(together, feed_together(model, heard), strict=True):
            windows += more
    for single, batched in zip(alone, together, strict=True):
        assert [window.end_sample for window in batched] == [window.end_sample for window in single]
        assert probabilities(batched) == pytest.approx(probabilities(single), abs=1e-4)


def test_the_network_is_the_published_one(model: SileroModel) -> None:
    """Written out in numpy, it gives what onnxruntime gives of the published file, in batches of every kind."""
    graph = onnxruntime.InferenceSession(str(weights("silero_vad_16k")), providers=["CPUExecutionProvider"])
    sound = np.frombuffer(TALK, "<i2").astype(np.float32)
    for batch in (1, 2, 7):
        state = expected_state = np.zeros((2, batch, 128), dtype=np.float32)
        for start in range(0, 12_000, 512):
            windows = np.stack([sound[start + 700 * row :][:576] for row in range(batch)])
            found, state = model.infer(windows, state)
            feeds = {"input": windows / np.float32(32768), "state": expected_state, "sr": np.array(16_000)}
            expected, expected_state = graph.run(None, feeds)
            assert found == pytest.approx(expected[:, 0].tolist(), abs=1e-4)
            np.testing.assert_allclose(state, expected_state, atol=1e-3)


def test_more_conversations_than_a_batch_holds(model: SileroModel) -> None:
    """Beyond the largest batch the rest is judged in another."""
    conversations = [Silero(model) for _ in range(MAX_BATCH + 3)]
    found = feed_together(model, [(silero, TALK[:2048]) for silero in conversations])
    assert [len(windows) for windows in found] == [2] * (MAX_BATCH + 3)
    assert len({round(windows[1].probability, 4) for windows in found}) == 1


def test_half_a_sample_is_refused(model: SileroModel) -> None:
    """An odd number of bytes is an error of the caller, named as such."""
    with pytest.raises(ValueError, match="whole number of samples"):
        Silero(model).feed(b"\0\0\0")


def test_missing_weights_say_what_to_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine that was not set up gets told how."""
    monkeypatch.setenv("PARLEY_MODELS", str(tmp_path))
    with pytest.raises(WeightsError, match="make setup"):
        SileroModel()


def test_damaged_weights_say_what_to_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file that is no model is named, not thrown at the user as a stack of foreign errors."""
    (tmp_path / "silero_vad_16k.onnx").write_bytes(b"not a model")
    monkeypatch.setenv("PARLEY_MODELS", str(tmp_path))
    with pytest.raises(WeightsError, match=r"silero_vad_16k\.onnx cannot be read"):
        SileroModel()
