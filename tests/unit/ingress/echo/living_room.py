"""A living room: a client whose speaker sounds in its microphone, and whose playheads may be wrong. Virtual time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import soxr
from numpy.typing import NDArray

from parley.v1 import audio_pb2 as audio
from services.ingress.echo.canceller import EchoCanceller
from services.ingress.echo.watch import Trouble
from tests.fakes import speech

MS = 16
FRAME = 320
LEAD_MS = 100
UPLINK_MS = 30

Floats = NDArray[np.float64]
Samples = NDArray[np.int16]

STORY = (
    "Once upon a time there was a river that nobody had ever crossed. On one side lived a baker, and on the other a "
    "man who mended clocks. Every morning the smell of bread went over the water, and every evening the sound of bells."
)


def words(text: str, voice: str = "en-us", peak: float = 0.25) -> Floats:
    """Return speech, full scale 1."""
    wave = np.frombuffer(speech.say(text, voice), "<i2").astype(np.float64)
    scaled: Floats = wave / np.abs(wave).max() * peak
    return scaled


def room(wave: Floats, echo_db: float = -12.0, seed: int = 1) -> Floats:
    """Return what a speaker's sound is at the microphone: 3 ms of air, 200 ms of reverberation."""
    rng = np.random.default_rng(seed)
    at = np.arange(200 * MS)
    response = rng.standard_normal(len(at)) * 10 ** (-3 * at / len(at)) * 0.2
    response[: 3 * MS] = 0
    response[3 * MS] = 1.0
    response /= np.sqrt(np.sum(response**2))
    size = 1 << (len(wave) + len(response)).bit_length()
    echo = np.fft.irfft(np.fft.rfft(wave, size) * np.fft.rfft(response, size), size)[: len(wave)]
    heard: Floats = echo * 10 ** (echo_db / 20)
    return heard


def power_db(wave: Floats) -> float:
    """Return the mean power in dB of full scale."""
    return float(10 * np.log10(np.mean(wave**2) + 1e-12))


@dataclass
class LivingRoom:
    """Plays replies and listens: `replies` are (start on the microphone's clock, sound at 16 kHz), in their order.

    `late_ms`: by how much the stamps are behind the truth; negative: ahead. `stamp` may spoil each stamp.
    """

    replies: list[tuple[int, Floats]]
    seconds: float
    late_ms: int = 0
    person: Floats = field(default_factory=lambda: np.zeros(0))
    gain: Callable[[int], float] = lambda clock: 1.0
    stamp: Callable[[audio.Playhead, int], audio.Playhead] = lambda playhead, clock: playhead
    until: dict[int, int] = field(default_factory=dict)
    """Where on the clock a reply was flushed."""
    held_up_ms: dict[int, int] = field(default_factory=dict)
    """By how much later than usual a reply is sent before it is played; negative: sooner."""
    room: Callable[[Floats], Floats] = room
    at: dict[int, Callable[[EchoCanceller], None]] = field(default_factory=dict)
    """What happens on the server before the frame that begins at this moment."""
    said: list[tuple[Trouble, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Mix what the microphone hears."""
        samples = int(self.seconds * 16_000) // FRAME * FRAME
        self.speaker = np.zeros(samples)
        for number, (start, wave) in enumerate(self.replies, 1):
            stop = min(start + len(wave), self.until.get(number, samples), samples)
            self.speaker[start:stop] = wave[: stop - start]
        self.speaker *= np.array([self.gain(clock) for clock in range(samples)])
        self.echo = self.room(self.speaker)
        hiss = np.random.default_rng(2).standard_normal(samples) * 10 ** (-70 / 20)
        self.microphone = self.echo + hiss
        self.microphone[: len(self.person)] += self.person[:samples]
        self.canceller = EchoCanceller(lambda trouble, text: self.said.append((trouble, text)))
        self.clean = np.zeros(samples)
        self.frames: list[audio.AudioFrame] = []

    def run(self) -> LivingRoom:
        """Hold the conversation; `clean` is then what vad would hear, `frames` how."""
        pcm = np.rint(self.microphone * 32_768).clip(-32_768, 32_767).astype("<i2")
        sound = [np.rint(soxr.resample(wave, 16_000, 24_000) * 32_768).astype("<i2") for _, wave in self.replies]
        sent = [0] * len(sound)
        for clock in range(0, len(pcm), FRAME):
            if clock in self.at:
                self.at[clock](self.canceller)
            for index, (start, _) in enumerate(self.replies):
                self._send(index + 1, sound[index], sent, clock - start)
            frame = audio.AudioFrame(mic_offset=clock, pcm=pcm[clock : clock + FRAME].tobytes())
            frame.playhead.CopyFrom(self.stamp(self.playhead(clock), clock))
            for given in self.canceller.feed(frame):
                wave = np.frombuffer(given.pcm, "<i2") / 32_768
                self.clean[given.mic_offset : given.mic_offset + len(wave)] = wave
                self.frames.append(given)
        return self

    def reduction_db(self, start_s: float, stop_s: float) -> float:
        """Return by how much the echo became quieter between two moments."""
        span = slice(int(start_s * 16_000), int(stop_s * 16_000))
        return power_db(self.microphone[span]) - power_db(self.clean[span])

    def _send(self, number: int, sound: Samples, sent: list[int], played: int) -> None:
        """Send what egress would have by now: a lead ahead of what the client says it plays, in pieces of 60 ms."""
        ahead = (LEAD_MS + UPLINK_MS + max(0, -self.late_ms) - self.held_up_ms.get(number, 0)) * MS
        due = min(max(played + ahead, 0) * 3 // 2, len(sound))
        done = sent[number - 1]
        if due > done and (due - done >= 1_440 or due == len(sound)):
            piece = audio.ReplyAudio(reply=number, position=done, pcm=sound[done:due].tobytes())
            self.canceller.play(piece)
            sent[number - 1] = due
            if due == len(sound):
                self.canceller.end(number)

    def playhead(self, clock: int) -> audio.Playhead:
        """Return the stamp of a frame that begins at `clock`."""
        said = clock - self.late_ms * MS
        for number, (start, wave) in enumerate(self.replies, 1):
            stop = min(start + len(wave), self.until.get(number, len(self.clean)))
            if start <= said < stop:
                return audio.Playhead(reply=number, position=(said - start) * 3 // 2)
        return audio.Playhead()
