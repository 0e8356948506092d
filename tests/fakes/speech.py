"""A synthetic person: microphone audio that a voice detector takes for speech, the same in every run.

All audio is 16 kHz PCM16LE mono. Words come from espeak-ng and are kept on disk (`tests/.cache/speech`), since
a child process takes a tenth of a second; the functions block and suit fixtures. Synthetic speech is clearer than
people are: use it to test that the ring works, not how well it judges.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

RATE_HZ = 16_000
FRAME_SAMPLES = 320
_LEVEL = 0.25
"""Peak against full scale: a headset at arm's length."""
_SILENT = 0.004
_CHILD = Path(__file__).with_name("espeak_child.py")
_CACHE = Path(__file__).parents[1] / ".cache" / "speech"
_VERSION = "1"  # raise it when the same call should give other audio
_TIMEOUT_S = 30

Floats = NDArray[np.float64]


@lru_cache(maxsize=256)
def say(text: str, voice: str = "en-us", rate_wpm: int = 160) -> bytes:
    """Speak `text`, without silence before and after. Text in [[brackets]] is espeak phonemes.

    Raises ValueError with espeak's reason, for instance an unknown voice.
    """
    name = hashlib.sha256("\0".join((_VERSION, text, voice, str(rate_wpm))).encode()).hexdigest()[:24]
    cached = _CACHE / f"{name}.s16le"
    if cached.exists():
        return cached.read_bytes()
    pcm = _synthesise(text, voice, rate_wpm)
    _store(cached, pcm)
    return pcm


def hum(voice: str = "en-us") -> bytes:
    """Hum "mm-hmm": voiced, no words, about 400 ms."""
    return say("[[m'mh'm]]", voice, 180)


def cough(seed: int = 1, duration_ms: int = 280) -> bytes:
    """Cough: a burst of coloured noise with a sharp onset and a weaker second push; not voiced."""
    count = duration_ms * RATE_HZ // 1000
    noise = np.random.default_rng(seed).standard_normal(count)
    rough = np.convolve(noise, [0.2, 0.5, 1.0, 0.3, -0.4, -0.5, -0.2], mode="same")
    at = np.arange(count) / count
    push = np.exp(-at * 7) + 0.4 * np.exp(-(((at - 0.6) / 0.12) ** 2))
    return _pcm(rough * push * np.minimum(at * count / 48, 1.0))


def silence(ms: int) -> bytes:
    """Say nothing for `ms` milliseconds."""
    return bytes(2 * (ms * RATE_HZ // 1000))


def join(*parts: bytes) -> bytes:
    """Concatenate, with silence at the end that fills the last 20 ms frame."""
    whole = b"".join(parts)
    return whole + bytes(-len(whole) % (2 * FRAME_SAMPLES))


def duration_ms(pcm: bytes) -> float:
    """Tell how long some audio lasts."""
    return len(pcm) / 2 * 1000 / RATE_HZ


def _synthesise(text: str, voice: str, rate_wpm: int) -> bytes:
    command = [sys.executable, str(_CHILD), voice, str(rate_wpm), text]
    child = subprocess.run(command, capture_output=True, timeout=_TIMEOUT_S, check=False)
    if child.returncode:
        raise ValueError(f"cannot say {text!r}: {child.stderr.decode(errors='replace').strip()}")
    rate_hz = int.from_bytes(child.stdout[:4], "little")
    sound = np.frombuffer(child.stdout[4:], dtype="<i2") / 32768
    return _pcm(_trim(soxr.resample(sound, rate_hz, RATE_HZ)))


def _trim(sound: Floats) -> Floats:
    audible = np.flatnonzero(np.abs(sound) > _SILENT)
    if not len(audible):
        raise ValueError("espeak made no sound of that text")
    return sound[audible[0] : audible[-1] + 1]


def _pcm(sound: Floats) -> bytes:
    scaled = sound * (_LEVEL * 32767 / float(np.max(np.abs(sound))))
    return bytes(np.rint(scaled).astype("<i2").tobytes())


def _store(path: Path, pcm: bytes) -> None:
    """Write whole files only: test runs may share the cache."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(pcm)
    os.replace(partial, path)
