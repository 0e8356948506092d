"""Server: one Realtime server, how it is reached, and what it can do."""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from services.broker.money import Prices
from services.broker.upstream.capabilities import Capabilities
from services.common.errors import SettingsFault

_HERE: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_DATE: Final = re.compile(r"-\d{4}-\d{2}-\d{2}$")
_SECRET: Final = re.compile(r"(?i)key|token|secret|auth|pass|sig|cookie|cred")
"""Names of headers and parameters whose values nobody may read."""
_NEAR: Final = (".local", ".localhost", ".internal", ".lan", ".home.arpa", ".svc", ".svc.cluster.local")
"""Endings of names that no public name server knows."""


FREEZE_S: Final = 20.0
"""Of a server of which no more is known: some think for long without a word."""


class Auth(Enum):
    """How a server is shown the key."""

    BEARER = "bearer"
    """`Authorization: Bearer <key>`."""
    API_KEY = "api-key"
    """A header of its own."""
    BASIC = "basic"
    """`Authorization: Basic <key>`; a key of the form user:password is encoded first."""
    QUERY = "query"
    """A parameter of the URL."""
    NONE = "none"


class Dialect(Enum):
    """Which protocol a server speaks."""

    GA = "ga"
    """OpenAI's Realtime API since 2025-08."""
    BETA = "beta"
    """The one before: flat sessions, other names of events."""


@dataclass(frozen=True)
class Server:
    """The defaults are a GA server of which nothing is known but where it is."""

    url: str = field(repr=False)
    """ws:// or wss://, with path and query as they are dialled, but for the model and a key in the query."""
    others: tuple[str, ...] = field(default=(), repr=False)
    """Where it stands, too: the next takes a call that one does not."""
    freeze_s: float = FREEZE_S
    """A connection on which nothing is heard for so long, not even the answer to a ping, is lost."""
    name: str = ""
    """Of its profile; "" for one that only PARLEY_MODEL_URL names."""
    key: str = field(default="", repr=False)
    auth: Auth = Auth.BEARER
    auth_name: str = ""
    """The header's or parameter's name; "" for the usual one."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    subprotocols: tuple[str, ...] = ()
    model_parameter: str = "model"
    """The parameter of the URL that names the model; "" where there is none."""
    dialect: Dialect = Dialect.GA
    capabilities: Capabilities = field(default_factory=Capabilities)
    model: str = ""
    """The one it is asked for unless another is named; "" has none."""
    voice: str = ""
    transcription_model: str | None = None
    """None: nobody says; "": it writes nothing down."""
    captions_model: str = ""
    """For a transcription session that writes while the person speaks."""
    prices: Mapping[str, Prices] = field(default_factory=dict)
    """By model, those that transcribe included."""

    @property
    def addresses(self) -> tuple[str, ...]:
        """All of them, in the order in which they are given."""
        return (self.url, *self.others)

    @property
    def place(self) -> str:
        """The URL as it may be shown: without user, password and query, where some servers take their keys."""
        return shown(self.url)

    @property
    def secrets(self) -> frozenset[str]:
        """What nobody may read, in every form in which the server is shown it."""
        parts = urlsplit(self.url)
        named = [*self.headers.items(), *parse_qsl(parts.query)]
        found = {value for name, value in named if _SECRET.search(name)}
        found |= {value.rpartition(" ")[2] for name, value in self.call_headers().items() if _SECRET.search(name)}
        found |= {self.key, self.key.rpartition(":")[2], unquote(parts.password or "")}
        return frozenset(found - {""})

    @property
    def is_local(self) -> bool:
        """True when the server runs on this machine: no proxy stands between."""
        return urlsplit(self.url).hostname in _HERE

    def dialled(self, **parameters: str) -> str:
        """Return the URL to dial, with these parameters in its query unless it has them itself, and the key if due."""
        if self.auth is Auth.QUERY and self.key:
            parameters[self.auth_name or "api_key"] = self.key
        return with_query(self.url, parameters)

    def call_headers(self) -> dict[str, str]:
        """Return the headers to dial with: the profile's, and the key."""
        headers = dict(self.headers)
        if not self.key:
            return headers
        match self.auth:
            case Auth.BEARER:
                headers["Authorization"] = f"Bearer {self.key}"
            case Auth.API_KEY:
                headers[self.auth_name or "api-key"] = self.key
            case Auth.BASIC:
                user = base64.b64encode(self.key.encode()).decode() if ":" in self.key else self.key
                headers["Authorization"] = f"Basic {user}"
        return headers

    def prices_of(self, model: str, transcription_model: str) -> Prices:
        """Return what a conversation with these two models costs; of one that nobody knows, nothing.

        A snapshot (`gpt-x-2026-11-01`) costs what its model does, unless it has prices of its own.
        """
        spoken, written = self._prices(model), self._prices(transcription_model)
        return replace(spoken, transcribed_minute=written.transcribed_minute)

    def _prices(self, model: str) -> Prices:
        return self.prices.get(model) or self.prices.get(_DATE.sub("", model)) or Prices()


def shown(url: str) -> str:
    """Return a URL, or what was given for one, without user, password and query, where some servers take their keys."""
    try:
        parts = urlsplit(url)
    except ValueError:  # a bracket that isn't closed
        return url.partition("?")[0].partition("#")[0].rpartition("@")[2]
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def all_shown(urls: str) -> str:
    """Return a list of URLs with commas in the same way."""
    return ",".join(shown(url.strip()) for url in urls.split(","))


def reachable(url: str, fault: Callable[[str], SettingsFault], *, has_key: bool) -> str:
    """Return the URL of a server as it is dialled: where the path is empty or ends in /v1, /realtime is added.

    Raises the fault when nothing can be reached by it, or a key would travel unencrypted through the world.
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("ws", "wss") and bool(parts.hostname) and parts.port != 0 and not parts.fragment
    except ValueError:  # a port that is no number, a bracket that isn't closed
        usable = False
    if not usable or not url.isascii() or any(character <= " " for character in url):
        raise fault("must be like ws://127.0.0.1:8765/v1/realtime or wss://api.openai.com/v1/realtime: ws:// or wss://")
    if has_key and parts.scheme == "ws" and not _is_near(parts):
        raise fault("would send the key unencrypted: use wss://.")
    if not parts.path or parts.path.rstrip("/").endswith("/v1"):
        parts = parts._replace(path=f"{parts.path.rstrip('/')}/realtime")
    return urlunsplit(parts)


def all_reachable(urls: str, fault: Callable[[str], SettingsFault], *, has_key: bool) -> tuple[str, ...]:
    """Return the URLs of a list with commas. Raises the fault when one can't be, or there is none."""
    given = [url.strip() for url in urls.split(",")] if urls.strip() else [""]
    return tuple(reachable(url, fault, has_key=has_key) for url in given)


def with_query(url: str, parameters: Mapping[str, str]) -> str:
    """Add to a URL's query what is not there yet; what is there stays as it is, to the letter."""
    parts = urlsplit(url)
    there = dict(parse_qsl(parts.query, keep_blank_values=True))
    missing = urlencode({name: value for name, value in parameters.items() if name not in there}, quote_via=quote)
    return urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, missing))))) if missing else url


def _is_near(parts: SplitResult) -> bool:
    """Say whether a host is this machine, or one of a private network."""
    host = parts.hostname or ""
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_private
    except ValueError:
        return "." not in host or host.endswith(_NEAR)
