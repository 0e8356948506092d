"""Keys: the secrets that tokens are signed with, a JSON object on each line of a file."""

from __future__ import annotations

import base64
import binascii
import json
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from services.common.errors import SettingsFault

SECRET_BYTES: Final = 32
"""HS256 takes no more out of a longer one, and one of so many random bytes is guessed by nobody."""
LONGEST_SECRET_BYTES: Final = 256
MOST_KEYS: Final = 1_000

SIGNS: Final = "signs"
"""Tokens are made with it; the first such line of the file is used."""
CHECKS: Final = "checks"
"""Tokens made with it are still taken."""
REVOKED: Final = "revoked"
"""Nothing signed with it is taken any more, as if the line were not there."""

NAME: Final = re.compile(r"[0-9A-Za-z._@-]{1,64}")
"""Ids of keys and tokens, names of holders and agents: they stand in logs, and in Redis' keys."""
EVERY_AGENT: Final = "*"

_STATES: Final = (SIGNS, CHECKS, REVOKED)
_FIELDS: Final = frozenset({"id", "secret", "state", "agents", "max_sessions", "minutes_per_day"})
_MAKE_ONE: Final = "`make token ARGS=--new-key` makes one"


@dataclass(frozen=True)
class SigningKey:
    """One line. What it says of agents, sessions and minutes bounds all tokens that are signed with it, together."""

    id: str
    secret: bytes = field(repr=False)
    state: str = SIGNS
    agents: frozenset[str] = frozenset({EVERY_AGENT})
    max_sessions: int = 0
    """At a time; 0: no limit."""
    minutes_per_day: int = 0
    """0: no limit."""

    def __str__(self) -> str:
        """Return its line, the secret included."""
        line: dict[str, Any] = {"id": self.id, "secret": _text(self.secret), "state": self.state}
        if EVERY_AGENT not in self.agents:
            line["agents"] = sorted(self.agents)
        line |= {name: n for name in ("max_sessions", "minutes_per_day") if (n := getattr(self, name))}
        return json.dumps(line)


class Keys:
    """A file's keys. Revoked ones are as good as none."""

    def __init__(self, keys: Mapping[str, SigningKey]) -> None:
        self._keys = {name: key for name, key in keys.items() if key.state != REVOKED}

    @classmethod
    def read(cls, text: str, where: str) -> Keys:
        """Read a file's text; `where` names it in errors. Raises SettingsFault, which quotes no secret."""
        keys: dict[str, SigningKey] = {}
        for number, line in _lines(text):
            key = _key(line, f"{where}, line {number}")
            if key.id in keys:
                raise SettingsFault(f"{where}, line {number}: there is another key {key.id!r}; give each its own id.")
            keys[key.id] = key
        if len(keys) > MOST_KEYS:
            raise SettingsFault(f"{where}: {len(keys)} keys are more than {MOST_KEYS}.")
        if not any(key.state != REVOKED for key in keys.values()):
            raise SettingsFault(f"{where}: there is no key in it that is not revoked; {_MAKE_ONE}.")
        return cls(keys)

    def find(self, name: str) -> SigningKey | None:
        """Return a key by its id."""
        return self._keys.get(name)

    def signing(self) -> SigningKey:
        """Return the one that new tokens are signed with. Raises SettingsFault."""
        for key in self._keys.values():
            if key.state == SIGNS:
                return key
        raise SettingsFault(f'no key has the state "{SIGNS}"; {_MAKE_ONE}.')


def new_key(now_s: float | None = None) -> SigningKey:
    """Make a key: its id tells the day, its secret is random."""
    day = time.strftime("%Y%m%d", time.gmtime(now_s))
    return SigningKey(f"{day}-{secrets.token_hex(3)}", secrets.token_bytes(SECRET_BYTES))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        if (stripped := line.strip()) and not stripped.startswith("#"):
            yield number, stripped


def _key(line: str, where: str) -> SigningKey:
    try:
        read = json.loads(line)
    except (ValueError, RecursionError):
        read = None  # the parser's account would quote the line, and the line holds a secret
    if not isinstance(read, dict):
        raise SettingsFault(f'{where}: it is no JSON object, such as {{"id": …, "secret": …}}; {_MAKE_ONE}.')
    if unknown := read.keys() - _FIELDS:
        raise SettingsFault(f"{where}: unknown {', '.join(sorted(unknown))}; there are {', '.join(sorted(_FIELDS))}.")
    name, state, agents = read.get("id"), read.get("state", SIGNS), read.get("agents", [EVERY_AGENT])
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise SettingsFault(f"{where}: `id` must be 1 to 64 letters, digits and any of . _ @ -")
    if state not in _STATES:
        raise SettingsFault(f"{where}: `state` must be one of {', '.join(_STATES)}.")
    if not isinstance(agents, list) or not agents or not all(map(_is_agent, agents)):
        raise SettingsFault(f'{where}: `agents` must be a list of agents\' names, or ["*"].')
    limits = {field: _limit(read, field, where) for field in ("max_sessions", "minutes_per_day")}
    return SigningKey(name, _secret(read.get("secret"), where), state, frozenset(agents), **limits)


def _is_agent(name: object) -> bool:
    return isinstance(name, str) and (name == EVERY_AGENT or NAME.fullmatch(name) is not None)


def _limit(read: Mapping[str, Any], name: str, where: str) -> int:
    value = read.get(name, 0)
    if type(value) is not int or not 0 <= value <= 1_000_000:
        raise SettingsFault(f"{where}: `{name}` must be a whole number from 0 (no limit) to 1000000.")
    return value


def _secret(text: object, where: str) -> bytes:
    try:
        secret = base64.b64decode(str(text) + "=" * (-len(str(text)) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if not SECRET_BYTES <= len(secret) <= LONGEST_SECRET_BYTES:
        raise SettingsFault(
            f"{where}: `secret` must be {SECRET_BYTES} to {LONGEST_SECRET_BYTES} random bytes, base64url; {_MAKE_ONE}."
        )
    return secret


def _text(secret: bytes) -> str:
    return base64.urlsafe_b64encode(secret).rstrip(b"=").decode()
