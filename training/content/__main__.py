"""Train the content head: `make train DATA='folder folder' OUT=…`.

    python -m training.content --data FOLDER [--data FOLDER …] --out services/vad/content/content_head.npz

Each folder holds recordings and a manifest.csv (see docs/training.md: what, from where, under which licence). Synthetic
voices are made on the way. Four fifths of the speakers are learnt from, the last fifth is reported on; then the head
that is written learns from all.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.vad.content.head import CLASSES
from services.vad.content.words import UNITS
from services.vad.silero import SileroModel
from training.content.corpus import Clip, cut_talk, read
from training.content.network import Examples, Floats, answers, directions, fit, inputs
from training.content.scenes import RATE_HZ, babble
from training.content.synthetic import speak
from training.content.windows import Windows, look

BABBLES = 24
HELD_OUT = 5
"""One speaker in so many is held out."""


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m training.content", description="Train the content head.")
    parser.add_argument("--data", type=Path, action="append", default=[], help="a folder with a manifest.csv; repeat")
    parser.add_argument("--out", type=Path, required=True, help="where the weights go (.npz)")
    parser.add_argument("--times", type=int, default=1, help="scenes made of each clip (1)")
    parser.add_argument("--bursts", type=int, default=3000, help="vocal bursts taken at most (3000)")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="processes (one per core)")
    parser.add_argument("--keep", type=Path, help="keep the windows in this file, or take them from it if it is there")
    chosen = parser.parse_args()
    for folder in chosen.data:
        if not (folder / "manifest.csv").is_file():
            sys.exit(f"{folder} holds no manifest.csv. docs/training.md says what belongs there.")
    return chosen


def main() -> None:
    """Train, report, write."""
    chosen = arguments()
    with tempfile.TemporaryDirectory(prefix="parley-voices-") as voices:
        print("speaking with synthetic voices …", flush=True)
        clips = speak(Path(voices))
        for folder in chosen.data:
            clips += cut_talk(read(folder, chosen.bursts), SileroModel())
        print(f"{len(clips)} clips; hearing each in {chosen.times} scenes …", flush=True)
        windows = _windows(clips, chosen)
    mean, projection = directions(windows.states)
    seen = inputs(windows.states, windows.moments, mean, projection)
    held_out = np.array([_is_held_out(clip) for clip in clips])[windows.clips]
    print("training on four fifths of the speakers …", flush=True)
    head = fit(_examples(clips, windows, seen, ~held_out))
    report(clips, windows, answers(head, seen), held_out)
    print("training on all …", flush=True)
    head = fit(_examples(clips, windows, seen, np.ones(len(seen), dtype=bool)))
    small = {name: array.astype(np.float16) for name, array in {**head, "mean": mean, "projection": projection}.items()}
    np.savez_compressed(chosen.out, unit_names=np.array(UNITS), **small)  # type: ignore[arg-type]
    print(f"{chosen.out}: {chosen.out.stat().st_size // 1024} kB")


def _windows(clips: list[Clip], chosen: argparse.Namespace) -> Windows:
    if chosen.keep and chosen.keep.exists():
        with np.load(chosen.keep) as kept:
            return Windows(kept["states"], kept["moments"], kept["clips"])
    windows = look(clips, chosen.times, _noises(clips), chosen.processes)
    if chosen.keep:
        np.savez(chosen.keep, states=windows.states, moments=windows.moments, clips=windows.clips)
    return windows


def _noises(clips: list[Clip]) -> list[NDArray[np.float64]]:
    """Return what may sound behind a clip: noise and music of a second or more, and babble."""
    recorded = [clip for clip in clips if clip.kind == "noise" and not clip.speaker.startswith("emogator")]
    noises = [clip.samples().astype(np.float64) for clip in recorded]
    talk = [clip for clip in clips if clip.kind == "phrase" and not clip.is_synthetic]
    voices = [clip.samples().astype(np.float64) for clip in talk[:: max(len(talk) // 60, 1)]]
    chance = np.random.default_rng(4)
    talking = [babble(voices, chance) for _ in range(BABBLES)] if voices else []
    return [noise for noise in noises if len(noise) > RATE_HZ and noise.any()] + talking


def _examples(clips: list[Clip], windows: Windows, seen: Floats, chosen: NDArray[np.bool_]) -> Examples:
    kinds = np.array([CLASSES.index(clip.kind) for clip in clips])[windows.clips]
    units = np.array([UNITS.index(clip.unit) if clip.unit else -1 for clip in clips])[windows.clips]
    weights = np.array([clip.weight for clip in clips], dtype=np.float32)[windows.clips]
    return Examples(seen[chosen], kinds[chosen], units[chosen], weights[chosen])


def _is_held_out(clip: Clip) -> bool:
    return not clip.is_synthetic and int(hashlib.sha256(clip.speaker.encode()).hexdigest(), 16) % HELD_OUT == 0


def report(clips: list[Clip], windows: Windows, found: Floats, held_out: NDArray[np.bool_]) -> None:
    """Print, for the speakers held out, how many of each sound would have interrupted within 0.5 s at three scores."""
    score = found[:, 0] + found[:, 1]
    best: dict[int, float] = defaultdict(float)
    early = held_out & (windows.moments[:, 0] <= 0.5 / 0.8)
    for clip, at in zip(windows.clips[early].tolist(), score[early].tolist(), strict=True):
        best[clip] = max(best[clip], at)
    groups: dict[str, list[float]] = defaultdict(list)
    for number, at in best.items():
        clip = clips[number]
        groups[f"{clip.kind} {clip.unit}".strip()].append(at)
    print(f"{'held out: share over':28s} {'clips':>6s} {'0.5':>6s} {'0.65':>6s} {'0.8':>6s}")
    for name, scores in sorted(groups.items()):
        shares = "".join(f"{np.mean(np.array(scores) > threshold):7.2f}" for threshold in (0.5, 0.65, 0.8))
        print(f"{name:28s} {len(scores):6d}{shares}")


if __name__ == "__main__":
    main()
