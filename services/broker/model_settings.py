"""Model settings: which model is spoken to, where it is, and how its session is set up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from services.broker.detection import Detection
from services.broker.servers.profile import OFF, Servers
from services.broker.servers.server import Auth, Server, all_reachable, all_shown
from services.broker.upstream.capabilities import Capabilities
from services.common.errors import SettingsFault
from services.common.settings import Environment

OPENAI_URL: Final = "wss://api.openai.com/v1/realtime"
ENGINE_URL: Final = "ws://127.0.0.1:8765/v1/realtime"
INSTRUCTIONS: Final = (
    "You are a friendly voice assistant. Speak naturally and briefly, in the language of the person. "
    "When you are cut off, don't start over: listen, and answer what the person says now."
)
MODEL: Final = "gpt-realtime-2.1"
VOICE: Final = "marin"
TRANSCRIPTION: Final = "gpt-transcribe"
CONNECT_S: Final = 8.0
SHORT_CONNECT_S: Final = 3.0
"""Where there are other addresses, one has so long, or its share if that is more."""
ANSWER_S: Final = 10.0
_SEVERAL_LANGUAGES: Final = frozenset({"gpt-transcribe", "gpt-live-transcribe"})
"""Transcribers that take a list of languages; the others take one, or find out by themselves."""


@dataclass(frozen=True)
class ModelSettings:
    """Where a model is and how to speak to it. The defaults that matter are those of `read`."""

    server: Server
    model: str
    voice: str
    instructions: str
    transcription_model: str
    """What writes down the person's words; "" for nothing."""
    detection: Detection = field(default_factory=Detection)
    languages: tuple[str, ...] = ()
    """What the person may speak (ISO 639-1), a hint for the transcription."""
    noise_reduction: str = ""
    """near_field or far_field; "" for none: it would stand before the model's ear, not before ours."""
    speed: float = 1.0
    reasoning: str = ""
    """minimal to xhigh; "" leaves it to the model."""
    max_output_tokens: int = 0
    """Of one response; 0 sets no limit."""
    truncation: str | Mapping[str, Any] = ""
    """What happens to the oldest when the context is full, as the model is told; "" leaves it to the server."""
    tools: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    """As the model is told of them; a remote one may hold a token."""
    transcribes_only: bool = False
    """No conversation: a session that writes down what it hears."""
    connect_s: float = CONNECT_S
    """From the first packet to the model's word that the session has begun. Ingress waits 12 s for the whole ring."""
    answer_s: float = ANSWER_S
    """How long the model has to take up a request for a response, or refuse it; after that it is lost."""
    speculate: bool = True
    """Ask the model for its answer when a turn has probably ended; where the person goes on, it was asked in vain."""

    @classmethod
    def read(cls, env: Environment, servers: Servers | None = None) -> ModelSettings:
        """Read what the environment says of the model, PARLEY_MODEL_SERVER and all other variables.

        Raises:
            SettingsFault: the URL is not ws:// or wss://, a key would travel unencrypted to another machine, or a
                number is none.
        """
        server = _timed(env, _chosen(env, servers or Servers(env)))
        speculate = env.text("PARLEY_SPECULATE", "on")
        if speculate not in ("on", "off"):
            raise SettingsFault(f"PARLEY_SPECULATE={speculate!r} must be 'on' or 'off'.")
        said = TRANSCRIPTION if server.transcription_model is None else server.transcription_model
        transcription = env.text("PARLEY_TRANSCRIPTION_MODEL", said)
        return cls(
            server=server,
            model=env.text("PARLEY_MODEL", server.model or MODEL),
            voice=env.text("PARLEY_VOICE", server.voice or VOICE),
            instructions=env.text("PARLEY_INSTRUCTIONS", INSTRUCTIONS),
            transcription_model="" if transcription == OFF else transcription,
            connect_s=env.number("PARLEY_MODEL_CONNECT_S", CONNECT_S, 0.1, CONNECT_S),
            answer_s=env.number("PARLEY_MODEL_ANSWER_S", ANSWER_S, 0.1, 60),
            speculate=speculate == "on",
        )

    def at(self, server: Server) -> ModelSettings:
        """Return the same at another server, with that one's model, voice and transcription."""
        said = server.transcription_model
        return replace(
            self,
            server=server,
            model=server.model or self.model,
            voice=server.voice or self.voice,
            transcription_model=self.transcription_model if said is None else said,
        )

    def at_address(self, url: str) -> ModelSettings:
        """Return the same at one of its server's addresses. Where there are others it is waited for less long."""
        others = len(self.server.addresses) - 1
        connect_s = min(self.connect_s, max(self.connect_s / (others + 1), SHORT_CONNECT_S))
        return replace(self, server=replace(self.server, url=url, others=()), connect_s=connect_s)

    @property
    def url(self) -> str:
        """Where the server is, as it was given. It may hold a key: show `place` instead."""
        return self.server.url

    @property
    def key(self) -> str:
        """The server's key; "" for none."""
        return self.server.key

    @property
    def place(self) -> str:
        """The URL as it may be shown."""
        return self.server.place

    @property
    def is_local(self) -> bool:
        """True when the model runs on this machine: no proxy stands between."""
        return self.server.is_local

    @property
    def capabilities(self) -> Capabilities:
        """What the core may rely on: what the server can do, as far as it is asked to."""
        told = self.server.capabilities
        return replace(told, transcribes=told.transcribes and bool(self.transcription_model))

    @property
    def aligned(self) -> bool:
        """True when the server sends each word of the transcript just as its audio begins (our engine does)."""
        return self.server.capabilities.aligned

    @property
    def full_url(self) -> str:
        """The URL to dial: with the model in its query, unless it names one itself; it may hold a key."""
        if self.transcribes_only:
            return self.server.dialled(intent="transcription")
        parameter = self.server.model_parameter
        return self.server.dialled(**({parameter: self.model} if parameter else {}))

    def session(self) -> dict[str, Any]:
        """Return the session object, everything in it explicit that matters. GA shape."""
        if self.transcribes_only:
            return self.transcription_session()
        output = {"format": _pcm(self.capabilities.output_hz), "voice": self.voice}
        session: dict[str, Any] = {
            "type": "realtime",
            "instructions": self.instructions,
            "output_modalities": ["audio"],
            "audio": {
                "input": self._input(self.detection),
                "output": output if self.speed == 1 else {**output, "speed": self.speed},
            },
        }
        if self.tools:
            session |= {"tools": [dict(tool) for tool in self.tools], "tool_choice": "auto"}
        if self.reasoning:
            session["reasoning"] = {"effort": self.reasoning}
        if self.max_output_tokens:
            session["max_output_tokens"] = self.max_output_tokens
        if self.truncation:
            session["truncation"] = self.truncation
        return session

    def transcription_session(self) -> dict[str, Any]:
        """Return the session object of one that only writes down: where a turn ends, our commit says. GA shape."""
        return {"type": "transcription", "audio": {"input": self._input(Detection())}}

    def _input(self, detection: Detection) -> dict[str, Any]:
        return {
            "format": _pcm(self.capabilities.input_hz),
            "turn_detection": detection.told(),
            "noise_reduction": {"type": self.noise_reduction} if self.noise_reduction else None,
            "transcription": self._transcription() if self.transcription_model else None,
        }

    def _transcription(self) -> dict[str, Any]:
        if len(self.languages) == 1:
            return {"model": self.transcription_model, "language": self.languages[0]}
        if self.languages and self.transcription_model in _SEVERAL_LANGUAGES:
            return {"model": self.transcription_model, "languages": list(self.languages)}
        return {"model": self.transcription_model}


