"""The door of the fake service: who gets in, and how the others are turned away."""

from __future__ import annotations

import time
from collections import deque
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

PATH = "/v1/realtime"


class Door:
    """With `api_key` set, other bearers get a 401."""

    def __init__(self, api_key: str | None) -> None:
        self.refuses = False
        """While set, new connections get a 503."""
        self.turns_away: deque[int] = deque()
        """HTTP statuses that the next ones get, one each."""
        self.knocks_s: list[float] = []
        """Monotonic times at which somebody wished to connect."""
        self._api_key = api_key

    def admit(self, socket: ServerConnection, request: Request) -> Response | None:
        """Answer a request for a connection; None lets it in."""
        if urlsplit(request.path).path != PATH:
            return socket.respond(HTTPStatus.NOT_FOUND, f"only {PATH} is served\n")
        self.knocks_s.append(time.monotonic())
        if self.refuses:
            return socket.respond(HTTPStatus.SERVICE_UNAVAILABLE, "try again later\n")
        if self.turns_away:
            return socket.respond(HTTPStatus(self.turns_away.popleft()), "not now\n")
        if self._api_key is not None and request.headers.get("Authorization") != f"Bearer {self._api_key}":
            return socket.respond(HTTPStatus.UNAUTHORIZED, "Incorrect API key provided\n")
        return None


def wish_of(request: Request | None, name: str, otherwise: str) -> str:
    """Read a parameter of the query."""
    query = parse_qs(urlsplit(request.path).query) if request is not None else {}
    return query.get(name, [otherwise])[0]
