"""Settings from the environment, read once at start, with errors that name the variable."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from services.common.errors import SettingsFault
from services.common.redis_settings import redis_url

KEPT_S: Final = 24 * 3600
"""How long what Redis holds of a session outlives it, where nobody says otherwise."""

LAST_PORT: Final = 65_535

LONGEST_S: Final = 10 * 365 * 24 * 3600


@dataclass(frozen=True)
class Environment:
    """Reads typed values out of the environment. Raises SettingsFault naming the variable and what it takes."""

    values: Mapping[str, str]

    @classmethod
    def here(cls) -> Environment:
        """Return this process's environment."""
        return cls(os.environ)

    def text(self, name: str, default: str = "") -> str:
        """Return a string; an empty one counts as unset."""
        return self.values.get(name) or default

    def secret(self, name: str) -> str:
        """Return what must not be shown: the variable's value, or what the file holds that NAME_FILE names."""
        path = self.text(f"{name}_FILE")
        if not path:
            return self.text(name)
        if self.text(name):
            raise SettingsFault(f"{name} and {name}_FILE are both set; set one of them.")
        try:
            secret = Path(path).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", "") or "it is no text"
            raise SettingsFault(f"{name}_FILE={path!r} can't be read: {why}.") from error
        if not secret:
            raise SettingsFault(f"{name}_FILE={path!r} is empty.")
        return secret

    def number(self, name: str, default: float, low: float, high: float) -> float:
        """Return a number between `low` and `high`."""
        text = self.text(name)
        try:
            value = float(text) if text else default
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise SettingsFault(f"{name}={text!r} must be a number from {low:g} to {high:g} (default {default:g}).")
        return value

    def address(self, name: str, default: str) -> str:
        """Return a host:port."""
        text = self.text(name, default)
        host, _, port = text.rpartition(":")
        if not host or not port.isdigit():
            raise SettingsFault(f"{name}={text!r} must be host:port, such as {default}.")
        return text

    def side_door(self, name: str, example: str) -> str:
        """Return where a door beside the service's own is to be, as host:port; "" for nowhere.

        A port alone is one of the loopback, 0 any free one.
        """
        text = self.text(name).strip()
        if not text:
            return ""
        host = example.rpartition(":")[0]
        address = Environment({name: f"{host}:{text}" if text.isdigit() else text}).address(name, example)
        if int(address.rpartition(":")[2]) > LAST_PORT:
            raise SettingsFault(f"{name}={text!r} must have a port from 0 to {LAST_PORT}, such as {example}.")
        return address

    def addresses(self, name: str, default: str) -> tuple[str, ...]:
        """Return a comma-separated list of host:port."""
        parts = [part.strip() for part in self.text(name, default).split(",") if part.strip()]
        if not parts:
            raise SettingsFault(f"{name}={self.text(name)!r} must be host:port, or several with commas between.")
        return tuple(Environment({name: part}).address(name, default) for part in parts)


@dataclass(frozen=True)
class CommonSettings:
    """What every stage of the ring needs."""

    listen: str
    redis_url: str = field(repr=False)
    """It may hold a password."""
    history_s: int = KEPT_S
    """How long a session's history outlives it; 0: not at all."""

    @classmethod
    def read(cls, env: Environment, default_port: int) -> CommonSettings:
        """Read PARLEY_LISTEN (host:port; port 0 picks a free one), PARLEY_HISTORY_TTL_S, and where Redis is."""
        return cls(
            listen=env.address("PARLEY_LISTEN", f"127.0.0.1:{default_port}"),
            redis_url=redis_url(env),
            history_s=math.ceil(env.number("PARLEY_HISTORY_TTL_S", KEPT_S, 0, LONGEST_S)),
        )
