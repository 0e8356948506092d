"""Windows: what the content model sees of a scene, by the very classes that run in production.

Voice activity finds the onset; from then on, every 64 ms, the encoder's states of the last 0.8 s and the moment are
one example.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
import soundfile
from numpy.typing import NDArray

from services.vad.content.encoder import SEGMENTS, STATE_SIZE, WINDOW_SAMPLES, ContentEncoder
from services.vad.content.head import MOMENT_SIZE, Moment
from services.vad.silero import Silero, SileroModel
from services.vad.voice import WINDOW_SAMPLES as VOICE_SAMPLES
from training.content.corpus import Clip
from training.content.scenes import MARGIN_S, MOST_S, RATE_HZ, Scene, stage

ON, OFF = 0.5, 0.35
FIRST, LAST, EVERY = 3, 26, 2
"""Windows of voice after the onset that are judged: 96 to 800 ms, every 64."""
MORE_COMMANDS = 3
END_WINDOWS = 6
"""Silence after which the sound is over."""


@dataclass(frozen=True)
class Windows:
    """N examples: states [N, 10, 384] (float16), moments [N, M], the clip each came from [N]."""

    states: NDArray[np.float16]
    moments: NDArray[np.float32]
    clips: NDArray[np.int32]


class _Ear:
    """One worker's models."""

    def __init__(self, noises: list[NDArray[np.float64]]) -> None:
        self.silero = SileroModel()
        self.encoder = ContentEncoder()
        self.noises = noises

    def windows(self, clip: Clip, seed: int) -> tuple[list[NDArray[np.float16]], list[NDArray[np.float32]]]:
        """Stage a clip and look at it. A clip that cannot be read, or in which nothing speaks, gives none."""
        try:
            sound = clip.samples().astype(np.float64)
        except (soundfile.LibsndfileError, OSError):
            return [], []
        onset_s = 0.0
        if clip.onset_s is not None and clip.end_s is not None:
            since_s = max(clip.onset_s - MARGIN_S, 0.0)
            sound = sound[int(since_s * RATE_HZ) : int((clip.end_s + MARGIN_S) * RATE_HZ)]
            onset_s = clip.onset_s - since_s
        sound = sound[: int(MOST_S * RATE_HZ)]
        if len(sound) < RATE_HZ // 20 or np.abs(sound).max() < 1e-4:
            return [], []
        return self._look(stage(sound, onset_s, np.random.default_rng(seed), self.noises))

    def _look(self, scene: Scene) -> tuple[list[NDArray[np.float16]], list[NDArray[np.float32]]]:
        voice = [window.probability for window in Silero(self.silero).feed(scene.samples.tobytes())]
        states, moments = [], []
        start, last, speech, total = -1, 0, 0, 0.0
        for number, probability in enumerate(voice):
            if (number + 1) * VOICE_SAMPLES / RATE_HZ < scene.onset_s - 0.15:
                continue
            if start < 0 and probability >= ON:
                start = number
                speech, total = 0, 0.0
            if start < 0:
                continue
            total += probability
            if probability >= OFF:
                speech, last = speech + 1, number
            elapsed = number - start
            if elapsed > LAST or number - last >= END_WINDOWS:
                break
            if elapsed >= FIRST and (elapsed - FIRST) % EVERY == 0:
                until = (number + 1) * VOICE_SAMPLES
                states.append(self.encoder.states(scene.samples[until - WINDOW_SAMPLES : until]).astype(np.float16))
                moment = Moment(32 * elapsed, 32 * speech, 32 * (number - last), total / (elapsed + 1), probability)
                moments.append(moment.features())
        return states, moments


_ear: _Ear | None = None


def _prepare(noises: list[NDArray[np.float64]]) -> None:
    global _ear
    _ear = _Ear(noises)


def _work(job: tuple[int, Clip, int]) -> tuple[int, list[NDArray[np.float16]], list[NDArray[np.float32]]]:
    assert _ear is not None, "the pool was made without its models"
    number, clip, seed = job
    return number, *_ear.windows(clip, seed)


def look(clips: Sequence[Clip], times: int, noises: list[NDArray[np.float64]], processes: int) -> Windows:
    """Return the windows of each clip in `times` scenes; an interrupting word said by a person in more."""
    jobs = [
        (number, clip, 1009 * number + again)
        for number, clip in enumerate(clips)
        for again in range(times * (MORE_COMMANDS if clip.unit and not clip.is_synthetic else 1))
    ]
    random.Random(1).shuffle(jobs)
    states, moments, owners = [], [], []
    with get_context("fork").Pool(processes, _prepare, (noises,)) as pool:
        for done, (number, seen, when) in enumerate(pool.imap(_work, jobs, chunksize=32), 1):
            states += seen
            moments += when
            owners += [number] * len(seen)
            if done % 2000 == 0:
                print(f"  {done} of {len(jobs)} scenes heard", flush=True)
    if not states:
        return Windows(
            np.zeros((0, SEGMENTS, STATE_SIZE), np.float16), np.zeros((0, MOMENT_SIZE), np.float32), _ints([])
        )
    return Windows(np.stack(states), np.stack(moments), _ints(owners))


def _ints(numbers: list[int]) -> NDArray[np.int32]:
    return np.array(numbers, dtype=np.int32)
