"""The content head: from the encoder's states to what was said. A small network, trained in `training/content`.

The states are projected onto their 64 main directions, laid side by side with the moment (how long since the onset, how
much of it voiced), and one hidden layer says what kind of sound it is and, if a word of command, which one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from services.vad.content.words import UNITS
from services.vad.weights import WeightsError

Floats = NDArray[np.float32]

CLASSES: Final = ("command", "phrase", "word", "backchannel", "noise")
MOMENT_SIZE: Final = 5
ARRAYS: Final = ("mean", "projection", "hidden", "hidden_bias", "kinds", "kinds_bias", "units", "units_bias")
FILE: Final = Path(__file__).with_name("content_head.npz")


@dataclass(frozen=True)
class Moment:
    """Where in the sound over the reply we are, as voice activity has it."""

    elapsed_ms: float
    """Since the first voiced window ended."""
    speech_ms: float
    """Voiced windows in it."""
    silence_ms: float
    """Since the last voiced window ended."""
    mean_voice: float
    """Mean probability of speech since the onset."""
    last_voice: float
    """That of the last window."""

    def features(self) -> Floats:
        """Return what the head takes, [5], each about 0…1."""
        scaled = (self.elapsed_ms / 800, self.speech_ms / 800, self.silence_ms / 200, self.mean_voice, self.last_voice)
        return np.array(scaled, dtype=np.float32)


@dataclass(frozen=True)
class Content:
    """What was said so far: probabilities that sum to 1, and which word of command it would be."""

    command: float
    phrase: float
    word: float
    backchannel: float
    noise: float
    units: Floats
    """p(unit | command), in the order of `UNITS`."""
    sounds: Floats
    """[640], the encoder's states along their main directions: sounds alike lie close together (see `enrolment.py`)."""

    def likeliest_unit(self, among: NDArray[np.bool_]) -> tuple[str, float]:
        """Return the likeliest word of command among these units, and how likely they are together (0…1)."""
        share = np.where(among, self.units, 0.0)
        return UNITS[int(share.argmax())], self.command * float(share.sum())


class ContentHead:
    """The opened head; share one among all conversations."""

    def __init__(self, file: Path = FILE) -> None:
        """Read the weights. Raises `WeightsError` if they are missing or damaged."""
        try:
            with file.open("rb") as opened, np.load(opened) as stored:
                arrays = {name: stored[name].astype(np.float32) for name in ARRAYS}
                known = tuple(str(unit) for unit in stored["unit_names"])
        except (OSError, EOFError, KeyError, ValueError, BadZipFile) as error:
            raise WeightsError(
                f"{file} cannot be read. It belongs to the project: restore it from the release."
            ) from error
        if known != UNITS:
            raise WeightsError(f"{file} was trained for other words than words.py lists. Run `make train`.")
        self._mean = arrays["mean"]
        self._projection = arrays["projection"]
        self._hidden, self._hidden_bias = arrays["hidden"], arrays["hidden_bias"]
        self._kinds, self._kinds_bias = arrays["kinds"], arrays["kinds_bias"]
        self._units, self._units_bias = arrays["units"], arrays["units_bias"]

    def judge(self, states: Floats, moment: Moment) -> Content:
        """Say what was said, from the encoder's states [10, 384]."""
        sounds = ((states - self._mean) @ self._projection).ravel()
        seen = np.concatenate([sounds, moment.features()])
        hidden = np.maximum(seen @ self._hidden + self._hidden_bias, 0)
        kinds: list[float] = _softmax(hidden @ self._kinds + self._kinds_bias).tolist()
        units = _softmax(hidden @ self._units + self._units_bias)
        return Content(kinds[0], kinds[1], kinds[2], kinds[3], kinds[4], units, sounds)


def _softmax(scores: Floats) -> Floats:
    powers = np.exp(scores - scores.max())
    return np.asarray(powers / powers.sum(), dtype=np.float32)
