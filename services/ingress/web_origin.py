"""Web origin: which web pages may call. A browser lets any page reach any address, this machine's own included."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from websockets.http11 import Request

from services.common.settings import Environment


@dataclass(frozen=True)
class Origins:
    """PARLEY_WS_ORIGINS: "https://a.example,https://b.example", or "*" for any page.

    What is no browser names no origin and may call; so may pages served by this machine itself, and those that come
    from the very address they call.
    """

    allowed: frozenset[str] = frozenset()

    @classmethod
    def read(cls, env: Environment) -> Origins:
        """Read PARLEY_WS_ORIGINS."""
        return cls(frozenset(part.strip().rstrip("/") for part in env.text("PARLEY_WS_ORIGINS").split(",") if part))

    def may_call(self, request: Request) -> bool:
        """Say whether the page that makes this request may."""
        origins, hosts = request.headers.get_all("Origin"), request.headers.get_all("Host")
        return all(
            origin in self.allowed
            or "*" in self.allowed
            or _is_local(origin)
            or (len(hosts) == 1 and _is_own(origin, hosts[0]))
            for origin in origins
        )


def path_of(request: Request) -> str:
    """Return a request's path, without its query."""
    return request.path.partition("?")[0]


def _is_local(origin: str) -> bool:
    try:
        host = urlsplit(origin).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_own(origin: str, host: str) -> bool:
    """Say whether a page of this origin was served at the address that it calls.

    Over plain HTTP a stranger's page can come from a stranger's server, whose name is then made to mean this one ("DNS
    rebinding"): so a name has to come over HTTPS, which proves it. That goes for names of the local network, too, which
    whoever is in it can have. An address is nobody's but this machine's.
    """
    try:
        page, called = urlsplit(origin), urlsplit(f"//{host}")
        ports = {"http": 80, "https": 443}
        usual = ports[page.scheme]
        if not page.hostname or (page.hostname, page.port or usual) != (called.hostname, called.port or usual):
            return False
        return page.scheme == "https" or _is_address(page.hostname)
    except (ValueError, KeyError):
        return False


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
