"""Listening by a transcription server: any that speaks `POST /audio/transcriptions`, such as speaches or OpenAI."""

from __future__ import annotations

import asyncio
import json
import struct
from contextlib import aclosing
from typing import Any

import httpx
import numpy as np
import soxr

from services.engine.parts import OnWords
from services.engine.remote import Remote
from services.engine.remote_faults import bad_answer, broken_off, told_in_stream
from services.engine.speech import RATE_HZ

_UPLOAD_HZ = 16_000  # what Whisper and its like take
_MOST_BODY_BYTES = 2**20
_LONGEST_TEXT = 64 * 1024  # characters of one turn


def wav(pcm: bytes) -> bytes:
    """A WAV file at 16 kHz of PCM16LE mono at 24 kHz."""
    samples = np.frombuffer(pcm, dtype=np.int16)
    low = soxr.resample(samples, RATE_HZ, _UPLOAD_HZ, quality="HQ").tobytes() if samples.size else b""
    form = struct.pack("<HHIIHH", 1, 1, _UPLOAD_HZ, 2 * _UPLOAD_HZ, 2, 16)
    head = struct.pack("<4sI4s4sI", b"RIFF", 36 + len(low), b"WAVE", b"fmt ", len(form))
    return head + form + struct.pack("<4sI", b"data", len(low)) + low


class TranscriptionServer:
    """Has turns transcribed, each when it is complete. `stream` asks for the words as the server finds them."""

    def __init__(self, remote: Remote, language: str = "", stream: bool = False) -> None:
        self._remote = remote
        self._language = language
        self._stream = stream

    def listen(self, language: str = "", prompt: str = "", on_words: OnWords | None = None) -> TranscribedHearing:
        """Begin a turn. The client's language goes before the engine's own."""
        fields = {"model": self._remote.name.model, "response_format": "json"}
        fields |= {"language": language or self._language} if language or self._language else {}
        fields |= {"prompt": prompt} if prompt else {}
        fields |= {"stream": "true"} if self._stream else {}
        return TranscribedHearing(self._remote, fields, on_words)


class TranscribedHearing:
    """One turn: its audio is kept until it is complete, and then sent."""

    def __init__(self, remote: Remote, fields: dict[str, str], on_words: OnWords | None) -> None:
        self._remote = remote
        self._fields = fields
        self._on_words = on_words
        self._pcm = bytearray()
        self._request: asyncio.Task[str] | None = None

    def feed(self, pcm: bytes) -> None:
        """Add PCM16LE mono at 24 kHz."""
        self._pcm += pcm

    async def text(self) -> str:
        """Send the turn and wait for its words. Raises PartError; CancelledError if it is forgotten meanwhile."""
        self._request = asyncio.create_task(self._transcribe())
        try:
            return await self._request
        finally:
            self._request.cancel()

    def forget(self) -> None:
        """Drop the turn, and end a request that is on its way."""
        self._pcm.clear()
        if self._request is not None:
            self._request.cancel()

    async def _transcribe(self) -> str:
        remote = self._remote
        pcm = bytes(self._pcm)
        self._pcm.clear()
        files = {"file": ("turn.wav", await asyncio.to_thread(wav, pcm), "audio/wav")}
        async with remote.patience(), remote.post("/audio/transcriptions", data=self._fields, files=files) as response:
            if "text/event-stream" in response.headers.get("Content-Type", ""):
                return await self._follow(response)
            return self._text_of(self._parse(await remote.body(response, _MOST_BODY_BYTES)))

    async def _follow(self, response: httpx.Response) -> str:
        """Read a stream: of the API's `transcript.text.…` events, or of segments, as some servers send."""
        heard, must_be_done = "", False
        async with aclosing(self._remote.events(response)) as events:
            async for event in events:
                if event.strip() == "[DONE]":
                    return heard.strip()
                fields = self._parse(event)
                kind = fields.get("type")
                if kind == "transcript.text.done":
                    return self._text_of(fields)
                must_be_done = must_be_done or kind == "transcript.text.delta"
                new = _delta(fields) if kind == "transcript.text.delta" else _segment(fields, heard)
                heard += new
                if new and self._on_words is not None:
                    self._on_words(new)
                if len(heard) > _LONGEST_TEXT:
                    raise bad_answer(self._remote.name, f"a turn has more than {_LONGEST_TEXT} characters")
        if must_be_done:
            raise broken_off(self._remote.name)
        return heard.strip()

    def _parse(self, text: str | bytes) -> dict[str, Any]:
        try:
            fields = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise bad_answer(self._remote.name, "it is no JSON") from error
        if not isinstance(fields, dict):
            raise bad_answer(self._remote.name, "it is no JSON object")
        if fields.get("error"):
            raise told_in_stream(self._remote.name, fields)
        return fields

    def _text_of(self, fields: dict[str, Any]) -> str:
        text = fields.get("text")
        if not isinstance(text, str):
            raise bad_answer(self._remote.name, "it has no text")
        return text.strip()[:_LONGEST_TEXT]


def _delta(fields: dict[str, Any]) -> str:
    new = fields.get("delta")
    return new if isinstance(new, str) else ""


def _segment(fields: dict[str, Any], heard: str) -> str:
    new = fields.get("text")
    if not isinstance(new, str) or not new.strip():
        return ""
    return f" {new.strip()}" if heard else new.strip()
