"""Takes: recordings of one word, heard as a conversation would hear them.

Voice activity finds the onset, and from 128 ms after it the states of the last 0.8 s are points, one each 32 ms. Each
take is heard three times: as it is, and with noise 20 and 10 dB under it, because a word that is learnt in a quiet room
will be said in others.
"""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.common.errors import ParleyError
from services.common.resampler import Resampler
from services.vad.content.encoder import WINDOW_SAMPLES, ContentEncoder
from services.vad.content.enrolment import point
from services.vad.content.head import ContentHead, Floats, Moment
from services.vad.interruption_settings import InterruptionSettings
from services.vad.silero import Silero, SileroModel
from services.vad.voice import SAMPLE_RATE_HZ, SAMPLES_PER_MS, samples_of
from services.vad.voice import WINDOW_SAMPLES as VOICE_SAMPLES

Samples = NDArray[np.int16]

LONGEST_MS: Final = 1_500
"""A word has no more speech than this."""
SHORTEST_MS: Final = 96
LONGEST_FILE_S: Final = 30.0
QUIETER_DB: Final = (None, 20.0, 10.0)
"""How far under the word the noise is that it is heard in."""
FIRST_MS: Final = 128
LAST_MS: Final = 864
_WINDOW_MS: Final = VOICE_SAMPLES // SAMPLES_PER_MS
_OVER_WINDOWS: Final = 5
"""Windows of silence after which the word is over."""
_LEAD: Final = SAMPLE_RATE_HZ
_TAIL: Final = SAMPLE_RATE_HZ // 2


class TakeFault(ParleyError):
    """A recording can't be used; the message names it and says why."""


@dataclass(frozen=True)
class Heard:
    """The points [N, 640] of one hearing, and their moments [N]."""

    points: Floats
    moments_ms: Floats


@dataclass(frozen=True)
class Take:
    """A recording of the word."""

    name: str
    hearings: tuple[Heard, ...]
    """As it is first, then in noise."""
    speech_ms: float
    """From its onset to the end of its last voiced window."""


class Takes:
    """Hears recordings, with the networks that run in production."""

    def __init__(self) -> None:
        """Open the weights. Raises `WeightsError` if they are missing or damaged."""
        self._silero = SileroModel()
        self._encoder = ContentEncoder()
        self._head = ContentHead()

    def take(self, name: str, samples: Samples) -> Take:
        """Hear a recording (16 kHz) of the word. Raises TakeFault if there is no speech in it, or too much."""
        length_ms = self._length_ms(name, samples)
        hearings = tuple(self.hear(samples, quieter_db) for quieter_db in QUIETER_DB)
        return Take(name, tuple(heard for heard in hearings if len(heard.points)), length_ms)

    def hear(self, samples: Samples, quieter_db: float | None = None) -> Heard:
        """Return the points of the longest sound in a recording, with noise so far under it; none if nothing speaks."""
        scene = _scene(samples, quieter_db)
        points, moments_ms = [], []
        first, last = max(self._sounds(scene), key=lambda sound: sound[1] - sound[0], default=(0, -1))
        for number in range(first, last + _OVER_WINDOWS):
            elapsed_ms, until = (number - first) * _WINDOW_MS, (number + 1) * VOICE_SAMPLES
            if FIRST_MS <= elapsed_ms <= LAST_MS and until <= len(scene):
                states = self._encoder.states(scene[until - WINDOW_SAMPLES : until])
                sounds = self._head.judge(states, Moment(elapsed_ms, 0, 0, 0, 0)).sounds
                points.append(point(sounds, elapsed_ms))
                moments_ms.append(elapsed_ms)
        return Heard(np.array(points, dtype=np.float32), np.array(moments_ms, dtype=np.float32))

    def _length_ms(self, name: str, samples: Samples) -> float:
        """Return how long the word lasts. What is much shorter beside it is a click or a breath."""
        lengths_ms = sorted((last - first) * _WINDOW_MS for first, last in self._sounds(_scene(samples, None)))
        if not lengths_ms or lengths_ms[-1] < SHORTEST_MS:
            raise TakeFault(f"{name}: no speech was found in it. Record the word again, louder or closer.")
        if lengths_ms[-1] > LONGEST_MS:
            raise TakeFault(
                f"{name}: it holds {lengths_ms[-1] / 1000:.1f} s of speech, and a word has at most "
                f"{LONGEST_MS / 1000:g} s. Record it alone, once in each file."
            )
        if len(lengths_ms) > 1 and 2 * lengths_ms[-2] > lengths_ms[-1]:
            raise TakeFault(f"{name}: something is said twice in it. Record the word alone, once in each file.")
        return float(lengths_ms[-1])

    def _sounds(self, scene: Samples) -> list[tuple[int, int]]:
        """Return the first and the last voiced window of each sound, found as the interruption rule finds them."""
        settings = InterruptionSettings()
        found: list[tuple[int, int]] = []
        for number, window in enumerate(Silero(self._silero).feed(scene.tobytes())):
            goes_on = bool(found) and number - found[-1][1] < _OVER_WINDOWS
            if goes_on and window.probability >= settings.speech_off:
                found[-1] = (found[-1][0], number)
            elif not goes_on and window.probability >= settings.speech_on and window.end_sample >= WINDOW_SAMPLES:
                found.append((number, number))
        return found


