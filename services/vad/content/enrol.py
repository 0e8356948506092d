"""Enrolment: teach the ear a word by recordings of it. `make enrol WORD=computer OUT=computer.npz FILES='a.wav …'`.

How close to the recordings a sound has to come is measured on the recordings themselves: each must be recognised by the
others. The bar lies a little under the worst of them, and never so low that other words reach it.

On real voices, three recordings of each of 223 words, tried on other recordings at 45, 20 and 10 dB over noise, at a
bar that 0.3 % of other words pass: points of the head's hidden layer found 45 % of them, those of the projected states
71 %, and with the recordings heard in noise as well 87 %. A mean over all moments, and fewer directions, found less.
docs/agents.md has the figures by the rule that runs in production.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from services.common.errors import ParleyError
from services.vad.content.enrolment import EnrolledWord, save
from services.vad.content.takes import Heard, Take, TakeFault, Takes, read_wav

FEWEST: Final = 3
"""Recordings it takes."""
MARGIN: Final = 0.07
"""How far under the worst recording the bar lies, in cosine: another day's voice, another microphone."""
FLOOR: Final = 0.64
"""The bar is never lower: 1 % of other words come this near."""
ALIKE: Final = 0.5
"""What a recording must reach against the others: of other words put among them 95 % did not, of the same ones 10 %."""
SHARE: Final = 0.6
"""A sound is not judged before it is this share of the shortest recording: many words begin alike."""
FIRST_MS: Final = 160
EVERY_MS: Final = 64
"""When conversations judge (see `interruption.py`)."""


def learn(name: str, takes: Sequence[Take]) -> EnrolledWord:
    """Make a word of its recordings. Raises TakeFault if there are too few, or one does not resemble the others."""
    if len(takes) < FEWEST:
        raise TakeFault(f"{len(takes)} recordings are too few: a word takes {FEWEST}, better 5.")
    scores = resemblances(name, takes)
    worst = int(np.argmin(scores))
    if scores[worst] < ALIKE:
        raise TakeFault(
            f"{takes[worst].name} does not resemble the others ({scores[worst]:.2f}, at least {ALIKE:g} is needed). "
            "Is it the same word, said alone? Record it again."
        )
    return _word(name, takes, max(scores[worst] - MARGIN, FLOOR))


def resemblances(name: str, takes: Sequence[Take]) -> list[float]:
    """Return how well each recording is recognised by the others: a cosine."""
    others = [_word(name, [other for other in takes if other is not take], 0.0) for take in takes]
    return [resemblance(word, take.hearings[0]) for word, take in zip(others, takes, strict=True)]


def resemblance(word: EnrolledWord, heard: Heard) -> float:
    """Return how near a sound comes to a word: the best mean of two judgements running, as conversations average."""
    due = (heard.moments_ms - FIRST_MS) % EVERY_MS == 0
    moments = zip(heard.points[due], heard.moments_ms[due], strict=True)
    cosines = [word.closest(point, float(elapsed_ms)) for point, elapsed_ms in moments]
    return max(((before + now) / 2 for before, now in pairwise(cosines)), default=-1.0)


def _word(name: str, takes: Sequence[Take], bar: float) -> EnrolledWord:
    hearings = [heard for take in takes for heard in take.hearings]
    points = np.concatenate([heard.points for heard in hearings])
    moments_ms = np.concatenate([heard.moments_ms for heard in hearings])
    return EnrolledWord(name, points, moments_ms, bar, max(FIRST_MS, SHARE * min(take.speech_ms for take in takes)))


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        "python -m services.vad.content.enrol",
        description="Teach the ear a word: record it three to five times, alone and once in each file.",
        epilog="Then name the file in an agent's profile: enrolled: [computer.npz]. docs/agents.md says more.",
    )
    parser.add_argument("--word", required=True, help="the word, as logs shall name it")
    parser.add_argument("--out", type=Path, required=True, help="the file to write, such as computer.npz")
    parser.add_argument("--check", type=Path, nargs="+", default=[], help="recordings to try it on; nothing is learnt")
    parser.add_argument("recordings", type=Path, nargs="+", help="WAV files of 16 bits, any rate")
    chosen = parser.parse_args(given)
    if not 0 < len(chosen.word.strip()) <= 64:
        parser.error("--word takes 1 to 64 characters")
    return chosen


def enrol(chosen: argparse.Namespace) -> None:
    """Learn, say how well the recordings resemble each other, write, and try. Raises ParleyError, OSError."""
    ear = Takes()
    takes = [ear.take(str(path), read_wav(path)) for path in chosen.recordings]
    word = learn(chosen.word.strip(), takes)
    for take, score in zip(takes, resemblances(word.name, takes), strict=True):
        print(f"{take.name}: {take.speech_ms:.0f} ms of speech, {score:.2f} like the others")
    save(word, chosen.out)
    print(f'{chosen.out}: "{word.name}" is what is {word.bar:.2f} like a recording, or more')
    for path in chosen.check:
        score = max(resemblance(word, ear.hear(read_wav(path))), 0.0)
        print(f"{path}: {score:.2f}, {'it is' if score >= word.bar else 'not'} the word")


def main() -> int:
    """Run; a fault is told in words."""
    chosen = arguments()
    try:
        enrol(chosen)
    except ParleyError as fault:
        print(fault.message, file=sys.stderr)
    except OSError as fault:
        print(f"{chosen.out} cannot be written: {fault.strerror or fault}.", file=sys.stderr)
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
