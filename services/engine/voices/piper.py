"""A Piper voice on this machine: natural speech from a file of some 60 MB, in a process of its own."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from services.engine.parts import PartError
from services.engine.speech import Utterance, resample
from services.engine.steady_worker import SteadyWorker
from services.engine.voices.word_estimate import SpeakingPace, WordEstimate
from services.engine.worker import WorkerError

_WORKER = "services.engine.voices.piper_worker"
_SPEEDS = (0.25, 4.0)


@dataclass(frozen=True, slots=True)
class PiperSettings:
    """`model` is the voice's `.onnx` file, beside which its `.onnx.json` lies; `speaker` one of several in it."""

    model: str
    speaker: int | None = None


class PiperVoice:
    """`async with PiperVoice(settings) as voice`. There is one voice: the one that a client names is not looked at."""

    def __init__(self, settings: PiperSettings) -> None:
        self._settings = settings
        self._worker = SteadyWorker(_WORKER, {"do": "load", "model": settings.model})

    async def __aenter__(self) -> PiperVoice:
        """Load the voice. Raises PartError."""
        model = Path(self._settings.model)
        if find_spec("piper") is None:
            raise PartError("not_installed", "PARLEY_ENGINE_TTS=piper needs piper-tts: pip install 'parley[piper]'")
        for file in (model, model.with_name(f"{model.name}.json")):
            if not file.is_file():
                message = (
                    f"PARLEY_ENGINE_TTS_MODEL: there is no file {file}. Fetch a voice with "
                    "python -m piper.download_voices en_US-lessac-medium, and name its .onnx file."
                )
                raise PartError("model_not_found", message)
        try:
            await self._worker.__aenter__()
        except WorkerError as error:
            message = f"PARLEY_ENGINE_TTS_MODEL: the voice {model} can't be loaded: {error}"
            raise PartError("model_not_found", message) from error
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._worker.__aexit__()

    async def speak(self, text: str, voice: str, speed: float) -> AsyncGenerator[Utterance, None]:
        """Speak one sentence, in one piece; where its words begin is estimated. Raises PartError."""
        low, high = _SPEEDS
        question = {
            "do": "say",
            "text": text.strip(),
            "speed": min(high, max(low, speed)),
            "speaker": self._settings.speaker,
        }
        try:
            answer, pcm = await self._worker.ask(question)
        except WorkerError as error:
            raise PartError("failed", f"the Piper voice: {error}") from error
        samples = np.frombuffer(resample(pcm, int(answer["rate_hz"])), dtype=np.int16)
        if utterance := WordEstimate(text, SpeakingPace(), 1.0).whole(samples):
            yield utterance
