"""The model's socket: the GA Realtime protocol over a WebSocket. It sends, receives and names faults; nothing more."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from services.broker.event import table, text
from services.broker.faults import ModelRefused, ending, refusal
from services.broker.settings import ModelSettings
from services.common.errors import ModelFault

log = logging.getLogger("parley.broker")

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
            raise ModelFault(f"the model's connection broke ({error}). Try again in a moment.") from error

    async def run(self, handle: Callable[[dict[str, Any]], None]) -> None:
        """Hand every server event to `handle` until the connection ends.

        Raises:
            ModelFault: always, in the end: whatever the close code, the model has left. (A 1001 ends the iteration
                without an exception.)
        """
        async for event in self._events():
            handle(event)

    async def expect(self, kind: str, timeout_s: float) -> None:
        """Read until an event of this kind. Raises TimeoutError, or ModelFault for an error or the end instead."""
        async with asyncio.timeout(timeout_s), aclosing(self._events()) as events:
            async for event in events:
                if text(event, "type") == kind:
                    return
                if text(event, "type") == "error":
                    error = table(event, "error")
                    kind_of_fault = ModelRefused if text(error, "type") == "invalid_request_error" else ModelFault
                    raise ending(error) or kind_of_fault(f"the model refused the session: {text(error, 'message')}")

    async def _events(self) -> AsyncGenerator[dict[str, Any], None]:
        """Yield server events; raise ModelFault at the end, never just stop."""
        try:
            async for message in self._socket:
                if (event := parse(message)) is not None:
                    yield event
        except WebSocketException as error:
            raise ModelFault(f"the model's connection broke ({error}). Try again in a moment.") from error
        code, reason = self._socket.close_code, self._socket.close_reason
        raise ModelFault(f"the model ended its session (code {code}{reason and ': '}{reason}). Try again in a moment.")


def parse(message: str | bytes) -> dict[str, Any] | None:
    """Return a server event, or None for what is none: a faulty server must not end the call."""
    try:
        event = json.loads(message)
    except (ValueError, RecursionError):
        log.warning("the model sent something that is not JSON")
        return None
    return event if isinstance(event, dict) else None


@asynccontextmanager
async def model_session(settings: ModelSettings) -> AsyncIterator[RealtimeSocket]:
    """Connect to the model and configure the session.

    Raises:
        ModelFault: it can't be reached, refuses the key, or never becomes ready; the message says what to do.
    """
    clock = asyncio.get_running_loop().time
    deadline_s = clock() + settings.connect_s
    async with await _dial(settings) as socket:
        session = RealtimeSocket(socket)
        try:
            await session.expect("session.created", deadline_s - clock())
        except TimeoutError:
            raise ModelFault(
                f"the model at {settings.place} took the call but began no session within {settings.connect_s:g} s. "
                "Check that PARLEY_MODEL_URL is a Realtime server's, and try again."
            ) from None
        await session.send({"type": "session.update", "event_id": "parley_session", "session": settings.session()})
        try:
            await session.expect("session.updated", CONFIGURE_S)
        except TimeoutError:
            log.warning("the model did not confirm the session's settings; going on")
        yield session


async def _dial(settings: ModelSettings) -> ClientConnection:
    """Connect to the model. Raises ModelFault in words that say what to do."""
    try:
        return await connect(
            settings.full_url,
            additional_headers={"Authorization": f"Bearer {settings.key}"} if settings.key else {},
            compression=None,  # base64 audio does not compress; deflate only costs CPU
            max_size=_MAX_FRAME,
            open_timeout=settings.connect_s,
            close_timeout=1.0,
            proxy=None if settings.is_local else True,
        )
    except InvalidStatus as error:
        raise refusal(settings.place, error.response.status_code) from error
    except (OSError, ImportError, WebSocketException) as error:  # ImportError: a SOCKS proxy without python-socks
        raise ModelFault(
            f"the model at {settings.place} can't be reached ({_why(error, settings.connect_s)}). Start it, or set "
            "PARLEY_MODEL_URL (or OPENAI_API_KEY for OpenAI)."
        ) from error


def _why(error: Exception, connect_s: float) -> str:
    """Say why in words that hold no URL: it may hold a key."""
    if isinstance(error, TimeoutError):
        return f"no answer within {connect_s:g} s"
    return (error.strerror or str(error)) if isinstance(error, OSError) else type(error).__name__
