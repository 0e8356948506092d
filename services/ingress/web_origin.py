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

    What is no browser names no origin and may call; so may pages served by this machine itself.
    """

    allowed: frozenset[str] = frozenset()

    @classmethod
    def read(cls, env: Environment) -> Origins:
        """Read PARLEY_WS_ORIGINS."""
        return cls(frozenset(part.strip().rstrip("/") for part in env.text("PARLEY_WS_ORIGINS").split(",") if part))

    def may_call(self, request: Request) -> bool:
        """Say whether the page that makes this request may."""
        origins = request.headers.get_all("Origin")
        return all(origin in self.allowed or "*" in self.allowed or _is_local(origin) for origin in origins)


def path_of(request: Request) -> str:
    """Return a request's path, without its query."""
    return request.path.partition("?")[0]


def _is_local(origin: str) -> bool:
    try:
        host = urlsplit(origin).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
