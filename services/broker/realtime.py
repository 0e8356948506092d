"""The model's socket: the GA Realtime protocol over a WebSocket. It sends, receives and names faults; nothing more."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidURI, WebSocketException

from services.broker.settings import ModelSettings
from services.common.errors import ModelFault

log = logging.getLogger("parley.broker")

CONNECT_S: Final = 8.0
CONFIGURE_S: Final = 3.0
"""Some compatible servers never confirm a session.update: after this the conversation goes on, with a warning."""

_MAX_FRAME: Final = 16 << 20


class RealtimeSocket:
    """A configured connection to the model."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def send(self, event: dict[str, Any]) -> None:
        """Send a client event. Raises ModelFault when the connection has gone."""
        try:
            await self._socket.send(json.dumps(event))
        except WebSocketException as error:
            raise ModelFault(f"the model's connection broke: {error}") from error

    async def run(self, handle: Callable[[dict[str, Any]], None]) -> None:
        """Hand every server event to `handle` until the connection ends.

        Raises:
            ModelFault: always, in the end: whatever the close code, the model has left. (A 1001 ends the iteration
                without an exception.)
        """
        try:
            async for text in self._socket:
                if (event := parse(text)) is not None:
                    handle(event)
        except WebSocketException as error:
            raise ModelFault(f"the model's connection broke: {error}") from error
        raise ModelFault(f"the model closed the connection ({self._socket.close_code} {self._socket.close_reason})")

    async def expect(self, kind: str, timeout_s: float) -> None:
        """Read until an event of this kind. Raises TimeoutError, or ModelFault for an error instead."""
        async with asyncio.timeout(timeout_s):
            async for text in self._socket:
                event = parse(text) or {}
                if event.get("type") == kind:
                    return
                if event.get("type") == "error":
                    raise ModelFault(f"the model refused the session: {(event.get('error') or {}).get('message')}")
        raise ModelFault("the model closed the connection before the session began")


def parse(text: str | bytes) -> dict[str, Any] | None:
    """Return a server event, or None for what is none: a faulty server must not end the call."""
    try:
        event = json.loads(text)
    except ValueError:
        log.warning("the model sent something that is not JSON")
        return None
    return event if isinstance(event, dict) else None


@asynccontextmanager
async def model_session(settings: ModelSettings) -> AsyncIterator[RealtimeSocket]:
    """Connect to the model and configure the session.

    Raises:
        ModelFault: it can't be reached, refuses the key, or never becomes ready; the message says what to do.
    """
    headers = {"Authorization": f"Bearer {settings.key}"} if settings.key else {}
    connecting = connect(
        settings.full_url,
        additional_headers=headers,
        compression=None,  # base64 audio does not compress; deflate only costs CPU
        max_size=_MAX_FRAME,
        open_timeout=CONNECT_S,
        close_timeout=1.0,
    )
    try:
        socket = await connecting
    except InvalidStatus as error:
        raise ModelFault(_refusal(settings, error.response.status_code)) from error
    except (OSError, TimeoutError, InvalidHandshake, InvalidURI) as error:
        raise ModelFault(
            f"the model at {settings.url} can't be reached ({error or type(error).__name__}). Start it, or set "
            "PARLEY_MODEL_URL (or OPENAI_API_KEY for OpenAI)."
        ) from error
    async with socket:
        session = RealtimeSocket(socket)
        try:
            await session.expect("session.created", CONNECT_S)
        except TimeoutError:
            raise ModelFault(f"the model at {settings.url} accepted the call but never began a session.") from None
        await session.send({"type": "session.update", "event_id": "parley_session", "session": settings.session()})
        try:
            await session.expect("session.updated", CONFIGURE_S)
        except TimeoutError:
            log.warning("the model did not confirm the session's settings; going on")
        yield session


def _refusal(settings: ModelSettings, status: int) -> str:
    if status in (401, 403):
        return f"the model at {settings.url} refused the key (HTTP {status}). Check OPENAI_API_KEY."
    return f"the model at {settings.url} refused the call (HTTP {status})."
