"""Dataset: recorded people instead of synthesised ones, from a folder with manifests of turns and interruptions.

`manifests/turns.csv` has the columns path and end_s (the last sound, in seconds), `manifests/overlap.csv` path, kind
("stop" and "phrase" are used) and end_s. Paths are relative to the folder; audio is FLAC or WAV, 16 kHz, one channel of
16 bits. Twenty turns of ten people come with this code, in `recordings/`.
"""

from __future__ import annotations

import csv
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tests.fakes.flac import FlacError, read_flac
from tests.load.voice import HZ, Utterance, Voice, room_tone, utterance

_TURN_S: Final = (1.0, 5.0)
_BARGE_IN_S: Final = 3.0
_MOST_CLIPS: Final = 40
RECORDINGS: Final = Path(__file__).with_name("recordings")
"""Turns that are always there; their README says whose they are."""


class DataError(Exception):
    """The folder can't be used; the message says why and what to do."""


def recorded_voice(folder: Path) -> Voice:
    """Return the voice that a folder holds. Raises DataError."""
    turns = list(_clips(folder, "turns", {""}, *_TURN_S))
    barge_ins = list(_clips(folder, "overlap", {"stop", "phrase"}, 0.2, _BARGE_IN_S))
    if not turns or not barge_ins:
        raise DataError(f"{folder} holds {len(turns)} turns and {len(barge_ins)} interruptions that can be used.")
    return Voice(f"recordings in {folder}", turns, barge_ins, room_tone())


def recorded_turns(folder: Path = RECORDINGS) -> Voice:
    """Return the turns that a folder holds, without interruptions. Raises DataError."""
    turns = list(_clips(folder, "turns", {""}, *_TURN_S))
    if not turns:
        raise DataError(f"{folder} holds no turns that can be used.")
    name = "the recordings of the bench" if folder == RECORDINGS else f"recordings in {folder}"
    return Voice(f"{name}: {len(turns)} turns", turns, (), room_tone())


def _clips(folder: Path, manifest: str, kinds: set[str], shortest_s: float, longest_s: float) -> Iterator[Utterance]:
    rows = [row for row in _rows(folder / "manifests" / f"{manifest}.csv") if row.get("kind", "") in kinds]
    usable = [row for row in rows if row.get("end_s") and shortest_s <= float(row["end_s"]) <= longest_s]
    for row in usable[:: -(-len(usable) // _MOST_CLIPS) or 1]:
        end = int(float(row["end_s"]) * HZ)
        # What follows the last sound is cut off: the pause after it is ours to choose.
        sound = decoded(folder / row["path"])[: end + HZ // 10]
        yield utterance(sound, min(end, len(sound)))


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    except OSError as error:
        raise DataError(f"{path} can't be read ({error.strerror}); --data wants a folder with manifests.") from error


def decoded(path: Path) -> NDArray[np.int16]:
    """Return the samples of a WAV or FLAC file of 16 kHz, one channel of 16 bits. Raises DataError."""
    try:
        rate_hz, sound = read_flac(path) if path.suffix == ".flac" else _read_wav(path)
    except (FlacError, OSError, EOFError, wave.Error) as error:
        raise DataError(f"{path} can't be read: {error}") from error
    if rate_hz != HZ:
        raise DataError(f"{path} has {rate_hz} samples a second; {HZ} are wanted.")
    return sound


def _read_wav(path: Path) -> tuple[int, NDArray[np.int16]]:
    with wave.open(str(path)) as file:
        if (file.getnchannels(), file.getsampwidth()) != (1, 2):
            raise wave.Error("one channel of 16 bits is wanted")
        return file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), "<i2")