def _pcm(hz: int) -> dict[str, Any]:
    return {"type": "audio/pcm", "rate": hz}


def _chosen(env: Environment, servers: Servers) -> Server:
    """Return the server that the environment chooses.

    PARLEY_MODEL_SERVER names a profile, PARLEY_MODEL_URL where that is, or by itself a server of which no more is
    known; else it is OpenAI's where there is a key, and our own engine where there is none.
    """
    url, name = env.text("PARLEY_MODEL_URL").strip(), env.text("PARLEY_MODEL_SERVER").strip()
    key = env.secret("OPENAI_API_KEY")
    if url and not name:
        if key and not (key.isascii() and key.isprintable()):
            raise SettingsFault("OPENAI_API_KEY holds characters that no key has; copy it again.")
        first, *others = all_reachable(
            url, lambda what: SettingsFault(f"PARLEY_MODEL_URL={all_shown(url)!r} {what}"), has_key=bool(key)
        )
        unaligned = Capabilities(aligned=first.startswith("ws:"))
        return Server(first, tuple(others), key=key, auth=Auth.BEARER if key else Auth.NONE, capabilities=unaligned)
    if name and name not in servers.names():
        raise SettingsFault(f"PARLEY_MODEL_SERVER={name!r} is none of the servers: {', '.join(servers.names())}.")
    return servers.find(name or ("openai" if key else "engine"), url=url)


def _timed(env: Environment, server: Server) -> Server:
    if not (timing := env.text("PARLEY_TRANSCRIPT_TIMING")):
        return server
    if timing not in ("aligned", "ahead"):
        raise SettingsFault(f"PARLEY_TRANSCRIPT_TIMING={timing!r} must be 'aligned' or 'ahead'.")
    return replace(server, capabilities=replace(server.capabilities, aligned=timing == "aligned"))
