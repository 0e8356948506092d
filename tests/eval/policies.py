"""Policies: the settings that are tried: of the production policy, of a fixed silence, of the published model."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.vad.endpointing import EndpointingSettings
from services.vad.voice import SAMPLES_PER_MS, WINDOW_SAMPLES
from tests.eval.audio import generator
from tests.eval.listener import Models
from tests.eval.tape import Run, Tape, replay
from tests.eval.turns import Score, score

Floats = NDArray[np.float64]

_TRIED: Final[dict[str, tuple[int, ...]]] = {
    "min_pause_ms": (160, 200, 250, 280, 320, 360, 400, 500, 600, 700, 800, 1000),
    "max_pause_ms": (500, 600, 800, 1000, 1200, 1400, 1600, 1800, 2100, 2500, 2900),
    "even_pause_ms": (300, 400, 500, 600, 700, 800, 900, 1000, 1200, 1400, 1600, 2000, 2500),
    "per_odds_ms": (50, 100, 150, 200, 250, 300, 400, 500, 700, 1000),
}
"""What is tried of each setting: action delay, timeout, and the line between them."""
_RANDOM: Final = 500
_STEEP: Final = 0.5
"""Share of them that act on a threshold: at once above it, at the timeout below it."""
_STEEP_MS: Final = 5_000
_ODDS: Final = (-4.0, 5.0)
_NEAR: Final = 300

WINDOW_MS: Final = WINDOW_SAMPLES / SAMPLES_PER_MS
SILENCES_MS: Final = tuple(range(96, 2_900, 32))
"""Fixed silences that are tried: voice activity comes in windows of 32 ms."""
_THRESHOLDS: Final = (*(percent / 100 for percent in range(2, 100, 2)), 0.99, 0.995)
_DELAYS_MS: Final = (200, 256, 320, 384, 448, 512, 608, 704, 800, 1000, 1200)
_TIMEOUTS_MS: Final = (400, 500, 600, 700, 800, 1000, 1200, 1500, 1800, 2100, 2400, 2900)


def variants(seed: int) -> list[EndpointingSettings]:
    """Return the shipped settings, and others at random."""
    random = generator(seed, "settings")
    found: dict[EndpointingSettings, None] = {EndpointingSettings(): None}
    for number in range(_RANDOM):
        changed: dict[str, Any] = {name: values[int(random.integers(len(values)))] for name, values in _TRIED.items()}
        if number < _RANDOM * _STEEP:
            odds = float(random.uniform(*_ODDS))
            changed |= {"per_odds_ms": _STEEP_MS, "even_pause_ms": changed["even_pause_ms"] + round(_STEEP_MS * odds)}
        found.setdefault(_ordered(replace(EndpointingSettings(), **changed)))
    return list(found)


def near(best: Sequence[EndpointingSettings], seed: int) -> list[EndpointingSettings]:
    """Return settings a step or two from the best ones."""
    random = generator(seed, "nearby settings")
    found: dict[EndpointingSettings, None] = {}
    for number in range(_NEAR):
        one = best[number % len(best)]
        names = [str(name) for name in random.choice(list(_TRIED), 2, replace=False)]
        changed: dict[str, Any] = {name: _step(name, getattr(one, name), random) for name in names}
        found.setdefault(_ordered(replace(one, **changed)))
    return list(found)


def _step(name: str, value: float, random: np.random.Generator) -> int:
    """Return a value near this one; one that was not on the list moves by a tenth."""
    values = _TRIED[name]
    if not values[0] <= value <= values[-1]:
        return round(value * float(random.uniform(0.9, 1.1)))
    at = int(np.argmin([abs(other - value) for other in values])) + int(random.integers(-1, 2))
    return values[min(max(at, 0), len(values) - 1)]


def _ordered(settings: EndpointingSettings) -> EndpointingSettings:
    """Put the two bounds in order."""
    low, high = sorted((settings.min_pause_ms, settings.max_pause_ms))
    return replace(settings, min_pause_ms=low, max_pause_ms=high)


def replay_all(_: Models, tape: Tape, settings: Sequence[EndpointingSettings]) -> list[Score]:
    """Replay one turn with each of these settings."""
    return [replay(tape, one) for one in settings]


def silence_only(tape: Tape, waits_ms: Sequence[int] = SILENCES_MS) -> list[Score]:
    """Return what waiting a fixed silence would have been worth, for each of these."""
    waits = np.array(waits_ms, dtype=np.float64)
    return _scored(tape, [_decided(run, waits) for run in tape.runs], len(waits))


def alone_settings() -> list[tuple[float, float, float]]:
    """Return (threshold, delay in ms, timeout in ms) that are tried of the published model, its usual ones first."""
    tried = itertools.product(_THRESHOLDS, _DELAYS_MS, _TIMEOUTS_MS)
    return [(0.5, 200.0, 2_900.0), *((p, delay, timeout) for p, delay, timeout in tried if delay <= timeout)]


def model_alone(tape: Tape, settings: Sequence[tuple[float, float, float]]) -> list[Score]:
    """Return what the published model's word would have been worth: a delay from the threshold on, else a timeout."""
    threshold, delay, timeout = (np.array(column) for column in zip(*settings, strict=True))
    decided = []
    for run in tape.runs:
        last_ms = run.heard_ms[-1] + WINDOW_MS
        answers = [a for a in tape.answers if run.begin_ms < a.asked_ms and a.at_ms < last_ms]
        acts, over = _decided(run, delay), _decided(run, timeout)
        for number, answer in enumerate(answers):
            until_ms = answers[number + 1].at_ms if number + 1 < len(answers) else np.inf
            at_ms = np.where(delay <= answer.at_ms - run.begin_ms, answer.at_ms, acts)
            counts = (answer.complete >= threshold) & (at_ms < until_ms)
            over = np.where(counts, np.minimum(over, at_ms), over)
        decided.append(over)
    return _scored(tape, decided, len(settings))


def _decided(run: Run, waits_ms: Floats) -> Floats:
    """Return when a silence has lasted so long, for each wait; infinity where it never did."""
    silences = np.array(run.silence_ms)
    at = np.searchsorted(silences, waits_ms)
    return np.append(np.array(run.heard_ms), np.inf)[at]


def _scored(tape: Tape, decided: list[Floats], count: int) -> list[Score]:
    """Score each setting by when it would have decided in each silence."""
    until_ms = tape.last_ms if tape.clip.end_s is None else np.inf
    table = np.stack(decided) if decided else np.empty((0, count))
    table = np.where(table < until_ms, table, np.inf)
    known: dict[bytes, Score] = {}
    scores = []
    for column in np.ascontiguousarray(table.T):
        key = column.tobytes()
        if key not in known:
            known[key] = score(tape.clip, [float(at) for at in column if np.isfinite(at)])
        scores.append(known[key])
    return scores
