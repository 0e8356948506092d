"""The engine's settings: read from the environment once at start, with errors that name the variable."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from services.engine.hosts import is_loopback
from services.engine.part_settings import PartSettings, SettingsError

__all__ = ["Settings", "SettingsError", "is_loopback"]


@dataclass(frozen=True, slots=True)
class Settings:
    """Where to listen, how fast to speak (times real time), the key a client must show, if any, and the parts.

    `sessions` is how many there may be at once. An ingress takes 100 people unless told otherwise, each of whom may
    have a second session for captions, and for a moment a third that takes the first one's place.
    """

    host: str = "127.0.0.1"
    port: int = 8765
    pace: float = 8.0
    key: str = ""
    decoders: int = 2
    sessions: int = 256
    parts: PartSettings = field(default_factory=PartSettings)

    @classmethod
    def read(cls, values: Mapping[str, str] = os.environ) -> Settings:
        """Take them from the environment. Raises SettingsError."""
        try:
            return cls(
                host=values.get("PARLEY_ENGINE_HOST", "127.0.0.1"),
                port=int(values.get("PARLEY_ENGINE_PORT", "8765")),
                pace=float(values.get("PARLEY_ENGINE_SPEED", "8")),
                key=_key(values),
                decoders=int(values.get("PARLEY_ENGINE_DECODERS", "2")),
                sessions=int(values.get("PARLEY_ENGINE_SESSIONS", "256")),
                parts=PartSettings.read(values),
            )
        except ValueError as error:
            message = f"PARLEY_ENGINE_PORT, _SPEED, _DECODERS and _SESSIONS must be numbers: {error}"
            raise SettingsError(message) from error

    def check(self) -> None:
        """Raises SettingsError for what cannot work or must not be."""
        if not 0 <= self.port <= 65535:
            raise SettingsError(f"PARLEY_ENGINE_PORT must be from 0 to 65535, not {self.port}")
        if not 0.1 <= self.pace <= 1000:
            raise SettingsError(f"PARLEY_ENGINE_SPEED must be from 0.1 to 1000, not {self.pace:g}")
        if not 1 <= self.decoders <= 64:
            raise SettingsError(f"PARLEY_ENGINE_DECODERS must be from 1 to 64, not {self.decoders}")
        if not 1 <= self.sessions <= 100_000:
            raise SettingsError(f"PARLEY_ENGINE_SESSIONS must be from 1 to 100000, not {self.sessions}")
        if not all("!" <= character <= "~" for character in self.key):
            raise SettingsError(
                "PARLEY_ENGINE_KEY must be printable ASCII without spaces: nothing else can be shown in a header; "
                "`openssl rand -hex 16` makes one"
            )
        if not self.key and not is_loopback(self.host):
            raise SettingsError(
                f"PARLEY_ENGINE_HOST={self.host} can be reached from other machines: set PARLEY_ENGINE_KEY to "
                "the key that clients must show, or listen on 127.0.0.1"
            )


def _key(values: Mapping[str, str]) -> str:
    """Return PARLEY_ENGINE_KEY, or what the file holds that PARLEY_ENGINE_KEY_FILE names."""
    key, file = values.get("PARLEY_ENGINE_KEY", ""), values.get("PARLEY_ENGINE_KEY_FILE", "")
    if key or not file:
        return key
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"PARLEY_ENGINE_KEY_FILE={file!r} can't be read: {type(error).__name__}") from error
