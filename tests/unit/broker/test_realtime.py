"""The model's socket, against a connection that a test plays: what becomes of a session's beginning and its end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK
from websockets.frames import Close

from services.broker.faults import ModelRefused
from services.broker.realtime import RealtimeSocket, parse
from services.broker.upstream.driver import OPENING_ID
from services.broker.upstream.drivers import driver_for
from services.common.errors import ModelFault
from tests.fakes.realtime.wire import Event
from tests.unit.broker.upstream.wire import settings


class Connection:
    """Yields frames, then ends; notes what is sent."""

    def __init__(
        self, *frames: Event | str, code: int | None = 1001, breaks: bool = False, stays: bool = False
    ) -> None:
        self.sent: list[Event] = []
        self.close_code, self.close_reason = code, ""
        self._frames = [frame if isinstance(frame, str) else json.dumps(frame) for frame in frames]
        self._breaks, self._stays = breaks, stays

    async def send(self, message: str) -> None:
        """Take a message; a broken connection takes none."""
        if self._breaks:
            raise ConnectionClosedOK(Close(1001, ""), None)
        self.sent.append(json.loads(message))

    async def __aiter__(self) -> AsyncIterator[str]:
        while self._frames:
            yield self._frames.pop(0)
        if self._stays:
            await asyncio.Event().wait()
        if self._breaks:
            raise ConnectionClosedError(None, None)


def over(connection: Connection) -> RealtimeSocket:
    """The broker's end of it."""
    fake: Any = connection
    return RealtimeSocket(fake, driver_for(settings()))


def created(**session: Any) -> Event:
    """The server's first word."""
    return {"type": "session.created", "session": session}


UPDATED: Event = {"type": "session.updated", "session": {}}


def error(**fields: Any) -> Event:
    """An error."""
    return {"type": "error", "error": fields}


@pytest.mark.parametrize(
    ("told", "known"),
    [
        (1_800_000_000, 1_800_000_000.0),
        (0, None),
        (None, None),
        (True, None),
        ("soon", None),
        (1_800_000_000_000, None),
    ],
)
async def test_when_a_session_expires_is_known_where_the_server_says_so(told: object, known: float | None) -> None:
    """In seconds since 1970; anything else is no time."""
    socket = over(Connection("garbage", "[1]", {"type": "hello"}, created(expires_at=told)))
    await socket.begin(5)
    assert socket.expires_at_s == known


async def test_an_error_instead_of_a_session_is_the_end() -> None:
    """One that blames the request would be repeated, another may pass."""
    with pytest.raises(ModelRefused, match="No such voice"):
        await over(Connection(error(type="invalid_request_error", message="No such voice."))).begin(5)
    with pytest.raises(ModelFault, match="All units are taken") as fault:
        await over(Connection(error(type="session_limit_reached", message="All units are taken."))).begin(5)
    assert fault.value.retryable
    with pytest.raises(ModelRefused, match="Pay"):
        await over(Connection(error(type="insufficient_quota", message="Pay."))).begin(5)


async def test_a_session_is_set_up_by_one_event_and_its_confirmation() -> None:
    """Everything else that comes meanwhile is not that."""
    connection = Connection({"type": "rate_limits.updated"}, UPDATED)
    await over(connection).configure({"type": "realtime"}, 5)
    assert connection.sent == [{"type": "session.update", "event_id": OPENING_ID, "session": {"type": "realtime"}}]


async def test_settings_that_are_refused_end_the_session() -> None:
    """By an error that names them, by one that no call gets over, and by any other with no confirmation after it."""
    named = error(type="invalid_request_error", message="Unknown voice.", event_id=OPENING_ID)
    with pytest.raises(ModelRefused, match="Unknown voice"):
        await over(Connection(named, stays=True)).configure({}, 5)
    with pytest.raises(ModelRefused, match="Pay"):
        await over(Connection(error(code="insufficient_quota", message="Pay."), stays=True)).configure({}, 5)
    nameless = error(type="invalid_request_error", message="Unknown voice.")
    with pytest.raises(ModelRefused, match="Unknown voice"):
        await over(Connection(nameless, stays=True)).configure({}, 0)


async def test_settings_that_are_taken_but_for_a_part_are_taken() -> None:
    """The log has what was left aside."""
    await over(Connection(error(message="`speed` is not supported."), UPDATED)).configure({}, 5)


async def test_a_server_that_never_confirms_is_gone_on_with() -> None:
    """Some clones don't."""
    await over(Connection(stays=True)).configure({}, 0)


@pytest.mark.parametrize(
    ("code", "breaks", "retryable"),
    [(1001, False, True), (1000, False, True), (None, True, True), (4000, False, False)],
)
async def test_a_session_never_just_stops(code: int | None, breaks: bool, retryable: bool) -> None:
    """A 1001 ends the iteration without an exception; every end is a fault, and says whether to call again."""
    heard: list[Event] = []
    with pytest.raises(ModelFault, match="ended its session") as fault:
        await over(Connection(UPDATED, {"type": "x"}, code=code, breaks=breaks)).run(heard.append)
    assert [event["type"] for event in heard] == ["session.updated", "x"]
    assert fault.value.retryable is retryable


async def test_what_cannot_be_sent_says_why() -> None:
    """In the same words as the end of what is heard."""
    with pytest.raises(ModelFault, match="code 1001"):
        await over(Connection(breaks=True)).send({"type": "response.cancel"})


def test_what_is_no_event_is_none() -> None:
    """Not JSON, too deep, or no object."""
    assert parse("{") is parse(b"\xff") is parse("[" * 100_000) is parse("7") is None
    assert parse('{"type": "x"}') == {"type": "x"}
