"""Which parts the engine is made of, and what each needs: `PARLEY_ENGINE_STT_…`, `…_LLM_…` and `…_TTS_…`."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from services.engine.hosts import is_private
from services.engine.listening.whisper import WhisperSettings
from services.engine.minds.chat import PREAMBLE
from services.engine.remote import RemoteSettings
from services.engine.speech import RATE_HZ
from services.engine.voices.piper import PiperSettings
from services.engine.voices.speech_server import SpeechSettings

STT, LLM, TTS = "PARLEY_ENGINE_STT", "PARLEY_ENGINE_LLM", "PARLEY_ENGINE_TTS"
_PLAIN_HTTP = "PARLEY_ENGINE_ALLOW_PLAIN_HTTP"
_LONGEST_KEY = 4096
_EXAMPLES = {
    STT: "http://127.0.0.1:8000/v1",
    LLM: "http://127.0.0.1:11434/v1 for Ollama on this machine",
    TTS: "http://127.0.0.1:8000/v1",
}


class SettingsError(Exception):
    """A setting is wrong; the message says which and what to do."""


@dataclass(frozen=True, slots=True)
class PartSettings:
    """What is None is embedded; for listening and the voice, one of two may be chosen instead."""

    transcription: RemoteSettings | None = None
    language: str = ""
    stream: bool = False
    whisper: WhisperSettings | None = None
    chat: RemoteSettings | None = None
    preamble: str = PREAMBLE
    extra: Mapping[str, Any] = field(default_factory=dict)
    speech: RemoteSettings | None = None
    speech_manner: SpeechSettings = field(default_factory=SpeechSettings)
    piper: PiperSettings | None = None

    @classmethod
    def read(cls, values: Mapping[str, str] = os.environ) -> PartSettings:
        """Take them from the environment. Raises SettingsError."""
        env = _Environment(values)
        stt = env.choice(STT, ("embedded", "openai", "whisper"))
        llm = env.choice(LLM, ("embedded", "openai"))
        tts = env.choice(TTS, ("embedded", "openai", "piper"))
        language = env.language(f"{STT}_LANGUAGE")
        return cls(
            transcription=env.remote(STT, "whisper-1") if stt == "openai" else None,
            language=language,
            stream=env.switch(f"{STT}_STREAM"),
            whisper=env.whisper(language) if stt == "whisper" else None,
            chat=env.remote(LLM, "") if llm == "openai" else None,
            preamble=env.preamble(),
            extra=env.extra(),
            speech=env.remote(TTS, "tts-1") if tts == "openai" else None,
            speech_manner=env.speech_manner(),
            piper=env.piper() if tts == "piper" else None,
        )

    @property
    def summary(self) -> str:
        """What was chosen, for the log; no key is in it."""
        stt = _place(self.transcription) or (f"whisper {self.whisper.model}" if self.whisper else "embedded")
        llm = _place(self.chat) or "embedded"
        tts = _place(self.speech) or (f"piper {self.piper.model}" if self.piper else "embedded")
        return f"listens: {stt}; thinks: {llm}; speaks: {tts}"


def _place(remote: RemoteSettings | None) -> str:
    return f"{remote.model} at {remote.url}" if remote else ""


@dataclass(frozen=True, slots=True)
class _Environment:
    values: Mapping[str, str]

    def text(self, name: str, default: str = "") -> str:
        return self.values.get(name, "").strip() or default

    def choice(self, name: str, kinds: tuple[str, ...]) -> str:
        kind = self.text(name, kinds[0])
        if kind not in kinds:
            raise SettingsError(f"{name}={kind!r} must be {', '.join(kinds[:-1])} or {kinds[-1]}")
        return kind

    def switch(self, name: str) -> bool:
        value = self.text(name, "off")
        if value not in ("on", "off"):
            raise SettingsError(f"{name}={value!r} must be on or off")
        return value == "on"

    def number(self, name: str, default: float, low: float, high: float) -> float:
        text = self.text(name)
        try:
            value = float(text) if text else default
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            raise SettingsError(f"{name}={text!r} must be a number from {low:g} to {high:g}")
        return value

    def language(self, name: str) -> str:
        language = self.text(name)
        if language and not (len(language) in (2, 3) and language.isalpha() and language.islower()):
            raise SettingsError(f"{name}={language!r} must be a language as ISO 639 writes it, such as en or de")
        return language

    def remote(self, prefix: str, default_model: str) -> RemoteSettings:
        model = self.text(f"{prefix}_MODEL", default_model)
        if not model:
            raise SettingsError(f"{prefix}=openai needs {prefix}_MODEL: a model that the server has, such as llama3.2")
        patience_s = self.number(f"{prefix}_PATIENCE_S", 30.0, 1.0, 600.0)
        return RemoteSettings(self._url(prefix), model, self._key(prefix), patience_s)

    def _url(self, prefix: str) -> str:
        name = f"{prefix}_URL"
        url = self.text(name)
        if not url:
            raise SettingsError(f"{prefix}=openai needs {name}: the server's base, such as {_EXAMPLES[prefix]}")
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname or "", parts.port
        except ValueError as error:
            raise SettingsError(f"{name}={url!r} is no URL: {error}") from error
        if parts.scheme not in ("http", "https") or not host:
            raise SettingsError(f"{name}={url!r} must begin with http:// or https:// and a host")
        if parts.username or parts.password:
            raise SettingsError(f"{name} must have no user or password in it: put the key into {prefix}_KEY")
        if parts.query or parts.fragment:
            raise SettingsError(f"{name}={url!r} must have no ? or #: it is the base of all requests")
        if parts.scheme == "http" and not is_private(host) and not self.switch(_PLAIN_HTTP):
            raise SettingsError(
                f"{name}={url!r} would send speech and key through the internet unencrypted: use https://, "
                f"or set {_PLAIN_HTTP}=on if you know the way is safe"
            )
        return url.rstrip("/")

    def _key(self, prefix: str) -> str:
        key, file = self.text(f"{prefix}_KEY"), self.text(f"{prefix}_KEY_FILE")
        if file and not key:
            try:
                with Path(file).open(encoding="utf-8") as opened:
                    key = opened.read(_LONGEST_KEY + 1).strip()
            except (OSError, UnicodeDecodeError) as error:
                raise SettingsError(f"{prefix}_KEY_FILE={file!r} can't be read: {error}") from error
            if not key:
                raise SettingsError(f"{prefix}_KEY_FILE={file!r} is empty")
        if len(key) > _LONGEST_KEY or not key.isascii() or not key.isprintable() or " " in key:
            raise SettingsError(f"{prefix}_KEY has characters that no key has: is it really the key?")
        return key

    def whisper(self, language: str) -> WhisperSettings:
        return WhisperSettings(
            model=self.text(f"{STT}_MODEL", "base"),
            device=self.choice(f"{STT}_DEVICE", ("auto", "cpu", "cuda")),
            compute_type=self.text(f"{STT}_COMPUTE", "default"),
            language=language,
        )

    def preamble(self) -> str:
        preamble = self.text(f"{LLM}_PREAMBLE", PREAMBLE)
        return "" if preamble == "none" else preamble

    def extra(self) -> Mapping[str, Any]:
        name = f"{LLM}_EXTRA"
        text = self.text(name, "{}")
        try:
            extra = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise SettingsError(f'{name} must be a JSON object, such as {{"temperature": 0.6}}: {error}') from error
        if not isinstance(extra, dict):
            raise SettingsError(f'{name} must be a JSON object, such as {{"temperature": 0.6}}')
        return extra

    def speech_manner(self) -> SpeechSettings:
        return SpeechSettings(
            voice=self.text(f"{TTS}_VOICE"),
            form=self.choice(f"{TTS}_FORMAT", ("pcm", "wav")),
            rate_hz=round(self.number(f"{TTS}_RATE_HZ", RATE_HZ, 8_000, 96_000)),
        )

    def piper(self) -> PiperSettings:
        model, speaker = self.text(f"{TTS}_MODEL"), self.text(f"{TTS}_VOICE")
        if not model:
            raise SettingsError(f"{TTS}=piper needs {TTS}_MODEL: the .onnx file of a Piper voice")
        if speaker and not (speaker.isdecimal() and len(speaker) < 6):
            raise SettingsError(f"{TTS}_VOICE={speaker!r} must be the number of a speaker in the Piper voice, or unset")
        return PiperSettings(model, int(speaker) if speaker else None)
