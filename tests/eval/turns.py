"""Turns: when does the ear take a turn for over, in its pauses and at its end?"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from parley.v1 import broker_service_pb2 as broker
from services.common.audio import MIC_HZ, ms_of
from services.vad.events import Event
from services.vad.voice import VoiceWindow
from tests.eval.audio import pcm
from tests.eval.folder import TurnClip
from tests.eval.listener import FRAME_BYTES, Decided, Listener, Models, Spent
from tests.eval.scene import Setting, staged

LEAD_S: Final = 1.0
TAIL_S: Final = 3.0
"""How long the room stays quiet after a turn. An end that has not been found by then counts as this late."""
EARLY_MS: Final = 150
"""An end found this much before the labelled one (or the pause's beginning) still belongs to it."""
LATE_MS: Final = 200
"""So does one this much after the person went on: the ear can't have heard it yet."""
SPEECH: Final = 0.5
"""Probability of a window that somebody surely speaks in."""


@dataclass(frozen=True)
class Score:
    """What the decisions on one turn are worth."""

    cut: tuple[bool, ...]
    """For each listed hold: was the person cut off?"""
    early: int
    """Ends where no pause is listed."""
    latency_ms: float | None
    """From the true end to the decision; None: the clip has no end."""
    missed: bool = False
    """The end was not found."""

    @property
    def cuts(self) -> int:
        """How often the person was cut off."""
        return sum(self.cut) + self.early

    @property
    def holds(self) -> int:
        """How many pauses there were; one that is not listed but ended the turn is one, too."""
        return len(self.cut) + self.early


def score(clip: TurnClip, ended_ms: list[float]) -> Score:
    """Score the times at which a turn was taken for over, in ms since the clip began."""
    cut = [False] * len(clip.holds)
    early = 0
    end_ms = None if clip.end_s is None else clip.end_s * 1000
    for at_ms in ended_ms:
        if end_ms is not None and at_ms >= end_ms - EARLY_MS:
            return Score(tuple(cut), early, at_ms - end_ms)
        holds = [n for n, (s, e) in enumerate(clip.holds) if s * 1000 - EARLY_MS <= at_ms < e * 1000 + LATE_MS]
        if holds:
            cut[holds[-1]] = True
        else:
            early += 1
    if end_ms is None:
        return Score(tuple(cut), early, None)
    return Score(tuple(cut), early, TAIL_S * 1000, missed=True)


@dataclass
class Turned:
    """What came of one clip."""

    clip: TurnClip
    score: Score
    spent: Spent = field(default_factory=Spent)


def turn(models: Models, setting: Setting, clip: TurnClip) -> Turned:
    """Hear a turn as it ships, up to its end. Raises AudioError."""
    listener = Listener(models)
    ended_ms: list[float] = []
    heard = frames(setting, clip)
    over_ms = float("inf") if clip.end_s is None else clip.end_s * 1000 - EARLY_MS
    for frame in heard:
        ended_ms += ends(listener.hear(frame))
        if ended_ms and ended_ms[-1] >= over_ms:
            break
    ended_ms += ends(listener.finish())
    return Turned(clip, score(clip, known(clip, ended_ms, listener.windows)), listener.spent)


def frames(setting: Setting, clip: TurnClip) -> list[bytes]:
    """Return a clip's frames. One that stops before the turn does has no tail: what comes next is not known."""
    heard = pcm(staged(setting, clip.path, LEAD_S, 0.0 if clip.end_s is None else TAIL_S))
    return [heard[start : start + FRAME_BYTES] for start in range(0, len(heard), FRAME_BYTES)]


def known(clip: TurnClip, ended_ms: list[float], windows: list[VoiceWindow]) -> list[float]:
    """Leave out the pause in which a clip without an end stops: nobody knows whether the person went on."""
    if clip.end_s is not None:
        return ended_ms
    last = max((window.end_sample for window in windows if window.probability >= SPEECH), default=0)
    return [at_ms for at_ms in ended_ms if at_ms < ms_of(last, MIC_HZ) - LEAD_S * 1000]


def ends(decided: list[Decided]) -> list[float]:
    """Return when turns ended, in ms since the clip began."""
    return [one.at_ms - LEAD_S * 1000 for one in decided if _is_end(one.event)]


def _is_end(event: Event) -> bool:
    """Say whether a turn is over: a tentative end is none until it is confirmed."""
    return isinstance(event, broker.TurnConfirmed) or (isinstance(event, broker.TurnEnded) and not event.tentative)