def read_wav(path: Path) -> Samples:
    """Read a WAV file of 16 bits, any rate, its channels mixed, at 16 kHz. Raises TakeFault saying what to do."""
    try:
        with wave.open(str(path), "rb") as file:
            channels, width, rate_hz, frames = file.getparams()[:4]
            if frames > LONGEST_FILE_S * rate_hz:
                raise TakeFault(f"{path}: it is longer than {LONGEST_FILE_S:g} s. Each recording holds the word once.")
            pcm = file.readframes(frames)
    except OSError as error:
        raise TakeFault(f"{path} cannot be read: {error.strerror or error}.") from error
    except (wave.Error, EOFError) as error:
        raise TakeFault(f"{path} is no plain WAV file ({error}). Save it as WAV with 16 bits.") from error
    if width != 2 or not 8_000 <= rate_hz <= 192_000:
        raise TakeFault(f"{path} has {8 * width} bits at {rate_hz} Hz. Save it as WAV with 16 bits, at 8 to 192 kHz.")
    pcm = pcm[: len(pcm) // (2 * channels) * 2 * channels]
    mono = np.rint(np.frombuffer(pcm, "<i2").reshape(-1, channels).mean(axis=1)).astype("<i2")
    if rate_hz == SAMPLE_RATE_HZ:
        return samples_of(mono.tobytes())
    resampler = Resampler(rate_hz, SAMPLE_RATE_HZ)
    return samples_of(resampler.feed(mono.tobytes()) + resampler.finish())


def _scene(samples: Samples, quieter_db: float | None) -> Samples:
    """Put a second of quiet before a recording and half a second after it, and pink noise over all, always the same."""
    sound = np.concatenate([np.zeros(_LEAD), samples.astype(np.float64), np.zeros(_TAIL)])
    spectrum = np.fft.rfft(np.random.default_rng(1).standard_normal(len(sound)))
    noise = np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), len(sound) // 400)), len(sound))
    quieter_db = 45.0 if quieter_db is None else quieter_db
    sound += noise / noise.std() * _level(samples) * 10 ** (-quieter_db / 20)
    return samples_of(np.clip(np.rint(sound), -32_768, 32_767).astype("<i2").tobytes())


def _level(samples: Samples) -> float:
    """Return the RMS of the 20 ms that are within 30 dB of the loudest."""
    frames = np.pad(samples.astype(np.float64), (0, -len(samples) % 320)).reshape(-1, 320)
    power = np.square(frames).mean(axis=1) if len(samples) else np.zeros(1)
    return float(np.sqrt(power[power >= power.max() * 1e-3].mean()))
