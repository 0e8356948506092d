"""Enrolled words: words of one's own, each learnt from a few recordings of it, as conversations use them.

The encoder's states along their main directions put sounds alike close together, at each moment of them. What a person
says while enrolling is kept as such points, moment by moment; a sound that passes close by them is the word. `enrol.py`
makes the file, and says how well this does.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from services.common.errors import SettingsFault
from services.vad.content.encoder import SEGMENTS
from services.vad.content.head import FILE, Content, Floats, Moment

NEAR_MS: Final = 64
"""A point counts at moments this near to its own: voice activity finds the onset to within two windows."""
STEEPNESS: Final = 25.0
"""How fast likeness falls from 1 to 0 around the bar, per unit of cosine."""
SEGMENT_MS: Final = 80
VERSION: Final = 1


@dataclass(frozen=True)
class EnrolledWord:
    """A word and its points."""

    name: str
    points: Floats
    """[N, D], each of length 1: `point` of the recordings."""
    moments_ms: Floats
    """[N]: how long after the onset each was heard."""
    bar: float
    """Cosine from which a sound is the word."""
    shortest_ms: float
    """Before this much of it, it is not judged."""

    def likeness(self, content: Content, moment: Moment) -> float:
        """Return how likely the sound is this word, 0…1. Takes 20 µs of a core."""
        closest = self.closest(point(content.sounds, moment.elapsed_ms), moment.elapsed_ms)
        return float(1.0 / (1.0 + np.exp(-STEEPNESS * (closest - self.bar))))

    def closest(self, heard: Floats, elapsed_ms: float) -> float:
        """Return the cosine to the closest point of about this moment; -1 where it is not judged."""
        near = np.flatnonzero(np.abs(self.moments_ms - elapsed_ms) <= NEAR_MS)
        if elapsed_ms < self.shortest_ms or not len(near):
            return -1.0
        # einsum, not matmul: a BLAS would wake its threads for so little.
        return float(np.einsum("ij,j->i", self.points[near], heard).max())


def point(sounds: Floats, elapsed_ms: float) -> Floats:
    """Return what was heard since the onset, of length 1: what came before it is the room's and counts for nothing."""
    heard = sounds.reshape(SEGMENTS, -1).copy()
    heard[: max(SEGMENTS - int(np.ceil(elapsed_ms / SEGMENT_MS)), 0)] = 0.0
    flat: Floats = heard.ravel()
    return flat / np.float32(max(float(np.linalg.norm(flat)), 1e-6))


def measure(file: Path = FILE) -> str:
    """Return a short print of what sounds are measured with: points of another one mean nothing."""
    with np.load(file) as stored:
        held = stored["mean"].tobytes() + stored["projection"].tobytes()
    return hashlib.sha256(held).hexdigest()[:12]


def save(word: EnrolledWord, file: Path) -> None:
    """Write a word, as .npz. Raises OSError."""
    arrays: dict[str, NDArray[np.generic]] = {
        "version": np.array(VERSION),
        "measure": np.array(measure()),
        "name": np.array(word.name),
        "points": word.points.astype(np.float16),
        "moments_ms": word.moments_ms.astype(np.float32),
        "bar": np.array(word.bar),
        "shortest_ms": np.array(word.shortest_ms),
    }
    with file.open("wb") as out:  # a path would get another ending
        np.savez_compressed(out, **arrays)  # type: ignore[arg-type]


def load(file: Path) -> EnrolledWord:
    """Read a word. Raises SettingsFault, saying what to do, if it can't be read or was made for another release."""
    try:
        with file.open("rb") as opened, np.load(opened) as stored:
            version, made_with = int(stored["version"]), str(stored["measure"])
            word = EnrolledWord(
                str(stored["name"]),
                stored["points"].astype(np.float32),
                stored["moments_ms"].astype(np.float32),
                float(stored["bar"]),
                float(stored["shortest_ms"]),
            )
    except FileNotFoundError:
        raise SettingsFault(f"{file} is not there. Make it by `make enrol`.") from None
    except (OSError, KeyError, ValueError, TypeError, EOFError, BadZipFile) as error:
        raise SettingsFault(f"{file} holds no enrolled word. Make it by `make enrol`.") from error
    if version != VERSION or made_with != measure():
        raise SettingsFault(f"{file} was made by another release, whose ear measures otherwise. Enrol the word again.")
    if word.points.ndim != 2 or word.moments_ms.shape != word.points.shape[:1] or not np.isfinite(word.points).all():
        raise SettingsFault(f"{file} is damaged. Enrol the word again.")
    return word
