"""The engine's face: a WebSocket server at /v1/realtime, one session for each connection."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve

from parley.v1 import stream_pb2 as wire
from services.common.boundary import session_boundary
from services.engine.admission import PATH as PATH
from services.engine.admission import Admission, choose_subprotocol
from services.engine.assembly import open_parts
from services.engine.meter import EngineMeter, metered
from services.engine.session import Means, Session
from services.engine.settings import Settings, SettingsError
from services.vad.judge import Judge
from services.vad.silero import SileroModel
from services.vad.smart_turn import SmartTurn
from services.vad.weights import WeightsError

_DEFAULT_MODEL: Final = "parley-embedded"
_LONGEST_MODEL: Final = 256
_MAX_MESSAGE_BYTES: Final = 24 * 2**20  # an append of 15 MiB, as OpenAI allows, is 20 MiB in base64
_BETA_DISABLED: Final = 4000
_GOING_AWAY: Final = 1001

_log = logging.getLogger("parley.engine")


@asynccontextmanager
async def engine(
    settings: Settings, meter: EngineMeter | None = None, on_full: Callable[[], None] = lambda: None
) -> AsyncIterator[tuple[str, int]]:
    """Run a server while the context lasts; gives the host and port it listens on. Raises SettingsError, OSError.

    `on_full` is told of each client for which there was no place.
    """
    meter = meter or EngineMeter()
    settings.check()
    try:
        ear, judge = SileroModel(), Judge(SmartTurn())
    except WeightsError as error:
        raise SettingsError(f"the engine's ear cannot be opened: {error}") from error
    try:
        async with open_parts(settings) as parts:
            means = Means(metered(parts, meter), settings.pace, ear, judge, meter)
            server = await serve(
                _Shell(means).handle,
                settings.host,
                settings.port,
                process_request=Admission(settings.key, settings.sessions, on_full).admit,
                select_subprotocol=choose_subprotocol,
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
    finally:
        judge.close()


async def _close(server: Server) -> None:
    server.close(code=_GOING_AWAY, reason="the engine is stopping")
    try:
        await asyncio.wait_for(server.wait_closed(), 1.2)
    except TimeoutError:
        _log.warning("some clients did not close in time")


class _Shell:
    """Runs the sessions of those who were admitted."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def handle(self, connection: ServerConnection) -> None:
        """Run a session. Whatever goes wrong in one stays in it."""
        request = connection.request
        assert request is not None
        if request.headers.get("OpenAI-Beta") == "realtime=v1":
            await connection.close(_BETA_DISABLED, "invalid_request_error.beta_api_shape_disabled")
            return
        query = parse_qs(urlsplit(request.path).query)
        model = query.get("model", [_DEFAULT_MODEL])[0][:_LONGEST_MODEL]
        transcribes_only = query.get("intent") == ["transcription"]

        async def tell(_: wire.Error) -> None:
            await connection.close(1011, "internal error")

        async with session_boundary(_log, "a session", tell):
            with self._means.meter.session():
                await Session(connection, self._means, model, transcribes_only=transcribes_only).run()
