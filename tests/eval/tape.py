"""Tape: all that the endpointing policy is told about one turn, so that other settings can be tried on it.

The turn is heard once with settings under which no pause ends it, so each is heard whole and the end-of-turn model is
asked when production asks it. Every call of the policy (`Pause`) is written down with its time. Replaying the calls on
a policy with other settings then tells when that one would have ended the turn. Nothing is known here of what the
calls mean, but which of them says that the turn is over.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any, Final
from unittest import mock

from services.common.audio import FRAME_MS, MIC_FRAME_SAMPLES, MIC_HZ, SAMPLE_BYTES
from services.vad import turns
from services.vad.detector import SpeechDetector
from services.vad.endpointing import Ask, EndpointingSettings, Pause
from services.vad.events import TurnTakingSettings
from services.vad.voice import SAMPLES_PER_MS
from tests.eval.folder import TurnClip
from tests.eval.listener import Listener, Models
from tests.eval.scene import Setting
from tests.eval.turns import EARLY_MS, LEAD_S, Score, frames, known, score

_NEVER_MS: Final = 10**7
_OVER: Final = "is_over"
_ANSWERED: Final = "judged"
_SET: Final = "set an attribute"


BARE_ASKS_MS: Final = (200, 600)
"""Lengths of a silence at which the published model is asked: 200 ms as those do who publish it, and once more."""


@dataclass(frozen=True)
class Answer:
    """What the published end-of-turn model said: asked at `asked_ms`, known at `at_ms`, since the clip began."""

    asked_ms: float
    at_ms: float
    complete: float


@dataclass(frozen=True)
class Call:
    """One call of the policy."""

    at_ms: float
    name: str
    args: tuple[Any, ...]
    keywords: dict[str, Any]
    asked: bool
    """Its result was to ask the model."""


@dataclass(frozen=True)
class Run:
    """A silence, as voice activity heard it. Times in ms since the clip began."""

    begin_ms: float
    heard_ms: tuple[float, ...]
    """When each of its windows had arrived."""
    silence_ms: tuple[float, ...]
    """How long it had been silent then."""


@dataclass(frozen=True)
class Tape:
    """One turn."""

    clip: TurnClip
    made: tuple[Any, ...]
    """What the policy was made with."""
    calls: tuple[Call, ...]
    runs: tuple[Run, ...]
    answers: tuple[Answer, ...]
    """Of the published end-of-turn model."""
    first_ms: float
    """Before this there was too little speech for a turn."""
    last_ms: float
    """When the clip is over, or its last known speech if it stops before the turn does."""


class _Written:
    """A policy that writes down what it is told."""

    def __init__(self, pause: Any, calls: list[Call], now_ms: Callable[[], float]) -> None:
        vars(self).update(_pause=pause, _calls=calls, _now_ms=now_ms)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._pause, name, value)
        self._calls.append(Call(self._now_ms(), _SET, (name, deepcopy(value)), {}, asked=False))

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._pause, name)
        if not callable(found) or (name.startswith("is_") and name != _OVER):
            return found  # other questions change nothing

        def call(*args: Any, **keywords: Any) -> Any:
            result = found(*args, **keywords)
            self._calls.append(Call(self._now_ms(), name, deepcopy(args), keywords, isinstance(result, Ask)))
            return result

        return call


def endless(settings: EndpointingSettings) -> EndpointingSettings:
    """Return settings under which no pause ends a turn, and the model is asked as before."""
    names = [field.name for field in fields(settings)]
    never: dict[str, Any] = {name: _NEVER_MS for name in names if name.endswith("_pause_ms") or name.startswith("max_")}
    return replace(settings, **never)


def record(models: Models, setting: Setting, clip: TurnClip) -> Tape:
    """Hear a turn, every pause to its end. Raises AudioError."""
    settings = TurnTakingSettings()
    listener = Listener(models, replace(settings, endpointing=endless(settings.endpointing)))
    calls: list[Call] = []
    made: list[tuple[Any, ...]] = []

    def make(*args: Any) -> Any:
        made.append(deepcopy(args))
        calls.clear()  # what was taken for a turn before was none
        return _Written(Pause(*args), calls, lambda: listener.moment_ms - LEAD_S * 1000)

    with mock.patch.object(turns, "Pause", make):
        heard = frames(setting, clip)
        for frame in heard:
            listener.hear(frame)
        listener.finish()
    heard_ms = [call.at_ms for call in calls]
    last_ms = max(known(clip, heard_ms, listener.windows), default=0.0)
    silences, first_ms = runs(listener)
    answers = ask_bare(models, b"".join(heard), silences)
    return Tape(clip, made[-1] if made else (), tuple(calls), silences, answers, first_ms, last_ms)


def ask_bare(models: Models, heard: bytes, silences: tuple[Run, ...]) -> tuple[Answer, ...]:
    """Ask the published end-of-turn model in each silence, with no policy between."""
    answers = []
    for run in silences:
        for ask_ms in BARE_ASKS_MS:
            at = next((at for at, silent in zip(run.heard_ms, run.silence_ms, strict=True) if silent >= ask_ms), None)
            if at is not None:
                began_s = time.thread_time()
                complete = models.published.probability(heard[: int((at / 1000 + LEAD_S) * MIC_HZ) * SAMPLE_BYTES])
                answers.append(Answer(at, at + (time.thread_time() - began_s) * 1000, complete))
    return tuple(answers)


def runs(listener: Listener) -> tuple[tuple[Run, ...], float]:
    """Return the silences after speech, as the production detector counts them, and when there was speech enough."""
    detector = SpeechDetector()
    least = TurnTakingSettings().dismissed_ms * SAMPLES_PER_MS
    found: list[Run] = []
    heard: list[tuple[float, float]] = []
    first_ms = float("inf")
    for window in listener.windows:
        detector.feed(window)
        arrived_ms = -(-window.end_sample // MIC_FRAME_SAMPLES) * FRAME_MS - LEAD_S * 1000
        if detector.is_speaking and detector.speech_samples >= least:
            first_ms = min(first_ms, arrived_ms)
        if first_ms < arrived_ms and detector.silence_samples:
            heard.append((arrived_ms, detector.silence_samples / SAMPLES_PER_MS))
        elif heard:
            found.append(_run(heard))
            heard = []
    return tuple(found + ([_run(heard)] if heard else [])), first_ms


def _run(heard: list[tuple[float, float]]) -> Run:
    arrived, silent = zip(*heard, strict=True)
    return Run(arrived[0] - silent[0], arrived, silent)


def replay(tape: Tape, settings: EndpointingSettings) -> Score:
    """Return what a policy with these settings would have been worth."""
    if not tape.made:  # no speech was found at all
        return score(tape.clip, [])
    made: list[Any] = [settings if isinstance(one, EndpointingSettings) else deepcopy(one) for one in tape.made]
    pause: Any = Pause(*made)
    methods = {name: getattr(pause, name) for name in {call.name for call in tape.calls} - {_SET}}
    methods[_SET] = partial(setattr, pause)
    until_ms = tape.last_ms if tape.clip.end_s is None else float("inf")
    end_ms = float("inf") if tape.clip.end_s is None else tape.clip.end_s * 1000 - EARLY_MS
    ended_ms: list[float] = []
    asked: deque[bool] = deque()
    was_over = False
    for call in tape.calls:
        if call.name == _ANSWERED and not asked.popleft():
            continue  # with these settings the model would not have been asked
        result = methods[call.name](*call.args, **call.keywords)
        if call.asked:
            asked.append(result is not None)
        elif call.name == _OVER:
            if result and not was_over and tape.first_ms <= call.at_ms < until_ms:
                ended_ms.append(call.at_ms)
                if call.at_ms >= end_ms:
                    break
            was_over = result
    return score(tape.clip, ended_ms)
