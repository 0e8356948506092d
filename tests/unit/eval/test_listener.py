"""Listener: time is the sample clock plus what computing took, and a judgement answers when it would have."""

from __future__ import annotations

from typing import Any

import pytest

from parley.v1 import audio_pb2 as audio
from services.vad.events import Judge
from tests.eval.listener import Listener
from tests.unit.eval.scripted import ScriptedModels


class Clock:
    """CPU time that passes only when something is computed."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Virtual CPU time."""
    clock = Clock()
    monkeypatch.setattr("tests.eval.listener.time.thread_time", clock)
    return clock


class Core:
    """A core that asks at some frame, takes 2 ms for every frame, and writes down what it is told."""

    def __init__(self, clock: Clock, asks_at: tuple[int, ...]) -> None:
        self.clock, self.asks_at = clock, asks_at
        self.frames: list[audio.AudioFrame] = []
        self.answers: list[tuple[int, float | None]] = []

    def feed(self, frame: audio.AudioFrame) -> list[Any]:
        """Take a frame."""
        self.clock.now_s += 0.002
        self.frames.append(frame)
        return [Judge(1, 0, b"")] if len(self.frames) in self.asks_at else []

    def judged(self, turn: int, pause: int, complete: float | None) -> list[Any]:
        """Take an answer; it takes a millisecond to see to it."""
        self.clock.now_s += 0.001
        self.answers.append((len(self.frames), complete))
        return ["answered"]


class SlowModels(ScriptedModels):
    """Models of which a judgement takes 50 ms."""

    def __init__(self, clock: Clock, asks_at: tuple[int, ...]) -> None:
        super().__init__(0.7)
        self.clock, self.the_core = clock, Core(clock, asks_at)

    def core(self, voice: Any, settings: Any) -> Any:
        """Return the scripted core."""
        del voice, settings
        return self.the_core

    def complete(self, question: Judge) -> float | None:
        """Answer, slowly."""
        self.clock.now_s += 0.05
        return super().complete(question)


def hear(models: SlowModels, frames: int) -> tuple[Listener, list[float]]:
    """Hear so many frames; return when the answers came."""
    listener = Listener(models)
    heard = [one for _ in range(frames) for one in listener.hear(bytes(640))] + listener.finish()
    return listener, [round(one.at_ms, 3) for one in heard if one.event == "answered"]


def test_an_answer_comes_between_the_frames_when_it_has_been_computed(clock: Clock) -> None:
    """Asked 2 ms after the first frame (20 ms), known 50 ms later (72), before the fourth frame; told a ms after."""
    models = SlowModels(clock, (1,))
    _, answered_ms = hear(models, 6)
    assert models.the_core.answers == [(3, 0.7)]
    assert answered_ms == [73.0]


def test_judgements_wait_for_each_other(clock: Clock) -> None:
    """There is one thread for them: the second begins when the first is done."""
    _, answered_ms = hear(SlowModels(clock, (1, 2)), 10)
    assert answered_ms == [73.0, 123.0]


def test_what_is_asked_last_is_still_answered(clock: Clock) -> None:
    """A clip's end leaves no question open."""
    models = SlowModels(clock, (3,))
    assert hear(models, 3)[1] == [113.0]
    assert models.the_core.answers == [(3, 0.7)]


def test_cost_is_kept_apart_for_core_and_judgements(clock: Clock) -> None:
    """Six frames of 2 ms and one answer of 1 ms; one judgement of 50 ms; 120 ms of sound."""
    spent = hear(SlowModels(clock, (1,)), 6)[0].spent
    assert (round(spent.core_s, 6), round(spent.judge_s, 6), spent.judgements) == (0.013, 0.05, 1)
    assert spent.audio_s == pytest.approx(0.12)


def test_frames_have_offsets_and_playheads(clock: Clock) -> None:
    """The microphone's clock has no holes, and what was audible goes with the frame."""
    models = SlowModels(clock, ())
    listener = Listener(models)
    listener.hear(bytes(640))
    listener.hear(bytes(640), audio.Playhead(reply=3, position=480))
    assert [frame.mic_offset for frame in models.the_core.frames] == [0, 320]
    assert [frame.playhead.reply for frame in models.the_core.frames] == [0, 3]
