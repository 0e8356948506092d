"""The model's socket: it dials, sends, receives and names faults; what is said is its driver's business."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from services.broker.addresses import ADDRESSES
from services.broker.event import Event, table, text
from services.broker.faults import ModelRefused, closing, code_of, ending, error_in, refusal
from services.broker.life import TICKS, Life
from services.broker.model_settings import ModelSettings
from services.broker.redaction import Redaction
from services.broker.upstream.capabilities import Capabilities
from services.broker.upstream.driver import CREATED, OPENING_ID, UPDATED, Driver, Message
from services.broker.upstream.drivers import driver_for
from services.common.errors import ModelFault

log = logging.getLogger("parley.broker")

CONFIGURE_S: Final = 3.0
"""Some compatible servers never confirm a session.update: after this the conversation goes on, with a warning."""

PING_S: Final = 20.0
"""Where nobody watches closer, a server that doesn't answer a ping for so long is lost."""

_MAX_FRAME: Final = 16 << 20
_LATEST_S: Final = 1e11
"""Later than this no session expires: a server that says so counts in something else than seconds."""


class RealtimeSocket:
    """A connection to the model."""

    def __init__(
        self, socket: ClientConnection, driver: Driver, redaction: Redaction | None = None, address: str = ""
    ) -> None:
        self.address = address
        """Where it is connected to. It may hold a key."""
        self.expires_at_s: float | None = None
        """When the server ends the session (Unix time); None where it doesn't say."""
        self._life = Life()
        self._frozen: ModelFault | None = None
        self._socket = socket
        self._driver = driver
        self._redaction = redaction or Redaction()

    @property
    def capabilities(self) -> Capabilities:
        """What the core may rely on."""
        return self._driver.capabilities

    async def send(self, event: dict[str, Any]) -> None:
        """Send an event of the core's. Raises ModelFault when the connection has gone."""
        await self._send(self._driver.outgoing(event))

    async def run(self, handle: Callable[[dict[str, Any]], None]) -> None:
        """Hand every server event to `handle` until the connection ends.

        Raises:
            ModelFault: always, in the end: whatever the close code, the model has left. (A 1001 ends the iteration
                without an exception.) One that is not retryable says that another call would end the same way.
        """
        async for event in self._events():
            handle(event)

    async def watch(self, freeze_s: float) -> None:
        """See to it that something is heard of the server, if only the answer to a ping.

        Raises:
            ModelFault: nothing was for so long. The connection is given up, without a word that nobody would hear.
        """
        async with asyncio.TaskGroup() as pings:
            while not self._life.tick():
                if self._life.may_ping:
                    self._life.pinged(pings.create_task(self._ping()))
                await asyncio.sleep(freeze_s / TICKS)
            self._frozen = ModelFault(
                f"nothing was heard of the model for {freeze_s:g} s: it is frozen, or cannot be reached"
            )
            self._socket.transport.abort()
        raise self._frozen

    async def _ping(self) -> None:
        with suppress(WebSocketException):
            await (await self._socket.ping())

    async def begin(self, timeout_s: float) -> None:
        """Read until the server is there. Raises TimeoutError, or ModelFault for an error or the end instead."""
        async with asyncio.timeout(timeout_s), aclosing(self._events()) as events:
            async for event in events:
                if text(event, "type") == CREATED:
                    self.expires_at_s = _expiry(table(event, "session"))
                    return
                if text(event, "type") == "error":
                    raise _refused(table(event, "error"))

    async def configure(self, session: dict[str, Any], timeout_s: float) -> None:
        """Set the session up and read until the server has taken it; go on without its word after `timeout_s`.

        Raises ModelFault for an error or the end instead. An error that names another event, or none, refuses the
        settings only if no confirmation comes after it: speaches sends one for each field that it leaves aside.
        """
        await self._send(self._driver.opening(session))
        doubt: ModelFault | None = None
        try:
            async with asyncio.timeout(timeout_s), aclosing(self._events()) as events:
                async for event in events:
                    if text(event, "type") == UPDATED:
                        if doubt is not None:
                            log.warning("the model took the session's settings, but said: %s", doubt.detail)
                        return
                    if text(event, "type") == "error":
                        doubt = _refused(error := table(event, "error"))
                        if text(error, "event_id") == OPENING_ID or ending(error) is not None:
                            raise doubt
        except TimeoutError:
            if doubt is not None:
                raise doubt from None
            log.warning("the model did not confirm the session's settings; going on")

    async def _send(self, messages: list[Message]) -> None:
        try:
            for message in messages:
                await self._socket.send(json.dumps(message))
        except WebSocketException as error:
            raise self._ended() from error

    async def _events(self) -> AsyncGenerator[Message, None]:
        """Yield events; raise ModelFault at the end, never just stop."""
        try:
            async for frame in self._socket:
                self._life.sign()
                if (message := parse(frame)) is not None:
                    for event in self._driver.incoming(message):
                        yield self._redaction.event(event)
        except WebSocketException as error:
            raise self._ended() from error
        raise self._ended()

    def _ended(self) -> ModelFault:
        return self._frozen or closing(
            self._socket.close_code or 1006, self._redaction.words(self._socket.close_reason or "")
        )


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
    """Connect to the model, at the first of its addresses that takes the call, and set the session up.

    Raises:
        ModelFault: it can't be reached, refuses the key, or never becomes ready; the detail says what to do.
    """
    async with AsyncExitStack() as stack:
        urls = ADDRESSES.ordered(settings.server.addresses)
        for url in urls[:-1]:
            try:
                socket = await stack.enter_async_context(_session_at(settings.at_address(url)))
                break
            except ModelFault as fault:
                if not fault.retryable:
                    raise
                log.warning("%s; the next address is asked", fault.detail)
        else:
            alone = len(urls) == 1
            socket = await stack.enter_async_context(_session_at(settings if alone else settings.at_address(urls[-1])))
        yield socket


