"""What the broker needs to know, above all which model it speaks to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

from services.common.errors import SettingsFault
from services.common.settings import CommonSettings, Environment

DEFAULT_PORT: Final = 7702
OPENAI_URL: Final = "wss://api.openai.com/v1/realtime"
ENGINE_URL: Final = "ws://127.0.0.1:8765/v1/realtime"
INSTRUCTIONS: Final = (
    "You are a friendly voice assistant. Speak naturally and briefly, in the language of the person. "
    "When you are cut off, don't start over: listen, and answer what the person says now."
)
CONNECT_S: Final = 8.0
ANSWER_S: Final = 10.0
_LOCAL: Final = frozenset({"127.0.0.1", "localhost", "::1"})


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
    connect_s: float = CONNECT_S
    """From the first packet to the model's word that the session has begun. Ingress waits 12 s for the whole ring."""
    answer_s: float = ANSWER_S
    """How long the model has to take up a request for a response, or refuse it; after that it is lost."""
    speculate: bool = True
    """Ask the model for its answer when a turn has probably ended; where the person goes on, it was asked in vain."""

    @classmethod
    def read(cls, env: Environment) -> ModelSettings:
        """Read PARLEY_MODEL_URL, PARLEY_MODEL, OPENAI_API_KEY, PARLEY_VOICE, PARLEY_INSTRUCTIONS and the rest.

        With a key and no URL the model is OpenAI's; with neither it is our engine on this machine.

        Raises:
            SettingsFault: the URL is not ws:// or wss://, a key would travel unencrypted to another machine, or a
                number is none.
        """
        key = env.text("OPENAI_API_KEY").strip()
        url = env.text("PARLEY_MODEL_URL", OPENAI_URL if key else ENGINE_URL).strip()
        parts = _checked(url)
        if key and not (key.isascii() and key.isprintable()):
            raise SettingsFault("OPENAI_API_KEY holds characters that no key has; copy it again.")
        if key and parts.scheme == "ws" and parts.hostname not in _LOCAL:
            raise SettingsFault(f"PARLEY_MODEL_URL={url!r} would send the key unencrypted: use wss://.")
        timing = env.text("PARLEY_TRANSCRIPT_TIMING", "ahead" if parts.scheme == "wss" else "aligned")
        if timing not in ("aligned", "ahead"):
            raise SettingsFault(f"PARLEY_TRANSCRIPT_TIMING={timing!r} must be 'aligned' or 'ahead'.")
        speculate = env.text("PARLEY_SPECULATE", "on")
        if speculate not in ("on", "off"):
            raise SettingsFault(f"PARLEY_SPECULATE={speculate!r} must be 'on' or 'off'.")
        return cls(
            url=url,
            model=env.text("PARLEY_MODEL", "gpt-realtime-2.1"),
            key=key,
            voice=env.text("PARLEY_VOICE", "marin"),
            instructions=env.text("PARLEY_INSTRUCTIONS", INSTRUCTIONS),
            transcription_model=env.text("PARLEY_TRANSCRIPTION_MODEL", "gpt-transcribe"),
            aligned=timing == "aligned",
            connect_s=env.number("PARLEY_MODEL_CONNECT_S", CONNECT_S, 0.1, CONNECT_S),
            answer_s=env.number("PARLEY_MODEL_ANSWER_S", ANSWER_S, 0.1, 60),
            speculate=speculate == "on",
        )

    @property
    def place(self) -> str:
        """The URL as it may be shown: without user, password and query, where some servers take their keys."""
        parts = urlsplit(self.url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))

    @property
    def is_local(self) -> bool:
        """True when the model runs on this machine: no proxy stands between."""
        return urlsplit(self.url).hostname in _LOCAL

    @property
    def full_url(self) -> str:
        """The URL with the model in its query, unless it names one itself."""
        parts = urlsplit(self.url)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
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


def _checked(url: str) -> SplitResult:
    """Split the model's URL. Raises SettingsFault when nothing can be reached by it."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("ws", "wss") and bool(parts.hostname) and parts.port != 0 and not parts.fragment
    except ValueError:  # a port that is no number, a bracket that isn't closed
        usable = False
    if not usable:
        raise SettingsFault(
            f"PARLEY_MODEL_URL={url!r} must be like {ENGINE_URL} or {OPENAI_URL}: ws:// or wss://, a host."
        )
    return parts


@dataclass(frozen=True)
class BrokerSettings:
    """PARLEY_LISTEN, PARLEY_REDIS_URL and the model."""

    common: CommonSettings
    model: ModelSettings

    @classmethod
    def read(cls, env: Environment) -> BrokerSettings:
        """Read everything from the environment."""
        return cls(common=CommonSettings.read(env, DEFAULT_PORT), model=ModelSettings.read(env))
