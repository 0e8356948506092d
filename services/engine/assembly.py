"""The assembly of the engine: its parts, as the settings choose them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.engine.listening.recognizer import Recognizer
from services.engine.minds.embedded import EmbeddedMind
from services.engine.parts import Parts
from services.engine.settings import Settings
from services.engine.voices.espeak import EspeakVoice


@asynccontextmanager
async def open_parts(settings: Settings) -> AsyncIterator[Parts]:
    """Start the parts and end them with the context."""
    async with EspeakVoice() as voice, Recognizer(settings.decoders) as recognizer:
        await voice.say("Ready.")  # so that the first reply does not wait for the voice to load
        yield Parts(recognizer, EmbeddedMind(), voice)