@asynccontextmanager
async def _session_at(settings: ModelSettings) -> AsyncIterator[RealtimeSocket]:
    clock = asyncio.get_running_loop().time
    deadline_s = clock() + settings.connect_s
    driver = driver_for(settings)
    redaction = Redaction(settings.server.secrets)
    async with AsyncExitStack() as stack:
        try:
            socket = await stack.enter_async_context(await _dial(settings, driver, redaction))
            session = RealtimeSocket(socket, driver, redaction, settings.url)
            try:
                await session.begin(deadline_s - clock())
            except TimeoutError:
                raise ModelFault(
                    f"the model at {settings.place} took the call but began no session within "
                    f"{settings.connect_s:g} s. Check that PARLEY_MODEL_URL is a Realtime server's, and try again."
                ) from None
            await session.configure(settings.session(), CONFIGURE_S)
        except ModelFault:
            ADDRESSES.lose(settings.url)
            raise
        yield session


class _Dial(connect):
    """A call that is not sent elsewhere: the key would go along."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Take a redirect for what it is here: a refusal."""
        return exc


async def _dial(settings: ModelSettings, driver: Driver, redaction: Redaction) -> ClientConnection:
    """Connect to the model. Raises ModelFault, whose detail says what to do."""
    call = driver.call
    try:
        return await _Dial(
            call.url,
            additional_headers=call.headers,
            subprotocols=[Subprotocol(name) for name in call.subprotocols] or None,
            compression=None,  # base64 audio does not compress; deflate only costs CPU
            max_size=_MAX_FRAME,
            open_timeout=settings.connect_s,
            close_timeout=1.0,
            ping_timeout=max(PING_S, settings.server.freeze_s),
            proxy=None if settings.is_local else True,
        )
    except InvalidStatus as error:
        said = redaction.error(error_in(bytes(error.response.body or b"")))
        raise refusal(settings.place, error.response.status_code, said) from error
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


def _refused(error: Event) -> ModelFault:
    """Return the fault of an error that came instead of a session."""
    kind = ModelRefused if text(error, "type") == "invalid_request_error" else ModelFault
    return ending(error) or kind(f"the model refused the session: {text(error, 'message') or code_of(error)}")


def _expiry(session: Event) -> float | None:
    """Return when a session expires, if that is a time at all."""
    told = session.get("expires_at")
    if isinstance(told, int | float) and not isinstance(told, bool) and 0 < told < _LATEST_S:
        return float(told)
    return None
