"""Grant: what a token says: whose it is, what it allows, and until when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from parley.v1 import audio_pb2 as audio
from services.common.errors import FormatFault, Unauthenticated
from services.ingress.limits import Limits
from services.ingress.locks.keys import EVERY_AGENT, NAME, SigningKey

DEFAULT_AGENT: Final = "default"
LONGEST_TOKEN_S: Final = 24 * 3600
"""A token that lives longer is none; what has to, is a device key."""
LONGEST_DEVICE_S: Final = 10 * 366 * 24 * 3600
MOST_AGENTS: Final = 32

TOKEN: Final = "token"
DEVICE: Final = "device"

FORMATS: Final = frozenset({"pcm16", "mulaw", "alaw", "opus"})
"""Encodings by their names in claims: ENCODING_OPUS is `opus`. One that is not said, in `open`, is PCM16."""

_LIMITS: Final = {
    "max_session_s": 86_400,
    "max_sessions": 10_000,
    "minutes_per_day": 1_000_000,
    "max_messages_per_s": 10_000,
}


class BadToken(Unauthenticated):
    """A token that is not good here. `why` names it for the counters `token_<why>`."""

    def __init__(self, why: str, message: str) -> None:
        super().__init__(message)
        self.why = why


MISSING: Final = "this server takes no call without a token: ask whoever runs it for one, and send it in `open`."
WRONG: Final = "the token is not valid here: get a new one from whoever runs this server."


@dataclass(frozen=True)
class Account:
    """What is counted together, and how much it may be; 0: no limit."""

    name: str
    max_sessions: int = 0
    minutes_per_day: int = 0

    @property
    def is_limited(self) -> bool:
        """Whether there is anything to be counted."""
        return bool(self.max_sessions or self.minutes_per_day)


@dataclass(frozen=True)
class Grant:
    """What a caller may do. The one without an id is everybody's, where there are no locks."""

    id: str = ""
    holder: str = ""
    """Whose it is: a device, or whom an application makes tokens for."""
    kind: str = TOKEN
    agents: frozenset[str] = frozenset({EVERY_AGENT})
    session: str = ""
    """The one session that may be resumed with it; empty: any of the holder's, and new ones."""
    formats: frozenset[str] = frozenset()
    """The encodings that its sessions may use, either way; empty: all. Opus and other rates cost processor time."""
    issued_s: int = 0
    expires_s: int = 0
    max_session_s: int = 0
    max_sessions: int = 0
    minutes_per_day: int = 0
    max_messages_per_s: int = 0
    """All four: 0 leaves it at what holds for everybody."""
    key: SigningKey | None = None

    def claims(self, audience: str) -> dict[str, Any]:
        """Return the claims that say so."""
        said: dict[str, Any] = {"jti": self.id, "sub": self.holder, "aud": audience, "kind": self.kind}
        said |= {"agents": sorted(self.agents), "iat": self.issued_s, "exp": self.expires_s}
        if self.session:
            said["sid"] = self.session
        if self.formats:
            said["formats"] = sorted(self.formats)
        return said | {name: value for name in _LIMITS if (value := getattr(self, name))}

    @classmethod
    def of(cls, said: Mapping[str, Any], key: SigningKey) -> Grant:
        """Read the claims of a token whose signature is good. Raises BadToken for what `claims` never says."""
        agents = said.get("agents")
        if not isinstance(agents, list) or not 0 < len(agents) <= MOST_AGENTS:
            raise BadToken("wrong", WRONG)
        names = [said.get("jti"), said.get("sub"), *(name for name in agents if name != EVERY_AGENT)]
        if not all(isinstance(name, str) and NAME.fullmatch(name) for name in names):
            raise BadToken("wrong", WRONG)
        kind, session = said.get("kind"), said.get("sid", "")
        if kind not in (TOKEN, DEVICE) or not isinstance(session, str):
            raise BadToken("wrong", WRONG)
        if "formats" in said and not _are_formats(said["formats"]):
            raise BadToken("wrong", WRONG)
        issued_s, expires_s = (_number(said, name, 1 << 40) for name in ("iat", "exp"))
        if not 0 < expires_s - issued_s <= (LONGEST_DEVICE_S if kind == DEVICE else LONGEST_TOKEN_S):
            raise BadToken("wrong", WRONG)
        limits = {name: _number(said, name, most) for name, most in _LIMITS.items()}
        for_whom, how = frozenset(agents), frozenset(said.get("formats", ()))
        return cls(said["jti"], said["sub"], kind, for_whom, session, how, issued_s, expires_s, key=key, **limits)

    @property
    def names(self) -> tuple[str, ...]:
        """What may be revoked: itself, or all that its holder has."""
        return (self.id, self.holder) if self.id else ()

    @property
    def accounts(self) -> tuple[Account, ...]:
        """What its sessions and minutes are counted for: its holder, and all tokens of its key."""
        if self.key is None:
            return ()
        both = (
            Account(f"{self.key.id}/{self.holder}", self.max_sessions, self.minutes_per_day),
            Account(self.key.id, self.key.max_sessions, self.key.minutes_per_day),
        )
        return tuple(account for account in both if account.is_limited)

    def check_agent(self, agent: str) -> None:
        """Raise BadToken when it is not for this agent; "" is the default one."""
        wanted = {agent or DEFAULT_AGENT, EVERY_AGENT}
        bounds = (self.agents, self.key.agents if self.key else self.agents)
        if not all(wanted & allowed for allowed in bounds):
            raise BadToken(
                "other", f"the token does not allow the agent {agent or DEFAULT_AGENT!r}: get one that does."
            )

    def check_formats(self, *chosen: audio.AudioFormat) -> None:
        """Raise FormatFault when it does not allow an encoding: another one may do."""
        for each in chosen:
            number = each.encoding or audio.AudioFormat.ENCODING_PCM16
            name = _ENCODINGS.get(number, "")
            if self.formats and name not in self.formats:
                allowed = ", ".join(sorted(self.formats))
                raise FormatFault(f"the token allows audio as {allowed}, not as {name or number}: choose one of these.")

    def check_session(self, resume: str) -> None:
        """Raise BadToken when it is for one session, and that is not the one to be resumed; "" begins a new one."""
        if self.session and resume.partition(".")[0] != self.session:
            raise BadToken("other", "the token is for another session: get one for this.")

    def within(self, limits: Limits) -> Limits:
        """Return what holds for its sessions: the lower of each."""
        return replace(
            limits,
            max_session_s=min(filter(None, (limits.max_session_s, float(self.max_session_s))), default=0.0),
            max_messages_per_s=min(limits.max_messages_per_s, self.max_messages_per_s or limits.max_messages_per_s),
        )


EVERYBODY: Final = Grant()

_ENCODINGS: Final = {
    value.number: value.name.removeprefix("ENCODING_").lower() for value in audio.AudioFormat.Encoding.DESCRIPTOR.values
}


def _are_formats(claim: object) -> bool:
    """Say whether a claim names formats: some, for none at all would be taken for all."""
    return isinstance(claim, list) and bool(claim) and all(isinstance(name, str) and name in FORMATS for name in claim)


def _number(said: Mapping[str, Any], name: str, most: int) -> int:
    value = said.get(name, 0)
    if type(value) is not int or not 0 <= value <= most:
        raise BadToken("wrong", WRONG)
    return value
