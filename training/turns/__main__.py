"""Fit the head that hears the end of a turn: `python -m training.turns --data FOLDER [--data FOLDER …]`.

A folder holds `manifest.csv` with at least the columns path, label and source; rows labelled `turn` are taken:
recordings of one person's whole turn, or whole sentence, with nothing cut off. Before the fit on everything, each
source is left out once, and what the head makes of it is reported: does it know more than the voices it was fitted on?
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import Counter
from pathlib import Path

import numpy as np

from services.vad.silero import SileroModel
from services.vad.smart_turn import HEAD, SmartTurn
from training.turns.examples import examples
from training.turns.head import Examples, Floats, area, calibrate, fit, weigh
from training.turns.sound import other_place, other_speed, read


def main() -> None:
    """Fit, report, and write the weights."""
    parser = argparse.ArgumentParser(prog="python -m training.turns", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, action="append", required=True, help="folder with a manifest.csv")
    parser.add_argument("--out", type=Path, default=HEAD, help="where the weights go")
    parser.add_argument("--most", type=int, default=250, help="recordings of a source that are taken at most")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    found = hear(chosen(arguments.data, arguments.most, arguments.seed), arguments.seed)
    odds = left_out(found)
    factor, offset = calibrate(odds, found.is_end, weigh(found))
    weights, bias = fit(found)
    np.savez(arguments.out, weights=(factor * weights).astype(np.float32), bias=np.float32(factor * bias + offset))
    print(f"calibrated by {factor:.2f}, {offset:+.2f}; written to {arguments.out}")


def chosen(folders: list[Path], most: int, seed: int) -> list[tuple[Path, str]]:
    """Return (path, source) of the recordings that are taken, the same for the same seed."""
    sources: dict[str, list[Path]] = {}
    for folder in folders:
        try:
            rows = list(csv.DictReader((folder / "manifest.csv").read_text("utf-8").splitlines()))
        except OSError as error:
            raise SystemExit(f"{folder} holds no manifest.csv that can be read: {error}") from error
        for row in rows:
            if row.get("label") == "turn":
                sources.setdefault(row["source"], []).append(folder / row["path"])
    if len(sources) < 2:
        raise SystemExit("Recordings labelled `turn` from at least two sources are needed: one is left out to test.")
    dice = np.random.default_rng(seed)
    return [
        (paths[place], source)
        for source, paths in sorted(sources.items())
        for place in dice.permutation(len(paths))[:most]
    ]


def hear(recordings: list[tuple[Path, str]], seed: int) -> Examples:
    """Let the end-of-turn model hear every example, each as in another place."""
    voice_activity, model = SileroModel(), SmartTurn(head=None)
    rows: list[tuple[Floats, float, bool, bool, str]] = []
    for number, (path, source) in enumerate(recordings):
        dice = np.random.default_rng([seed, number])
        for example in examples(voice_activity, other_speed(read(path), dice), dice):
            heard = model.hear(other_place(example.samples, dice).tobytes())
            rows.append((heard.pooled.astype(np.float64), heard.odds, example.is_end, example.is_natural, source))
        print(f"\rheard {number + 1} of {len(recordings)} recordings", end="", file=sys.stderr)
    print(file=sys.stderr)
    pooled, bare, is_end, is_natural, sources = zip(*rows, strict=True)
    return Examples(np.stack(pooled), np.array(bare), np.array(is_end), np.array(is_natural), np.array(sources))


def left_out(found: Examples) -> Floats:
    """Return each example's log odds by a head that was not fitted on its source, and report them."""
    odds = np.zeros(len(found.bare))
    print(f"{'left out':<16}{'ends':>6}{'pauses':>8}{'broken':>8}   area under ROC: bare, head")
    for source in np.unique(found.source):
        rows = found.source == source
        weights, bias = fit(found.only(~rows))
        odds[rows] = found.pooled[rows] @ weights + bias
        report(str(source), found, odds, rows)
    report("mean of all", found, odds, np.ones(len(odds), dtype=np.bool_))
    return odds


def report(name: str, found: Examples, odds: Floats, rows: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> None:
    """Print how well ends are told from pauses, and from speech that was broken off."""
    kinds = Counter(zip(found.is_end[rows].tolist(), found.is_natural[rows].tolist(), strict=True))
    areas = []
    for is_natural in (True, False):
        some = rows & (found.is_end | (found.is_natural == is_natural))
        areas.append(f"{area(found.bare[some], found.is_end[some]):.3f}, {area(odds[some], found.is_end[some]):.3f}")
    counts = f"{kinds[True, True]:>6}{kinds[False, True]:>8}{kinds[False, False]:>8}"
    print(f"{name:<16}{counts}   pauses {areas[0]}; broken off {areas[1]}")


if __name__ == "__main__":
    main()
