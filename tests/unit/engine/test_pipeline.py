"""Thought, speech and delivery overlap, keep their order, fail in order and stop at once. The parts are played."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from datetime import datetime
from typing import Any

import pytest

from services.engine.delivery import Piece
from services.engine.parts import Context, Curtailed, PartError, Parts, TextDelta, Thought, ThoughtUsage, ToolCall
from services.engine.pipeline import Manner, replying
from services.engine.speech import Utterance, Word

NOW = datetime(2026, 11, 21, 15, 4)
AUDIO = Manner("audio", "marin", 1.0, 1000.0)
TEXT = Manner("text", "marin", 1.0, 1000.0)


class Nobody:
    """A listening part that is not needed here."""

    def listen(self, language: str = "", prompt: str = "", on_words: Any = None) -> Any:
        raise AssertionError


class Mind:
    """Thinks what it is given; an exception is raised, an event waited for."""

    def __init__(self, *thoughts: Thought | PartError | asyncio.Event) -> None:
        self._thoughts = thoughts
        self.thought = 0
        self.closed = False

    async def think(self, context: Context) -> AsyncGenerator[Thought, None]:
        try:
            for thought in self._thoughts:
                if isinstance(thought, PartError):
                    raise thought
                if isinstance(thought, asyncio.Event):
                    await thought.wait()
                else:
                    yield thought
                    self.thought += 1
        finally:
            self.closed = True


class Voice:
    """Speaks each sentence in two pieces, as long as it has characters; `broken` is the sentence it fails at."""

    def __init__(self, broken: str = "", wait: asyncio.Event | None = None) -> None:
        self.spoken: list[str] = []
        self.closed = 0
        self._broken = broken
        self._wait = wait

    async def speak(self, text: str, voice: str, speed: float) -> AsyncGenerator[Utterance, None]:
        self.spoken.append(text.strip())
        try:
            yield Utterance(bytes(2 * len(text)), [Word(text, 0)])
            if self._wait is not None:
                await self._wait.wait()
            if text.strip() == self._broken:
                raise PartError("failed", "the voice broke")
            yield Utterance(bytes(20), [])
        finally:
            self.closed += 1


def parts(mind: Mind, voice: Voice) -> Parts:
    """An engine's parts."""
    return Parts(Nobody(), mind, voice, lambda _: True)


async def gather(mind: Mind, voice: Voice, manner: Manner = AUDIO, then: Callable[[Any], object] = id) -> list[Any]:
    """A whole reply: words as text, everything else as it is."""
    found: list[Any] = []
    async with replying(parts(mind, voice), Context([], NOW), manner) as pieces:
        async for piece in pieces:
            then(piece)
            if not isinstance(piece, Piece):
                found.append(piece)
            elif piece.word:
                found.append(piece.word)
    return found


async def test_a_reply_comes_in_order() -> None:
    """Words, then what the mind did after them, then its usage, though each is made by a task of its own."""
    call, usage = ToolCall("a", "f", "{}"), ThoughtUsage(5, 0, 3)
    mind = Mind(
        TextDelta("One. Tw"), TextDelta("o **three**."), call, TextDelta(" Four."), Curtailed("content_filter"), usage
    )
    assert await gather(mind, Voice()) == ["One.", " Two three.", call, " Four.", Curtailed("content_filter"), usage]


async def test_text_comes_word_by_word() -> None:
    """A text reply is not read aloud: markup stays, nobody speaks."""
    voice = Voice()
    assert await gather(Mind(TextDelta("**On"), TextDelta("e** two\nthree")), voice, TEXT) == [
        "**One**",
        " two",
        "\nthree",
    ]
    assert voice.spoken == []


async def test_the_first_sentence_is_delivered_while_the_mind_still_thinks() -> None:
    """The second thought is only had once the first sentence was heard: without overlap this would never end."""
    heard = asyncio.Event()
    mind = Mind(TextDelta("One. "), heard, TextDelta("Two."))
    async with asyncio.timeout(10):
        assert await gather(mind, Voice(), then=lambda _: heard.set()) == ["One.", " Two."]


async def test_only_the_next_sentence_is_spoken_ahead() -> None:
    """While the first is delivered the second is made, and none after it: little is lost to an interruption."""
    voice = Voice()
    async with replying(parts(Mind(TextDelta("One. Two. Three. Four.")), voice), Context([], NOW), AUDIO) as pieces:
        await anext(pieces)
        for _ in range(50):
            await asyncio.sleep(0)
        assert voice.spoken == ["One.", "Two."]


@pytest.mark.parametrize("manner", [AUDIO, TEXT])
async def test_leaving_stops_thought_and_speech(manner: Manner) -> None:
    """When the context is left, both are closed, wherever they were."""
    never = asyncio.Event()
    mind, voice = Mind(TextDelta("One. Two"), never), Voice(wait=never)
    async with replying(parts(mind, voice), Context([], NOW), manner) as pieces:
        await anext(pieces)
    assert mind.closed
    assert voice.closed == len(voice.spoken)


async def test_a_cancel_stops_thought_and_speech() -> None:
    """So does cancelling the task that takes the pieces, which is how a response is hushed."""
    never, begun = asyncio.Event(), asyncio.Event()
    mind, voice = Mind(TextDelta("One. "), never), Voice()
    task = asyncio.create_task(gather(mind, voice, then=lambda _: begun.set()))
    await begun.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert mind.closed


async def test_what_was_said_before_a_failure_is_heard() -> None:
    """A mind or a voice that breaks off breaks the reply there, with its own error and no other."""
    for mind, voice in (
        (Mind(TextDelta("One. Two. Thr"), PartError("too_slow", "the mind is slow")), Voice()),
        (Mind(TextDelta("One. Two. Three. Four.")), Voice(broken="Three.")),
    ):
        heard: list[str] = []
        with pytest.raises(PartError):
            await gather(mind, voice, then=lambda piece, heard=heard: heard.append(piece.word))  # type: ignore[misc]
        assert "".join(heard).startswith("One. Two. Thr")
        assert mind.closed


async def test_a_reply_of_nothing_is_none() -> None:
    """A mind that says nothing, or nothing that can be said, leaves an empty reply."""
    assert await gather(Mind(), Voice()) == []
    assert await gather(Mind(TextDelta("👍\n---\n")), Voice()) == []
