"""Scene: a clip as the microphone hears it: the room before and after it, and what noise there is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from services.common.audio import MIC_HZ
from tests.eval.audio import Sound, active_rms, at_snr, generator, pink, read, room_tone, stretch

_PINK_S = 20


@dataclass(frozen=True)
class Setting:
    """Under which conditions clips are heard."""

    root: Path
    seed: int = 0
    snr_db: float | None = None
    """Level of the speech over that of the noise; None: no noise."""
    noises: tuple[str, ...] = ()
    """What noise there is to choose from, in the folder; none: pink noise."""


def staged(setting: Setting, path: str, lead_s: float, tail_s: float) -> Sound:
    """Return a clip with so much of its room before and after it, and the noise over all of it. Raises AudioError."""
    sound = read(setting.root / path)
    random = generator(setting.seed, "room", path)
    lead, tail = (room_tone(sound, int(seconds * MIC_HZ), random) for seconds in (lead_s, tail_s))
    scene = np.concatenate([lead, sound, tail])
    if setting.snr_db is None:
        return scene
    return scene + at_snr(_noise(setting, path, len(scene)), active_rms(sound), setting.snr_db)


def _noise(setting: Setting, path: str, samples: int) -> Sound:
    """Choose a clip's noise: the same one at every level, and never the clip itself."""
    random = generator(setting.seed, "noise", path)
    others = [noise for noise in setting.noises if noise != path]
    if not others:
        return pink(samples, random)
    return stretch(_read_noise(setting.root / others[int(random.integers(len(others)))]), samples, random)


@lru_cache(maxsize=128)
def _read_noise(path: Path) -> Sound:
    return read(path)
