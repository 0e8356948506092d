"""The assembly of the engine: its parts, as the settings choose them."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from services.engine.listening.recognizer import Recognizer
from services.engine.listening.transcription_server import TranscriptionServer
from services.engine.listening.whisper import Whisper
from services.engine.minds.chat import ChatMind
from services.engine.minds.embedded import EmbeddedMind
from services.engine.part_settings import LLM, STT, TTS
from services.engine.parts import Listening, Mind, Parts, Voice
from services.engine.remote import Remote, RemoteSettings
from services.engine.settings import Settings
from services.engine.speech import ESPEAK_VOICE, VOICES
from services.engine.voices.espeak import EspeakVoice
from services.engine.voices.piper import PiperVoice
from services.engine.voices.speech_server import SpeechServerVoice

_ANY_VOICE = re.compile(r"[\w.+-]{1,64}")

_log = logging.getLogger("parley.engine")


@asynccontextmanager
async def open_parts(settings: Settings) -> AsyncIterator[Parts]:
    """Start the parts and end them with the context. Raises PartError, WorkerError."""
    async with AsyncExitStack() as stack:
        assembly = _Assembly(settings, stack)
        # The voice first: it says at once if it can't be had, while a recogniser takes seconds to load.
        voice, is_voice = await assembly.voice()
        yield Parts(await assembly.listening(), await assembly.mind(), voice, is_voice)


class _Assembly:
    def __init__(self, settings: Settings, stack: AsyncExitStack) -> None:
        self._settings = settings
        self._parts = settings.parts
        self._stack = stack

    async def listening(self) -> Listening:
        if remote := await self._remote("the transcription server", STT, self._parts.transcription):
            return TranscriptionServer(remote, self._parts.language, self._parts.stream)
        if self._parts.whisper:
            return await self._stack.enter_async_context(Whisper(self._parts.whisper))
        return await self._stack.enter_async_context(Recognizer(self._settings.decoders))

    async def mind(self) -> Mind:
        if remote := await self._remote("the language model", LLM, self._parts.chat):
            return ChatMind(remote, self._parts.preamble, self._parts.extra)
        return EmbeddedMind()

    async def voice(self) -> tuple[Voice, Callable[[str], bool]]:
        if remote := await self._remote("the speech server", TTS, self._parts.speech):
            return SpeechServerVoice(remote, self._parts.speech_manner), _is_any_voice
        if self._parts.piper:
            return await self._stack.enter_async_context(PiperVoice(self._parts.piper)), _is_any_voice
        voice = await self._stack.enter_async_context(EspeakVoice())
        await voice.say("Ready.")  # so that the first reply does not wait for the voice to load
        return voice, _is_espeak_voice

    async def _remote(self, what: str, prefix: str, settings: RemoteSettings | None) -> Remote | None:
        if settings is None:
            return None
        remote = await self._stack.enter_async_context(Remote(what, prefix, settings))
        # Looked at once, so that the log tells early of what would fail later; it may still come up meanwhile.
        look = asyncio.create_task(_look(remote))
        self._stack.push_async_callback(_end, look)
        return remote


def _is_any_voice(name: str) -> bool:
    return bool(_ANY_VOICE.fullmatch(name))


def _is_espeak_voice(name: str) -> bool:
    return bool(ESPEAK_VOICE.fullmatch(VOICES.get(name, name)))


async def _look(remote: Remote) -> None:
    if wrong := await remote.probe():
        _log.warning("%s", wrong)


async def _end(look: asyncio.Task[None]) -> None:
    look.cancel()
    await asyncio.gather(look, return_exceptions=True)
