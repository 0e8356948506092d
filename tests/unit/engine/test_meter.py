"""The engine's meter: parts do what they did, and are timed; a response is counted by its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry

from services.engine.meter import EngineMeter, metered
from services.engine.parts import Context, Hearing, OnWords, PartError, Parts, TextDelta, Thought
from services.engine.speech import Utterance


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class SlowParts:
    """All parts in one: words take 0.3 s, the first of a text 0.2 s and its rest 5 s, sound 0.1 s."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.fault: PartError | None = None
        self.fed = b""

    def listen(self, language: str = "", prompt: str = "", on_words: OnWords | None = None) -> Hearing:
        return self

    def feed(self, pcm: bytes) -> None:
        self.fed += pcm

    async def text(self) -> str:
        self._clock.now_s += 0.3
        return "hello"

    def forget(self) -> None:
        self.fed = b""

    async def think(self, context: Context) -> AsyncGenerator[Thought, None]:
        for text, seconds in (("Good", 0.2), (" day.", 5.0)):
            self._clock.now_s += seconds
            yield TextDelta(text)
        if self.fault is not None:
            raise self.fault

    async def speak(self, text: str, voice: str, speed: float) -> AsyncGenerator[Utterance, None]:
        for _ in range(2):
            self._clock.now_s += 0.1
            yield Utterance(b"\0\0", [])


class Bench:
    """Metered parts."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.slow = SlowParts(self.clock)
        self.registry = CollectorRegistry()
        self.meter = EngineMeter(self.registry, self.clock)
        self.parts = metered(Parts(self.slow, self.slow, self.slow, lambda name: True), self.meter)

    def value(self, name: str, **labels: str) -> float | None:
        """Return what Prometheus would read."""
        return self.registry.get_sample_value(name, labels)

    async def thought(self) -> list[Thought]:
        """Think to the end."""
        return [each async for each in self.parts.mind.think(Context((), datetime.now(UTC)))]


async def test_each_part_is_timed_to_its_first_fruit() -> None:
    """What comes after it is not waited for by anybody."""
    bench = Bench()
    hearing = bench.parts.listening.listen()
    hearing.feed(b"ab")
    assert (await hearing.text(), bench.slow.fed) == ("hello", b"ab")
    assert await bench.thought() == [TextDelta("Good"), TextDelta(" day.")]
    assert len([each async for each in bench.parts.voice.speak("Good day.", "marin", 1.0)]) == 2
    for stage, seconds in (("hear", 0.3), ("think", 0.2), ("speak", 0.1)):
        assert bench.value("parley_engine_stage_seconds_count", stage=stage) == 1
        assert bench.value("parley_engine_stage_seconds_sum", stage=stage) == pytest.approx(seconds)
        assert bench.value("parley_engine_part_faults_total", stage=stage) == 0


async def test_what_a_part_can_not_do_is_counted_and_told() -> None:
    """As it was told without a meter."""
    bench = Bench()
    bench.slow.fault = PartError("too_slow", "it took too long")
    with pytest.raises(PartError, match="too long"):
        await bench.thought()
    assert bench.value("parley_engine_part_faults_total", stage="think") == 1


async def test_a_response_is_counted_by_its_end_and_timed_to_its_first_sound() -> None:
    """Completed, failed, or cut off."""
    bench = Bench()
    with bench.meter.response() as sounds:
        bench.clock.now_s += 0.6
        sounds()
        bench.clock.now_s += 3.0
        sounds()
    assert bench.value("parley_engine_first_audio_seconds_sum") == pytest.approx(0.6)
    for fault, outcome in ((PartError("failed", "no"), "failed"), (asyncio.CancelledError(), "cancelled")):
        with pytest.raises(type(fault)), bench.meter.response():
            raise fault
        assert bench.value("parley_engine_responses_total", outcome=outcome) == 1
    assert bench.value("parley_engine_responses_total", outcome="completed") == 1
    assert bench.value("parley_engine_first_audio_seconds_count") == 1


def test_sessions_are_those_that_are_here() -> None:
    """Whatever ends them."""
    bench = Bench()
    assert bench.meter.sessions == 0
    with suppress(ValueError), bench.meter.session():
        assert bench.meter.sessions == 1
        raise ValueError
    assert bench.meter.sessions == 0
