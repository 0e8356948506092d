"""What the broker needs to know, above all which model it speaks to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from services.common.errors import SettingsFault
from services.common.settings import CommonSettings, Environment

DEFAULT_PORT: Final = 7702
OPENAI_URL: Final = "wss://api.openai.com/v1/realtime"
ENGINE_URL: Final = "ws://127.0.0.1:8765/v1/realtime"
INSTRUCTIONS: Final = (
    "You are a friendly voice assistant. Speak naturally and briefly, in the language of the person. "
    "When you are cut off, don't start over: listen, and answer what the person says now."
)


@dataclass(frozen=True)
class ModelSettings:
    """Where the model is and how to speak to it."""

    url: str
    model: str
    key: str = field(repr=False)
    voice: str
    instructions: str
    transcription_model: str
    aligned: bool
    """True when the server sends each word of the transcript just as its audio begins (our engine does)."""

    @classmethod
    def read(cls, env: Environment) -> ModelSettings:
        """Read PARLEY_MODEL_URL, PARLEY_MODEL, OPENAI_API_KEY, PARLEY_VOICE, PARLEY_INSTRUCTIONS and the rest.

        With a key and no URL the model is OpenAI's; with neither it is our engine on this machine.

        Raises:
            SettingsFault: the URL is not ws:// or wss://, or a key would travel unencrypted to another machine.
        """
        key = env.text("OPENAI_API_KEY")
        url = env.text("PARLEY_MODEL_URL", OPENAI_URL if key else ENGINE_URL)
        parts = urlsplit(url)
        local = parts.hostname in ("127.0.0.1", "localhost", "::1")
        if parts.scheme not in ("ws", "wss") or not parts.hostname:
            raise SettingsFault(f"PARLEY_MODEL_URL={url!r} must begin with ws:// or wss:// and name a host.")
        if key and parts.scheme == "ws" and not local:
            raise SettingsFault(f"PARLEY_MODEL_URL={url!r} would send the key unencrypted: use wss://.")
        timing = env.text("PARLEY_TRANSCRIPT_TIMING", "ahead" if parts.scheme == "wss" else "aligned")
        if timing not in ("aligned", "ahead"):
            raise SettingsFault(f"PARLEY_TRANSCRIPT_TIMING={timing!r} must be 'aligned' or 'ahead'.")
        return cls(
            url=url,
            model=env.text("PARLEY_MODEL", "gpt-realtime-2.1"),
            key=key,
            voice=env.text("PARLEY_VOICE", "marin"),
            instructions=env.text("PARLEY_INSTRUCTIONS", INSTRUCTIONS),
            transcription_model=env.text("PARLEY_TRANSCRIPTION_MODEL", "gpt-transcribe"),
            aligned=timing == "aligned",
        )

    @property
    def full_url(self) -> str:
        """The URL with the model in its query, unless it names one itself."""
        parts = urlsplit(self.url)
        query = dict(parse_qsl(parts.query))
        query.setdefault("model", self.model)
        return urlunsplit(parts._replace(query=urlencode(query)))

    def session(self) -> dict[str, Any]:
        """Return the session object: manual turns, PCM at 24 kHz both ways, transcription on. GA shape."""
        pcm = {"type": "audio/pcm", "rate": 24_000}
        return {
            "type": "realtime",
            "instructions": self.instructions,
            "output_modalities": ["audio"],
            "audio": {
                "input": {
                    "format": pcm,
                    "turn_detection": None,
                    "noise_reduction": None,
                    "transcription": {"model": self.transcription_model},
                },
                "output": {"format": pcm, "voice": self.voice},
            },
        }


@dataclass(frozen=True)
class BrokerSettings:
    """PARLEY_LISTEN, PARLEY_REDIS_URL and the model."""

    common: CommonSettings
    model: ModelSettings

    @classmethod
    def read(cls, env: Environment) -> BrokerSettings:
        """Read everything from the environment."""
        return cls(common=CommonSettings.read(env, DEFAULT_PORT), model=ModelSettings.read(env))
