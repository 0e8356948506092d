"""Tapes with known delays, for the judges."""

from __future__ import annotations

import base64
import json
from functools import lru_cache

import numpy as np
import soxr
from numpy.typing import NDArray

from tests.load.tape import Append, DeviceTape, Heard
from tests.load.voice import FRAME_BYTES

FRAME_S = 0.02


@lru_cache(maxsize=1)
def microphone() -> NDArray[np.int16]:
    """Give ten seconds of sound in which every place is unlike every other."""
    return (np.random.default_rng(3).standard_normal(160_000) * 2_000).astype("<i2")


def device_tape(begun_s: float = 100.0) -> DeviceTape:
    """Give a device that sent a frame every 20 ms from `begun_s` on; the frame of sample 0 left at that moment."""
    pcm = microphone().tobytes()
    frames = [pcm[at : at + FRAME_BYTES] for at in range(0, len(pcm), FRAME_BYTES)]
    sent = [begun_s + FRAME_S * index for index in range(len(frames))]
    return DeviceTape(session="s", lead_ms=60, mic_sent_s=sent, mic_frames=frames)


def at_model(start: int, samples: int) -> bytes:
    """Give what the model would get of the microphone's samples, at 24 kHz."""
    sound = microphone()[start : start + samples].astype(np.float32)
    resampled = soxr.resample(sound, 16_000, 24_000, "HQ")
    return bytes(np.rint(np.clip(resampled, -32768, 32767)).astype("<i2").tobytes())


def append(at_s: float, pcm: bytes) -> Append:
    """Give an append as the broker writes it."""
    event = {"type": "input_audio_buffer.append", "audio": base64.b64encode(pcm).decode()}
    return Append(at_s, json.dumps(event).encode())


def turn(
    start_frame: int, backlog: int, live: int, delay_s: float, begun_s: float = 100.0, source_frame: int | None = None
) -> Heard:
    """Give a turn of appends of one frame each: `backlog` at once, then live ones `delay_s` after they were sent.

    `source_frame` is where the sound is taken from, if not from where it was sent.
    """
    pcm = at_model((start_frame if source_frame is None else source_frame) * 320, (backlog + live) * 320)
    frames = [pcm[at : at + 960] for at in range(0, len(pcm), 960)]
    decided_s = begun_s + FRAME_S * (start_frame + backlog - 1) + delay_s
    times = [decided_s + 0.0001 * index for index in range(backlog)]
    times += [begun_s + FRAME_S * (start_frame + backlog + index) + delay_s for index in range(live)]
    return Heard([append(at_s, frame) for at_s, frame in zip(times, frames, strict=True)], times[-1] + 0.001)
