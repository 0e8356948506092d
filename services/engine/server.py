"""The engine's face: a WebSocket server at /v1/realtime, one session for each connection."""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from services.engine.assembly import open_parts
from services.engine.session import Means, Session
from services.engine.settings import Settings, is_loopback

PATH = "/v1/realtime"
_HEALTH_PATH = "/healthz"
_DEFAULT_MODEL = "parley-embedded"
_MAX_MESSAGE_BYTES = 16 * 2**20  # an append may carry 15 MiB
_BETA_DISABLED = 4000
_GOING_AWAY = 1001

_log = logging.getLogger("parley.engine")


@asynccontextmanager
async def engine(settings: Settings) -> AsyncIterator[tuple[str, int]]:
    """Run a server while the context lasts; gives the host and port it listens on. Raises SettingsError, OSError."""
    settings.check()
    async with open_parts(settings) as parts:
        shell = _Shell(settings, Means(parts, settings.pace))
        server = await serve(
            shell.handle,
            settings.host,
            settings.port,
            process_request=shell.admit,
            compression=None,
            max_size=_MAX_MESSAGE_BYTES,
            close_timeout=1,
            logger=logging.getLogger("parley.engine.websockets"),
        )
        try:
            host, port = next(iter(server.sockets)).getsockname()[:2]
            yield host, port
        finally:
            await _close(server)


async def _close(server: Server) -> None:
    server.close(code=_GOING_AWAY, reason="the engine is stopping")
    try:
        await asyncio.wait_for(server.wait_closed(), 1.2)
    except TimeoutError:
        _log.warning("some clients did not close in time")


class _Shell:
    """Admits connections and runs their sessions."""

    def __init__(self, settings: Settings, means: Means) -> None:
        self._settings = settings
        self._means = means

    def admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer what is no session over HTTP; None lets the WebSocket open."""
        path = urlsplit(request.path).path
        if path == _HEALTH_PATH:
            return connection.respond(HTTPStatus.OK, "ok\n")
        if path != PATH:
            return connection.respond(HTTPStatus.NOT_FOUND, f"Connect a WebSocket to {PATH}\n")
        if not self._has_key(request):
            return connection.respond(HTTPStatus.UNAUTHORIZED, "Send Authorization: Bearer <PARLEY_ENGINE_KEY>\n")
        if not self._is_own_page(request):
            return connection.respond(HTTPStatus.FORBIDDEN, "Pages of other hosts may not connect without a key\n")
        return None

    def _has_key(self, request: Request) -> bool:
        if not self._settings.key:
            return True
        shown = request.headers.get("Authorization", "")
        return hmac.compare_digest(shown.encode(), f"Bearer {self._settings.key}".encode())

    def _is_own_page(self, request: Request) -> bool:
        # Any page a browser shows can reach a loopback port; without a key only local pages may.
        origin = request.headers.get("Origin")
        return bool(self._settings.key) or origin is None or is_loopback(urlsplit(origin).hostname or "")

    async def handle(self, connection: ServerConnection) -> None:
        """Run a session. Whatever goes wrong in one stays in it."""
        request = connection.request
        assert request is not None
        if request.headers.get("OpenAI-Beta") == "realtime=v1":
            await connection.close(_BETA_DISABLED, "invalid_request_error.beta_api_shape_disabled")
            return
        model = parse_qs(urlsplit(request.path).query).get("model", [_DEFAULT_MODEL])[0]
        try:
            await Session(connection, model, self._means).run()
        except Exception:  # noqa: BLE001 - a session's boundary: the other sessions go on
            _log.exception("a session broke")
            await connection.close(1011, "internal error")
