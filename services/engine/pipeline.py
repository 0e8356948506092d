"""From a conversation to the pieces of a reply, each at its time: thought, speech and delivery at once.

The mind's text is cut into sentences as it comes, and what can't be said, markup, is left out. A sentence is spoken
while the one before it is delivered, and never further ahead, so that little is made in vain when the person
interrupts. Leaving the context ends both at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

from services.engine.delivery import TYPED_WORD_S, Pacer, Piece, cut
from services.engine.parts import Context, Curtailed, PartError, Parts, TextDelta, ThoughtUsage, ToolCall
from services.engine.reader import Reader
from services.engine.sentences import SentenceCutter, WordCutter
from services.engine.speech import Utterance

_MOST_THOUGHTS = 256  # sentences the mind may be ahead of the voice; then it waits

Delivered = Piece | ToolCall | ThoughtUsage | Curtailed

_Rest = ToolCall | ThoughtUsage | Curtailed
_Thoughts = asyncio.Queue[str | _Rest | PartError | None]
_Sentence = asyncio.Queue[Utterance | PartError | None]
_Speech = asyncio.Queue[_Sentence | _Rest | PartError | None]


@dataclass(frozen=True, slots=True)
class Manner:
    """How a reply is given: "audio" or "text", in which voice, how fast that speaks, and `pace` times real time."""

    modality: str
    voice: str
    speed: float
    pace: float


@asynccontextmanager
async def replying(parts: Parts, context: Context, manner: Manner) -> AsyncIterator[AsyncGenerator[Delivered, None]]:
    """Think, speak and deliver. The value of the context is iterated: `async for piece in pieces`.

    Tool calls and usage come in their place, after what was said before them. The iterator raises PartError where a
    part failed, after all that came before it. Leaving the context, however, stops everything at once.
    """
    fault: PartError | None = None  # carried past the task group, which would wrap it
    async with asyncio.TaskGroup() as tasks:
        thoughts: _Thoughts = asyncio.Queue(_MOST_THOUGHTS)
        if manner.modality == "text":
            workers = [tasks.create_task(_think(parts, context, WordCutter(), thoughts))]
            pieces = _type(thoughts, Pacer(manner.pace))
        else:
            speech: _Speech = asyncio.Queue(1)  # the sentence that is next
            workers = [
                tasks.create_task(_think(parts, context, SentenceCutter(), thoughts)),
                tasks.create_task(_speak(parts, manner, thoughts, speech)),
            ]
            pieces = _deliver(speech, Pacer(manner.pace))
        try:
            async with aclosing(pieces):
                yield pieces
        except PartError as error:
            fault = error
        finally:
            for worker in workers:
                worker.cancel()
    if fault is not None:
        raise fault


async def _think(parts: Parts, context: Context, cutter: SentenceCutter | WordCutter, thoughts: _Thoughts) -> None:
    try:
        async with aclosing(parts.mind.think(context)) as stream:
            async for thought in stream:
                if isinstance(thought, TextDelta):
                    for text in cutter.feed(thought.text):
                        await thoughts.put(text)
                    continue
                for text in cutter.finish():
                    await thoughts.put(text)
                await thoughts.put(thought)
        for text in cutter.finish():
            await thoughts.put(text)
        await thoughts.put(None)
    except PartError as error:
        for text in cutter.finish():
            await thoughts.put(text)
        await thoughts.put(error)


async def _speak(parts: Parts, manner: Manner, thoughts: _Thoughts, speech: _Speech) -> None:
    reader = Reader()
    while True:
        thought = await thoughts.get()
        if not isinstance(thought, str):
            await speech.put(thought)
            if thought is None or isinstance(thought, PartError):
                return
            continue
        text = reader.read(thought)
        if not text.strip():
            continue
        sentence: _Sentence = asyncio.Queue()
        await speech.put(sentence)
        try:
            async with aclosing(parts.voice.speak(text, manner.voice, manner.speed)) as utterances:
                async for utterance in utterances:
                    sentence.put_nowait(utterance)
        except PartError as error:
            sentence.put_nowait(error)
            return
        sentence.put_nowait(None)


async def _deliver(speech: _Speech, pacer: Pacer) -> AsyncGenerator[Delivered, None]:
    while (entry := await speech.get()) is not None:
        if isinstance(entry, PartError):
            raise entry
        if not isinstance(entry, asyncio.Queue):
            yield entry
            continue
        while (utterance := await entry.get()) is not None:
            if isinstance(utterance, PartError):
                raise utterance
            for piece in cut(utterance):
                yield piece
                await pacer.pass_(piece.seconds)


async def _type(thoughts: _Thoughts, pacer: Pacer) -> AsyncGenerator[Delivered, None]:
    while (thought := await thoughts.get()) is not None:
        if isinstance(thought, PartError):
            raise thought
        if isinstance(thought, str):
            yield Piece(thought, b"")
            await pacer.pass_(TYPED_WORD_S)
        else:
            yield thought
