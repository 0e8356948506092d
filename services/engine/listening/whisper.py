"""Listening by a Whisper model on this machine, through faster-whisper, in a process of its own."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from importlib.util import find_spec

from services.engine.parts import OnWords, PartError
from services.engine.steady_worker import SteadyWorker
from services.engine.worker import Header, WorkerError

_WORKER = "services.engine.listening.whisper_worker"


@dataclass(frozen=True, slots=True)
class WhisperSettings:
    """`model` is a name ("base.en", fetched once from Hugging Face) or a folder; the rest is as in faster-whisper."""

    model: str
    device: str = "auto"
    compute_type: str = "default"
    language: str = ""


class Whisper:
    """`async with Whisper(settings) as listening`. Turns are transcribed when they are complete, one at a time."""

    def __init__(self, settings: WhisperSettings) -> None:
        self._settings = settings
        opening: Header = {"do": "load", "model": settings.model, "device": settings.device}
        self._worker = SteadyWorker(_WORKER, opening | {"compute_type": settings.compute_type})

    async def __aenter__(self) -> Whisper:
        """Load the model. Raises PartError."""
        if find_spec("faster_whisper") is None:
            message = "PARLEY_ENGINE_STT=whisper needs faster-whisper: pip install 'parley[whisper]'"
            raise PartError("not_installed", message)
        try:
            await self._worker.__aenter__()
        except WorkerError as error:
            message = f"the Whisper model {self._settings.model!r} can't be loaded (PARLEY_ENGINE_STT_MODEL): {error}"
            raise PartError("model_not_found", message) from error
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._worker.__aexit__()

    def listen(self, language: str = "", prompt: str = "", on_words: OnWords | None = None) -> WhisperHearing:
        """Begin a turn. No words are certain before its end: the model hears turns whole."""
        return WhisperHearing(self._worker, language or self._settings.language, prompt)


class WhisperHearing:
    """One turn: its audio is kept until it is complete."""

    def __init__(self, worker: SteadyWorker, language: str, prompt: str) -> None:
        self._worker = worker
        self._question: Header = {"do": "hear", "language": language, "prompt": prompt}
        self._pcm = bytearray()
        self._answer: asyncio.Task[str] | None = None

    def feed(self, pcm: bytes) -> None:
        """Add PCM16LE mono at 24 kHz."""
        self._pcm += pcm

    async def text(self) -> str:
        """Wait for the words of the turn. Raises PartError; CancelledError if it is forgotten meanwhile."""
        self._answer = asyncio.create_task(self._ask())
        try:
            return await self._answer
        finally:
            self._answer.cancel()

    def forget(self) -> None:
        """Drop the turn; if the model is at work on it, it finishes, and nobody hears of it."""
        self._pcm.clear()
        if self._answer is not None:
            self._answer.cancel()

    async def _ask(self) -> str:
        pcm = bytes(self._pcm)
        self._pcm.clear()
        try:
            answer, _ = await self._worker.ask(self._question, pcm)
        except WorkerError as error:
            raise PartError("failed", f"the Whisper model: {error}") from error
        return str(answer["text"])
