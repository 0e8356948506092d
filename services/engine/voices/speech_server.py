"""A voice that is a speech server: any that speaks `POST /audio/speech`, such as speaches, Kokoro-FastAPI, OpenAI."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

import httpx

from services.engine.parts import PartError
from services.engine.remote import Remote
from services.engine.remote_faults import bad_answer, broken_off
from services.engine.speech import RATE_HZ, Utterance
from services.engine.voices.sound_stream import SoundError, SoundStream
from services.engine.voices.word_estimate import SpeakingPace, WordEstimate

_MOST_SAMPLES = 180 * RATE_HZ  # of one sentence: nobody takes so long for 300 characters
_MOST_VOICES = 256  # whose pace is remembered
_SPEEDS = (0.25, 4.0)  # what the API takes


@dataclass(frozen=True, slots=True)
class SpeechSettings:
    """What is asked for: the voice (empty: whichever the client names), "pcm" or "wav", and the rate of raw PCM."""

    voice: str = ""
    form: str = "pcm"
    rate_hz: int = RATE_HZ


class SpeechServerVoice:
    """Speaks at a speech server. Audio streams; where each word begins is estimated from its share of the text."""

    def __init__(self, remote: Remote, settings: SpeechSettings) -> None:
        self._remote = remote
        self._settings = settings
        self._paces: dict[str, SpeakingPace] = {}

    async def speak(self, text: str, voice: str, speed: float) -> AsyncGenerator[Utterance, None]:
        """Give the audio of a sentence as it comes. Raises PartError."""
        voice = self._settings.voice or voice
        low, high = _SPEEDS
        speed = min(high, max(low, speed))
        request = {
            "model": self._remote.name.model,
            "input": text.strip(),
            "voice": voice,
            "response_format": self._settings.form,
            "speed": speed,
        }
        estimate = WordEstimate(text, self._pace(voice), speed)
        async with self._remote.post("/audio/speech", json=request) as response:
            self._check(response)
            try:
                async with aclosing(self._sound(response, estimate)) as sound:
                    async for utterance in sound:
                        yield utterance
            except SoundError as error:
                raise self._foreign(str(error)) from error

    async def _sound(self, response: httpx.Response, estimate: WordEstimate) -> AsyncGenerator[Utterance, None]:
        stream = SoundStream(self._settings.rate_hz)
        samples = 0
        async with aclosing(self._remote.chunks(response)) as chunks:
            async for chunk in chunks:
                sound = stream.feed(chunk)
                samples += sound.size
                if samples > _MOST_SAMPLES:
                    raise bad_answer(self._remote.name, f"a sentence takes longer than {_MOST_SAMPLES // RATE_HZ} s")
                if utterance := estimate.feed(sound):
                    yield utterance
        rest = stream.finish()
        if not samples + rest.size:
            raise broken_off(self._remote.name)
        for utterance in (estimate.feed(rest), estimate.finish()):
            if utterance is not None:
                yield utterance

    def _pace(self, voice: str) -> SpeakingPace:
        if voice not in self._paces and len(self._paces) >= _MOST_VOICES:
            self._paces.pop(next(iter(self._paces)))
        return self._paces.setdefault(voice, SpeakingPace())

    def _check(self, response: httpx.Response) -> None:
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind in ("audio/mpeg", "audio/mp3", "audio/ogg", "audio/aac", "audio/flac"):
            raise self._foreign(f"it is {kind}")
        if kind == "application/json" or kind.startswith("text/"):
            raise bad_answer(self._remote.name, f"it is {kind}, not audio")

    def _foreign(self, why: str) -> PartError:
        prefix = self._remote.name.prefix
        return bad_answer(self._remote.name, f"{why}; set {prefix}_FORMAT to what the server can: pcm or wav")
