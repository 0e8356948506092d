"""Admission: who may open a session, and how a client shows its key."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.typing import Subprotocol

from services.engine.settings import is_loopback

PATH: Final = "/v1/realtime"
SUBPROTOCOL: Final = Subprotocol("realtime")
_HEALTH_PATH: Final = "/healthz"
_KEY_PROTOCOL: Final = "openai-insecure-api-key."
"""A browser cannot set a header: it shows its key as a subprotocol, as OpenAI has it."""


class Admission:
    """Lets in whom it may: those with the key or, where there is none, this machine; not more than `most` at once."""

    def __init__(self, key: str, most: int, on_full: Callable[[], None] = lambda: None) -> None:
        self._key = key
        self._most = most
        self._on_full = on_full
        self._admitted: set[ServerConnection] = set()

    def admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer what is no session over HTTP; None lets the WebSocket open."""
        path = request.path.partition("?")[0]
        if path == _HEALTH_PATH:
            return connection.respond(HTTPStatus.OK, "ok\n")
        if path != PATH:
            return connection.respond(HTTPStatus.NOT_FOUND, f"Connect a WebSocket to {PATH}\n")
        if not self._has_key(request):
            return connection.respond(HTTPStatus.UNAUTHORIZED, "Send Authorization: Bearer <PARLEY_ENGINE_KEY>\n")
        if not self._is_own_page(request):
            return connection.respond(HTTPStatus.FORBIDDEN, "Pages of other hosts may not connect without a key\n")
        self._admitted = {other for other in self._admitted if other.state is not State.CLOSED}
        if len(self._admitted) >= self._most:
            self._on_full()
            words = f"The engine is full: PARLEY_ENGINE_SESSIONS={self._most}. Try again in a moment\n"
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, words)
        self._admitted.add(connection)
        return None

    def _has_key(self, request: Request) -> bool:
        if not self._key:
            return True
        shown = request.headers.get_all("Authorization")
        for offered in request.headers.get_all("Sec-WebSocket-Protocol"):
            for name in offered.split(","):
                scheme, found, key = name.strip().partition(_KEY_PROTOCOL)
                if found and not scheme:
                    shown.append(f"Bearer {key}")
        return any(hmac.compare_digest(value.encode(), f"Bearer {self._key}".encode()) for value in shown)

    def _is_own_page(self, request: Request) -> bool:
        # Any page a browser shows can reach a loopback port; without a key only local pages may.
        origin = request.headers.get("Origin")
        return bool(self._key) or origin is None or is_loopback(_host_of(origin))


def _host_of(origin: str) -> str:
    """The host of a page; "" for what is no origin."""
    try:
        return urlsplit(origin).hostname or ""
    except ValueError:
        return ""


def choose_subprotocol(_: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """The one subprotocol there is, if the client offers it; others, and the key among them, are not answered."""
    return SUBPROTOCOL if SUBPROTOCOL in offered else None
