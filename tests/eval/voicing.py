"""Voicing: how well voice activity tells speech from the rest, window by window, against labelled segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.vad.detector import DetectorSettings
from services.vad.voice import SAMPLE_RATE_HZ, WINDOW_SAMPLES
from tests.eval import confidence
from tests.eval.audio import pcm, read
from tests.eval.folder import VadClip
from tests.eval.listener import Models
from tests.eval.scene import Setting

COLLAR_S: Final = 0.25
"""With a collar, windows this near to a segment's edge don't count: labels bridge short pauses."""
THRESHOLD: Final = DetectorSettings().speech_on
_CURVE_POINTS: Final = 100

Floats = NDArray[np.float64]
Figures = dict[str, Any]


@dataclass
class Voiced:
    """One clip's windows."""

    clip: VadClip
    probability: Floats
    is_speech: NDArray[np.bool_]
    by_edge: NDArray[np.bool_]


def voicing(models: Models, setting: Setting, clip: VadClip) -> Voiced:
    """Hear a clip. Raises AudioError."""
    windows = models.voice().feed(pcm(read(setting.root / clip.path)))
    middle_s = np.array([window.end_sample - WINDOW_SAMPLES / 2 for window in windows]) / SAMPLE_RATE_HZ
    speech, edge = np.zeros(len(windows), dtype=bool), np.zeros(len(windows), dtype=bool)
    for begin_s, end_s in clip.segments:
        speech |= (middle_s >= begin_s) & (middle_s < end_s)
        edge |= (np.abs(middle_s - begin_s) < COLLAR_S) | (np.abs(middle_s - end_s) < COLLAR_S)
    return Voiced(clip, np.array([window.probability for window in windows], dtype=np.float64), speech, edge)


def figures(voiced: Sequence[Voiced], seed: int) -> Figures:
    """Return the figures of some clips: ROC AUC, F1 at the shipped threshold, both with a collar, too."""
    groups = [one.clip.group for one in voiced]
    windows = [(one.probability, one.is_speech) for one in voiced]
    inner = [(one.probability[~one.by_edge], one.is_speech[~one.by_edge]) for one in voiced]
    found: Figures = {"clips": len(voiced), "windows": int(sum(len(one.probability) for one in voiced))}
    for suffix, some in (("", windows), ("_collar", inner)):
        auc, f1 = _aucs(some, groups, seed), _f1s(some, groups, seed)
        found |= {f"roc_auc{suffix}": auc[0], f"roc_auc{suffix}_ci": auc[1]}
        name = f"f1{suffix}" if suffix else "f1_default"
        found |= {name: f1[0], f"{name}_ci": f1[1]}
    return found | {
        "threshold": THRESHOLD,
        "cluster": confidence.unit(groups),
        "roc": _roc(windows),
        "roc_collar": _roc(inner),
    }


Windows = Sequence[tuple[Floats, NDArray[np.bool_]]]
Estimate = tuple[float | None, list[float | None]]


def _aucs(windows: Windows, groups: Sequence[str], seed: int) -> Estimate:
    """Return the ROC AUC: how often a window of speech is surer than one without; ties count half."""
    wins = np.zeros((len(windows), len(windows)))
    for i, (probability, speech) in enumerate(windows):
        for j, (other, other_speech) in enumerate(windows):
            silent = np.sort(other[~other_speech])
            below = np.searchsorted(silent, probability[speech], "left")
            wins[i, j] = (below + np.searchsorted(silent, probability[speech], "right")).sum() / 2
    positive = np.array([float(speech.sum()) for _, speech in windows])
    negative = np.array([float((~speech).sum()) for _, speech in windows])

    def auc(counted: Floats) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(((counted @ wins) * counted).sum(axis=1) / ((counted @ positive) * (counted @ negative)))

    return _estimate(auc(np.ones((1, len(windows)))), auc(confidence.weights(groups, seed)))


def _f1s(windows: Windows, groups: Sequence[str], seed: int) -> Estimate:
    hit = np.array([float((speech & (p >= THRESHOLD)).sum()) for p, speech in windows])
    wrong = np.array([float((speech ^ (p >= THRESHOLD)).sum()) for p, speech in windows])

    def f1(counted: Floats) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(2 * (counted @ hit) / (2 * (counted @ hit) + counted @ wrong))

    return _estimate(f1(np.ones((1, len(windows)))), f1(confidence.weights(groups, seed)))


def _estimate(once: Floats, rounds: Floats) -> Estimate:
    value = float(once[0])
    return (round(value, 4) if np.isfinite(value) else None), confidence.interval(rounds)


def _roc(windows: Windows) -> list[list[float]]:
    """Return [false alarms, hits] at some thresholds, from 1 down to 0."""
    probability = np.concatenate([p for p, _ in windows])
    speech = np.concatenate([s for _, s in windows])
    if not speech.any() or speech.all():
        return []
    thresholds = np.quantile(probability, np.linspace(1.0, 0.0, _CURVE_POINTS))
    return [
        [round(float((probability[~speech] >= t).mean()), 4), round(float((probability[speech] >= t).mean()), 4)]
        for t in thresholds
    ]
