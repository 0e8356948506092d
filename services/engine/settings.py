"""The engine's settings: read from the environment once at start, with errors that name the variable."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass


class SettingsError(Exception):
    """A setting is wrong; the message says which and what to do."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Where to listen, how fast to speak (times real time), and the key a client must show, if any."""

    host: str = "127.0.0.1"
    port: int = 8765
    pace: float = 8.0
    key: str = ""
    decoders: int = 2

    def check(self) -> None:
        """Raises SettingsError for what cannot work or must not be."""
        if not 0 <= self.port <= 65535:
            raise SettingsError(f"PARLEY_ENGINE_PORT must be from 0 to 65535, not {self.port}")
        if not 0.1 <= self.pace <= 1000:
            raise SettingsError(f"PARLEY_ENGINE_SPEED must be from 0.1 to 1000, not {self.pace:g}")
        if not 1 <= self.decoders <= 64:
            raise SettingsError(f"PARLEY_ENGINE_DECODERS must be from 1 to 64, not {self.decoders}")
        if not self.key and not is_loopback(self.host):
            raise SettingsError(
                f"PARLEY_ENGINE_HOST={self.host} can be reached from other machines: set PARLEY_ENGINE_KEY to "
                "the key that clients must show, or listen on 127.0.0.1"
            )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
