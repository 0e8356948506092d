"""Where Redis is, as PARLEY_REDIS_URL says: at one address, or wherever the sentinels of a service say that it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast
from urllib.parse import SplitResult, unquote, urlsplit

from redis.asyncio.connection import parse_url

from services.common.errors import SettingsFault

SENTINEL_PORT: Final = 26379

_TLS: Final = {"redis+sentinel": "redis", "sentinel": "redis", "rediss+sentinel": "rediss"}
"""Schemes that name sentinels, and the one that the server behind them is dialled by."""
_PLAIN: Final = ("redis", "rediss", "unix")
_SECRETS: Final = re.compile(r"(?<=//).*(?=@)|(?<=password=)[^&]*")
_EXAMPLES: Final = (
    "redis://host:6379/0, or with Sentinel redis+sentinel://host:26379,host:26379,host:26379/service/0 "
    "(user:password@ in front of the first host, where Redis asks for them)"
)


@dataclass(frozen=True)
class Sentinels:
    """Who is asked for the master of a service, and how they and it are dialled."""

    hosts: tuple[tuple[str, int], ...]
    service: str
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Of the connections to the master: db, username, password, TLS."""
    own_options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Of those to the sentinels, which have passwords of their own."""
    is_encrypted: bool = False


class _Wrong(Exception):
    """What is wrong with a URL."""


def read_address(url: str) -> Sentinels | None:
    """Check a URL; return the sentinels it names, or None for one that names a server.

    Raises:
        SettingsFault: nobody can be found by it; the message says what it should look like.
    """
    try:
        return _read(url)
    except _Wrong as error:
        why = f": {error}"
    except ValueError:  # the library's words may hold half of a password
        why = ", and it can't be read as a URL"
    raise SettingsFault(f"PARLEY_REDIS_URL={_SECRETS.sub('…', url)!r} must look like {_EXAMPLES}{why}.")


def _read(url: str) -> Sentinels | None:
    if url.partition("://")[0].lower() in _TLS:
        return _sentinels(url)
    parts = urlsplit(url)
    if parts.scheme not in _PLAIN:
        raise _Wrong("it begins with none of redis://, rediss://, unix://, redis+sentinel://, rediss+sentinel://")
    if parts.scheme != "unix":
        if "," in parts.netloc:
            raise _Wrong("several hosts are sentinels, and want redis+sentinel://")
        _check_port(parts)
        _check_database(parts.path.strip("/"))
    parse_url(url)
    return None


def _sentinels(url: str) -> Sentinels:
    # By hand: newer Pythons refuse a [::1] that is not all of the host.
    scheme_of, _, rest = url.partition("://")
    place, _, query = rest.partition("?")
    netloc, _, path = place.partition("/")
    user, at, hosts = netloc.rpartition("@")
    service, _, database = path.strip("/").partition("/")
    if not service:
        raise _Wrong("the name of the service is missing, under which the sentinels watch the master")
    _check_database(database)
    found = tuple(_host(host) for host in hosts.split(",") if host)
    if not found:
        raise _Wrong("no sentinel is named")
    scheme = _TLS[scheme_of.lower()]
    # What the client library knows to read from a URL is left to it: of a server whose place is not known yet.
    options = cast("dict[str, Any]", dict(parse_url(f"{scheme}://{user}{at}somewhere/{database}?{query}")))
    for name in ("host", "connection_class"):
        options.pop(name, None)
    own = {name: value for name, value in options.items() if name.startswith("ssl_")}
    for name, theirs in (("sentinel_user", "username"), ("sentinel_password", "password")):
        if name in options:
            own[theirs] = options.pop(name)
    return Sentinels(found, unquote(service), options, own, scheme == "rediss")


def _host(text: str) -> tuple[str, int]:
    """Read host, host:port or [address]:port."""
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise _Wrong(f"{text!r} is no host:port")
    return parts.hostname, _check_port(parts) or SENTINEL_PORT


def _check_port(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError:
        raise _Wrong("a port is no number, or a password holds / or @, which are written %2F and %40") from None


def _check_database(text: str) -> None:
    if text and not text.isdecimal():
        raise _Wrong(f"{text!r} is no number of a database")
