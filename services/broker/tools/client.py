"""The HTTP client that tools and webhooks share: one a process, which trusts no server with more than one request."""

from __future__ import annotations

import logging
from http.cookiejar import DefaultCookiePolicy
from typing import Final

import httpx

CONNECT_S: Final = 5.0
MOST_CONNECTIONS: Final = 200
_THIS_MACHINE: Final = ("all://127.0.0.1", "all://localhost", "all://[::1]")


def http_client(transport: httpx.AsyncBaseTransport | None = None, *, keep_alive: bool = True) -> httpx.AsyncClient:
    """Return a client that follows no redirects, keeps no cookies and asks no proxy for this machine.

    `transport` stands in for the network. Without `keep_alive` each request has a connection of its own: none is lost
    because the server was just closing it.
    """
    # Its line for each request holds the whole URL, with what a person said in it.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    limits = httpx.Limits(max_connections=MOST_CONNECTIONS, max_keepalive_connections=20 if keep_alive else 0)
    client = httpx.AsyncClient(
        transport=transport,
        limits=limits,
        follow_redirects=False,
        mounts=dict.fromkeys(_THIS_MACHINE) if transport is None else None,
        headers={"User-Agent": "parley", "Accept-Encoding": "identity"},
    )
    # One session's cookies would otherwise be sent with the next one's calls.
    client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return client
