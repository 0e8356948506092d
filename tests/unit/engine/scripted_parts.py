"""Parts that do as they are told, for the session's shell: what they are asked is kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence

from services.engine.parts import Context, OnWords, PartError, Parts, TextDelta, Thought
from services.engine.speech import RATE_HZ, Utterance, Word


class ScriptedHearing:
    """Understands what it is told to, as soon as the turn is complete."""

    def __init__(self, text: str | PartError, on_words: OnWords | None) -> None:
        self.words = on_words or (lambda _: None)
        self.pcm = bytearray()
        self.forgotten = False
        self._text = text

    def feed(self, pcm: bytes) -> None:
        """Keep the audio."""
        self.pcm += pcm

    async def text(self) -> str:
        """Say what was understood."""
        await asyncio.sleep(0.1)
        if isinstance(self._text, PartError):
            raise self._text
        return self._text

    def forget(self) -> None:
        """Remember that it was forgotten."""
        self.forgotten = True


class ScriptedListening:
    """Listens to one turn after the other."""

    def __init__(self, *texts: str | PartError) -> None:
        self._texts = list(texts)
        self.asked: list[tuple[str, str]] = []
        self.hearings: list[ScriptedHearing] = []

    def listen(self, language: str = "", prompt: str = "", on_words: OnWords | None = None) -> ScriptedHearing:
        """Begin a turn."""
        self.asked.append((language, prompt))
        hearing = ScriptedHearing(self._texts.pop(0) if self._texts else "", on_words)
        self.hearings.append(hearing)
        return hearing


class ScriptedMind:
    """Thinks the given thoughts, each after a moment; `thinking` counts the thoughts under way."""

    def __init__(self, think: Callable[[Context], Sequence[Thought | PartError]] | None = None) -> None:
        self._think = think or (lambda context: [TextDelta(f"{len(context.lines)} lines.")])
        self.contexts: list[Context] = []
        self.thinking = 0

    async def think(self, context: Context) -> AsyncGenerator[Thought, None]:
        """Give the reply."""
        self.contexts.append(context)
        self.thinking += 1
        try:
            for thought in self._think(context):
                await asyncio.sleep(0.05)
                if isinstance(thought, PartError):
                    raise thought
                yield thought
        finally:
            self.thinking -= 1


class ScriptedVoice:
    """Speaks each word in 300 ms of silence."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str, float]] = []

    async def speak(self, text: str, voice: str, speed: float) -> AsyncGenerator[Utterance, None]:
        """Speak one sentence."""
        self.said.append((text, voice, speed))
        await asyncio.sleep(0.05)
        words = text.split()
        step = RATE_HZ * 3 // 10
        timed = [Word(word if index == 0 else f" {word}", index * step) for index, word in enumerate(words)]
        yield Utterance(bytes(2 * step * len(words)), timed)


def parts(listening: ScriptedListening, mind: ScriptedMind, voice: ScriptedVoice) -> Parts:
    """Put parts together."""
    return Parts(listening, mind, voice, lambda _: True)
