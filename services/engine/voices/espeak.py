"""The embedded voice: espeak-ng in a process of its own, which knows where each word begins."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from services.engine.parts import PartError
from services.engine.speech import DEFAULT_VOICE, SAMPLES_PER_MS, VOICES, Utterance, resample, time_words
from services.engine.steady_worker import SteadyWorker
from services.engine.worker import Header, WorkerError

_WORKER = "services.engine.voices.espeak_worker"
_NORMAL_WPM = 175  # espeak's own default
_WPM_RANGE = (80, 450)  # espeakRATE_MINIMUM and espeakRATE_MAXIMUM of speak_lib.h


class EspeakVoice:
    """The embedded voice: `async with EspeakVoice() as voice: utterance = await voice.say("Hello.")`.

    Holds one espeak process and starts another if that one dies. Utterances are made one at a time, in order,
    about a hundred times faster than they are spoken.
    """

    def __init__(self) -> None:
        self._worker = SteadyWorker(_WORKER)

    async def __aenter__(self) -> EspeakVoice:
        await self._worker.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._worker.__aexit__()

    async def speak(self, text: str, voice: str, speed: float) -> AsyncGenerator[Utterance, None]:
        """Speak one sentence, in one piece: it is made faster than a part of it could be asked for."""
        yield await self.say(text, voice, speed)

    async def say(self, text: str, voice: str = DEFAULT_VOICE, speed: float = 1.0, pitch: int = 50) -> Utterance:
        """Speak `text`.

        `voice` is a Realtime voice ("marin") or an espeak one ("en-gb+m3"); `speed` is a factor on 175
        words a minute; `pitch` is 0 to 100. Raises PartError for an unknown voice, or when the voice's
        process dies twice over.
        """
        low, high = _WPM_RANGE
        question: Header = {
            "text": text,
            "voice": VOICES.get(voice, voice),
            "wpm": min(high, max(low, round(_NORMAL_WPM * speed))),
            "pitch": min(100, max(0, pitch)),
        }
        try:
            answer, pcm = await self._worker.ask(question)
        except WorkerError as error:
            raise PartError("failed", f"the voice: {error}") from error
        starts = [(position, start_ms * SAMPLES_PER_MS) for position, start_ms in answer["words"]]
        return Utterance(resample(pcm, answer["rate_hz"]), time_words(text, starts))
