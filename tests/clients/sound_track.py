"""What a client's speaker was given, frame by frame, with the moment at which it was. A core without I/O."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tests.fakes.position_code import Run

HZ: Final = 24_000
SHORTEST_GAP: Final = HZ // 200


class SoundTrack:
    """Grows by `add`; asked when it is whole."""

    def __init__(self) -> None:
        self._frames: list[tuple[float, bytes]] = []

    def add(self, at_s: float, pcm: bytes) -> None:
        """Note that the speaker was given these samples at that moment of the monotonic clock."""
        self._frames.append((at_s, pcm))

    @property
    def pcm(self) -> bytes:
        """All of it."""
        return b"".join(pcm for _, pcm in self._frames)

    def between(self, from_s: float, until_s: float) -> bytes:
        """Return what was given to the speaker between two moments."""
        return b"".join(pcm for at_s, pcm in self._frames if from_s <= at_s < until_s)

    def silent_after_s(self, decided_s: float, until_s: float = float("inf")) -> float | None:
        """Return how long after that moment the last sample sounds that began before `until_s`; 0: none does.

        A gap is no silence: what sounds after it counts. None: the track ends before the moment, and tells nothing.
        """
        if not self._frames or self._frames[-1][0] < decided_s:
            return None
        sounded_s = decided_s
        for at_s, pcm in self._frames:
            if at_s + len(pcm) / 2 / HZ <= decided_s or at_s >= until_s:
                continue
            loud = np.flatnonzero(np.frombuffer(pcm, "<i2"))
            if len(loud):
                sounded_s = max(sounded_s, at_s + (int(loud[-1]) + 1) / HZ)
        return sounded_s - decided_s

    def sounds_again_after_s(self, moment_s: float) -> float | None:
        """Return how long after that moment the first sample sounds; None: none does."""
        for at_s, pcm in self._frames:
            loud = np.flatnonzero(np.frombuffer(pcm, "<i2"))
            if len(loud) and (sounds_s := at_s + int(loud[0]) / HZ) >= moment_s:
                return sounds_s - moment_s
        return None


def gaps_in(pcm: bytes) -> tuple[int, int]:
    """Return how many samples of a reply's recording sound, and how many lie in gaps between them.

    A gap is 5 ms or more of nothing at all: no codec makes that of a signal that is loud throughout. So the samples
    need not tell where they stand.
    """
    loud = np.flatnonzero(np.frombuffer(pcm, "<i2"))
    holes = np.diff(loud) - 1
    gap = int(holes[holes >= SHORTEST_GAP].sum())
    return (int(loud[-1] - loud[0]) + 1 - gap, gap) if len(loud) else (0, 0)


def is_whole(runs: list[Run], samples: int) -> bool:
    """Whether these runs of one track are all of it, each sample once and in order."""
    places = [(run.start_position, run.end_position) for run in runs]
    return [begin for begin, _ in places] == [0, *(end for _, end in places[:-1])] and places[-1][1] == samples


def quantile(values: list[float], share: float) -> float:
    """Return a percentile as it was measured: no value in between is made up."""
    ordered: NDArray[np.float64] = np.sort(np.array(values))
    return float(ordered[min(len(ordered) - 1, int(np.ceil(share * len(ordered))) - 1)])
