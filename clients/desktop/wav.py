"""WAV files as the microphone would have heard them: 16 kHz mono PCM16, whatever they are written in."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from .failures import UsageError
from .sound import MIC_HZ

ACCEPTED = "Accepted are PCM WAV files of 16, 24 or 32 bits, mono or stereo, at any rate"


def read_speech(path: Path | str) -> bytes:
    """Return a WAV file as PCM16LE mono at 16 kHz. Raises UsageError that names what is accepted."""
    try:
        with wave.open(io.BytesIO(_plain(Path(path).read_bytes())), "rb") as file:
            channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            data = file.readframes(file.getnframes())
    except FileNotFoundError:
        raise UsageError(f"There is no file {path}: check --say.") from None
    except OSError as problem:
        raise UsageError(f"Cannot read {path} ({problem.strerror or problem}): check --say.") from problem
    except (wave.Error, EOFError) as problem:
        raise UsageError(f"{path} is not a WAV file this client can read ({_why(problem)}). {ACCEPTED}.") from problem
    if width not in (2, 3, 4) or channels not in (1, 2) or rate <= 0:
        raise UsageError(f"{path} has {width * 8} bits, {channels} channels, {rate} Hz. {ACCEPTED}.")
    mono = _samples(data, width)[: len(data) // width // channels * channels].reshape(-1, channels).mean(axis=1)
    if not len(mono):
        raise UsageError(f"{path} holds no sound: name a file in which somebody speaks.")
    heard = mono if rate == MIC_HZ else soxr.resample(mono, rate, MIC_HZ)
    pcm: bytes = np.clip(np.rint(heard), -32768, 32767).astype("<i2").tobytes()
    return pcm


def _samples(data: bytes, width: int) -> NDArray[np.float64]:
    """Return little-endian integers of `width` bytes on the scale of 16 bits."""
    whole = np.frombuffer(data[: len(data) // width * width], np.uint8).reshape(-1, width)
    return whole[:, -2:].copy().view("<i2")[:, 0].astype(np.float64) + (
        whole[:, -3].astype(np.float64) / 256 if width > 2 else 0.0
    )


def _plain(riff: bytes) -> bytes:
    """Return the file with WAVE_FORMAT_EXTENSIBLE integers told as plain PCM: `wave` knows no other before Python 3.12.

    The format tag is the first field of the fmt chunk; the true one stands at its 24th byte, in the subformat.
    """
    at = riff.find(b"fmt ") + 8
    if at >= 8 and riff[at : at + 2] == b"\xfe\xff" and riff[at + 24 : at + 26] == b"\x01\x00":
        return riff[:at] + b"\x01\x00" + riff[at + 2 :]
    return riff


def _why(problem: Exception) -> str:
    return str(problem) or "it ends too early"
