"""Meter of the engine: how soon its replies sound, and where their time goes. docs/metrics.md has the list."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import replace
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram

from services.common import names
from services.engine.parts import (
    Context,
    Hearing,
    Listening,
    Mind,
    OnWords,
    PartError,
    Parts,
    TextDelta,
    Thought,
    ToolCall,
    Voice,
)
from services.engine.speech import Utterance

HEAR: Final = "hear"
THINK: Final = "think"
SPEAK: Final = "speak"
COMPLETED: Final = "completed"
CANCELLED: Final = "cancelled"
FAILED: Final = "failed"

_STAGES: Final = (HEAR, THINK, SPEAK)
_FIRST_AUDIO_S: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0, 1.5, 2.5, 5.0)
_STAGE_S: Final = (0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0, 2.0, 5.0)

Clock = Callable[[], float]


class EngineMeter:
    """One process's."""

    def __init__(self, registry: CollectorRegistry | None = None, clock: Clock = time.monotonic) -> None:
        registry = registry or CollectorRegistry()
        self.sessions = 0
        """Those that are here."""
        self._clock = clock
        self._first_audio = Histogram(
            names.ENGINE_FIRST_AUDIO,
            "From the wish for a response to its first sound, the rest of the recognition included.",
            registry=registry,
            buckets=_FIRST_AUDIO_S,
        )
        self._stages = Histogram(
            names.ENGINE_STAGE,
            "What each part takes until the next one can begin: the words, the first of the text, the first sound.",
            ("stage",),
            registry=registry,
            buckets=_STAGE_S,
        )
        self._responses = Counter(
            names.ENGINE_RESPONSES, "Responses, by how they ended.", ("outcome",), registry=registry
        )
        self._faults = Counter(names.ENGINE_FAULTS, "What a part could not do.", ("stage",), registry=registry)
        for stage in _STAGES:
            self._stages.labels(stage)
            self._faults.labels(stage)
        for outcome in (COMPLETED, CANCELLED, FAILED):
            self._responses.labels(outcome)

    @contextmanager
    def session(self) -> Iterator[None]:
        """Count a session while it lasts."""
        self.sessions += 1
        try:
            yield
        finally:
            self.sessions -= 1

    @contextmanager
    def response(self) -> Iterator[Callable[[], None]]:
        """Count a response by its end, and time it until what is given is called, for its first sound."""
        began_s, sounded = self._clock(), False

        def sounds() -> None:
            nonlocal sounded
            if not sounded:
                sounded = True
                self._first_audio.observe(self._clock() - began_s)

        outcome = FAILED
        try:
            yield sounds
            outcome = COMPLETED
        except asyncio.CancelledError:
            outcome = CANCELLED
            raise
        finally:
            self._responses.labels(outcome).inc()

    @contextmanager
    def stage(self, stage: str) -> Iterator[Callable[[], None]]:
        """Time a stage until what is given is called, and count its faults."""
        began_s, done = self._clock(), False

        def reached() -> None:
            nonlocal done
            if not done:
                done = True
                self._stages.labels(stage).observe(self._clock() - began_s)

        try:
            yield reached
        except PartError:
            self._faults.labels(stage).inc()
            raise


def metered(parts: Parts, meter: EngineMeter) -> Parts:
    """Return parts that do what these do, and are timed by `meter`."""
    return replace(
        parts,
        listening=_Listening(parts.listening, meter),
        mind=_Mind(parts.mind, meter),
        voice=_Voice(parts.voice, meter),
    )


class _Listening:
    def __init__(self, listening: Listening, meter: EngineMeter) -> None:
        self._listening, self._meter = listening, meter

    def listen(self, language: str = "", prompt: str = "", on_words: OnWords | None = None) -> Hearing:
        return _Hearing(self._listening.listen(language, prompt, on_words), self._meter)


class _Hearing:
    def __init__(self, hearing: Hearing, meter: EngineMeter) -> None:
        self._hearing, self._meter = hearing, meter

    def feed(self, pcm: bytes) -> None:
        self._hearing.feed(pcm)

    async def text(self) -> str:
        with self._meter.stage(HEAR) as reached:
            text = await self._hearing.text()
            reached()
            return text

    def forget(self) -> None:
        self._hearing.forget()


class _Mind:
    def __init__(self, mind: Mind, meter: EngineMeter) -> None:
        self._mind, self._meter = mind, meter

    async def think(self, context: Context) -> AsyncGenerator[Thought, None]:
        with self._meter.stage(THINK) as reached:
            async with aclosing(self._mind.think(context)) as thoughts:
                async for thought in thoughts:
                    if isinstance(thought, TextDelta | ToolCall):
                        reached()
                    yield thought


class _Voice:
    def __init__(self, voice: Voice, meter: EngineMeter) -> None:
        self._voice, self._meter = voice, meter

    async def speak(self, text: str, voice: str, speed: float) -> AsyncGenerator[Utterance, None]:
        with self._meter.stage(SPEAK) as reached:
            async with aclosing(self._voice.speak(text, voice, speed)) as utterances:
                async for utterance in utterances:
                    reached()
                    yield utterance
