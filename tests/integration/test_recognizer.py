"""The embedded recogniser with its real decoders: words that are told while the person speaks, and turns that wait."""

import asyncio

from services.engine.listening.recognizer import Hearing, Recognizer
from services.engine.voices.espeak import EspeakVoice

_FRAME_BYTES = 4_800  # 100 ms at 24 kHz
_PAUSE = bytes(4 * _FRAME_BYTES)
_LONG = (
    "The people of the harbour liked it that way, because with one of her clocks in the kitchen there was always time "
    "for one more cup of tea."
)


class Told:
    """The words that were told, and when the first ones were."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self.begun = asyncio.Event()

    def __call__(self, words: str) -> None:
        self.words.append(words)
        self.begun.set()


def feed(hearing: Hearing, pcm: bytes) -> None:
    """Give audio in frames, as it comes from a client."""
    for begin in range(0, len(pcm), _FRAME_BYTES):
        hearing.feed(pcm[begin : begin + _FRAME_BYTES])


async def test_words_are_told_before_the_turn_is_complete() -> None:
    """A phrase at the pause behind it, longer speech as it goes; and what was told is how the text begins."""
    async with EspeakVoice() as voice, Recognizer(decoders=1) as recognizer:
        for text in ("what time is it", _LONG):
            told = Told()
            hearing = recognizer.listen(on_words=told)
            feed(hearing, _PAUSE + (await voice.say(text, "en-us")).pcm + _PAUSE)
            async with asyncio.timeout(20):
                await told.begun.wait()  # the turn is not complete yet
                assert (await hearing.text()).startswith("".join(told.words))


async def test_turns_share_a_decoder() -> None:
    """More turns than decoders: each is understood, and one that is forgotten is told of no more."""
    async with EspeakVoice() as voice, Recognizer(decoders=1) as recognizer:
        pcm = _PAUSE + (await voice.say("what time is it", "en-us")).pcm + _PAUSE
        told = Told()
        forgotten, *hearings = [recognizer.listen(on_words=told)] + [recognizer.listen() for _ in range(3)]
        for hearing in (forgotten, *hearings):
            hearing.feed(pcm)
        forgotten.forget()
        async with asyncio.timeout(30):
            assert await asyncio.gather(*(hearing.text() for hearing in hearings)) == ["what time is it"] * 3
        assert told.words == []
