"""The locked doors of a real ring: who is let in, who is refused and in which words, and what is revoked at once."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import grpc
import pytest
import pytest_asyncio
from redis.asyncio import Redis
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from clients.desktop import websocket_frames
from parley.v1 import conversation_service_pb2 as wire
from parley.v1 import stream_pb2
from services.ingress.locks.keys import new_key
from services.ingress.locks.knock import SUBPROTOCOL
from services.ingress.locks.revoked import restore, revoke
from tests.fakes.realtime import FakeRealtime, Reply
from tests.integration.bad_input.raw_caller import CONVERSE, DOORS, RawCaller, raw_caller
from tests.integration.locked import CLOSE_CODE, UNAUTHENTICATED, Keyring, error_of, hang_up, locked_ring, outcome
from tests.integration.pressure import PressedRing

pytestmark = pytest.mark.asyncio(loop_scope="module")

_SECRET = "sk-a-key-of-somebody-elses-that-no-log-may-hold"
_OPERATOR = "an-operators-token-that-no-log-may-hold"


class Place:
    """A locked ring with its keys, for all tests here."""

    def __init__(self, pressed: PressedRing, keyring: Keyring) -> None:
        self.pressed, self.keyring = pressed, keyring
        self.shown: list[str] = []
        """What callers showed, and was given to them: nothing of it may stand in a log."""

    async def call(self, door: str, token: str, **fields: object) -> RawCaller:
        """Call with this token."""
        self.shown.append(token)
        async with asyncio.timeout(30):
            caller = await outcome(door, self.pressed, token, **fields)
        self.shown += [r.opened.resume_token for r in caller.responses if r.HasField("opened")]
        return caller


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    """One ring for all; in a task of its own, for pytest may leave a fixture in another one."""
    keyring = Keyring(tmp_path_factory.mktemp("keys"))
    over, ready = asyncio.Event(), asyncio.get_running_loop().create_future()

    async def stand() -> None:
        env = {"PARLEY_OPERATOR_TOKEN": _OPERATOR, "PARLEY_RESUME_S": "5", "OPENAI_API_KEY": _SECRET}
        async with FakeRealtime([Reply(seconds=20.0, speed=4.0)]) as fake, locked_ring(fake, keyring, env) as pressed:
            ready.set_result(Place(pressed, keyring))
            await over.wait()

    standing = asyncio.create_task(stand())
    await asyncio.wait([standing, ready], return_when=asyncio.FIRST_COMPLETED)
    if standing.done():
        standing.result()
    yield ready.result()
    over.set()
    await standing


@pytest.mark.parametrize("door", DOORS)
async def test_a_good_token_lets_in(place: Place, door: str) -> None:
    """In `open`; a device key, too."""
    for token in (place.keyring.token(), place.keyring.token(kind="device", expires_s=int(time.time()) + 9_000_000)):
        caller = await place.call(door, token)
        assert caller.kinds()[-1] == "closed", caller.responses
        assert not caller.has_heard("error")


def _alg_none(keyring: Keyring) -> str:
    _, claims, _ = keyring.token().split(".")
    return f"eyJhbGciOiJub25lIn0.{claims}."  # {"alg":"none"}


_BAD: dict[str, tuple[Callable[[Keyring], str], str]] = {
    "none": (lambda keyring: "", "takes no call without a token"),
    "noise": (lambda keyring: "x", "is not valid here"),
    "forged": (lambda keyring: keyring.token(replace(new_key(), id=keyring.key.id)), "is not valid here"),
    "of another key": (lambda keyring: keyring.token(new_key()), "is not valid here"),
    "without a signature": (lambda keyring: keyring.token().rpartition(".")[0] + ".", "is not valid here"),
    "alg none": (_alg_none, "is not valid here"),
    "a thousand brackets": (lambda keyring: "W1tbW1tb" * 400 + ".e30.", "is not valid here"),
    "expired": (lambda keyring: keyring.expired(), "has expired"),
    "for another agent": (lambda keyring: keyring.token(agents=frozenset({"tutor"})), "does not allow the agent"),
    "for another session": (lambda keyring: keyring.token(session="0" * 32), "is for another session"),
}


@pytest.mark.parametrize("door", DOORS)
async def test_bad_tokens_are_refused_in_words(place: Place, door: str) -> None:
    """One Error that says what to do, and Closed; no session was begun, and nothing dialled."""
    calls = {bad: place.call(door, make(place.keyring)) for bad, (make, _) in _BAD.items()}
    callers = dict(zip(calls, await asyncio.gather(*calls.values()), strict=True))  # together: refusals are slow
    for bad, (_, words) in _BAD.items():
        error = error_of(callers[bad])
        assert (error.code, error.retryable) == (UNAUTHENTICATED, False), bad
        assert words in error.message, bad
        assert callers[bad].ending == ("OK" if door == "grpc" else CLOSE_CODE), bad
    assert await place.pressed.owned() == 0
    assert await place.pressed.metric("ingress", "parley_sessions_active") == 0


async def test_a_token_may_come_with_the_call(place: Place) -> None:
    """As gRPC metadata, an HTTP header, or what a browser can do: a subprotocol. In a URL it is not looked for."""
    token, ring = place.keyring.token(), place.pressed.ring
    first = wire.ConverseRequest(open=wire.Open(protocol=1))
    async with grpc.aio.insecure_channel(ring.ingress) as channel:
        call: grpc.aio.StreamStreamCall[bytes, wire.ConverseResponse] = channel.stream_stream(
            CONVERSE, None, wire.ConverseResponse.FromString
        )(metadata=(("authorization", f"Bearer {token}"),))
        await call.write(first.SerializeToString())
        answer = await call.read()
        assert isinstance(answer, wire.ConverseResponse)
        assert answer.HasField("opened")
        call.cancel()
    ways = [
        ("", {"Authorization": f"Bearer {token}"}, [], True),
        ("", {}, ["parley.v1", f"{SUBPROTOCOL}{token}"], True),
        (f"?token={token}", {}, [], False),
    ]
    for query, headers, offers, is_good in ways:
        subprotocols = [Subprotocol(name) for name in offers] or None
        async with connect(
            ring.websocket + query, additional_headers=headers, subprotocols=subprotocols, proxy=None
        ) as connection:
            assert connection.subprotocol == ("parley.v1" if offers else None)
            await connection.send(websocket_frames.encode(first))
            response = websocket_frames.decode(await connection.recv())
            assert response is not None
            assert response.HasField("opened" if is_good else "error")
    place.shown.append(token)


@pytest.mark.parametrize("door", DOORS)
async def test_a_session_is_resumed_by_its_holder_alone(place: Place, door: str) -> None:
    """A resume token that was stolen, or is shown after the end, opens nothing; its holder's token may have expired."""
    keyring = place.keyring
    async with asyncio.timeout(30), raw_caller(door, place.pressed.ring) as caller:
        await caller.opens(token=keyring.token())
        secret = next(r.opened.resume_token for r in caller.responses if r.HasField("opened"))
        session = secret.partition(".")[0]
        beating = asyncio.create_task(_beat(caller))
        mallory, elses = keyring.token(holder="mallory", id="mallory.1"), keyring.token(session="f" * 32)
        shown = (mallory, keyring.expired()[:-4] + "AAAA", "", elses)
        told = [error_of(each) for each in await asyncio.gather(*(place.call(door, t, resume=secret) for t in shown))]
        assert [each.code for each in told] == [stream_pb2.Error.CODE_RESUME, *[UNAUTHENTICATED] * 3]
        assert "another session" in told[3].message
        assert not caller.has_heard("error")  # nobody has taken its session away
        beating.cancel()
        await asyncio.wait([beating])
        back = await place.call(door, keyring.expired(), resume=secret)
        assert back.session == session
        await caller.hear()
    again = await place.call(door, keyring.token(), resume=secret)
    assert error_of(again).code == stream_pb2.Error.CODE_RESUME


@pytest.mark.parametrize("how", ["file", "redis", "name", "key"])
async def test_what_is_revoked_ends_at_once(place: Place, how: str) -> None:
    """Its running session within seconds, in words; it begins no other; somebody else's goes on."""
    keyring, second = place.keyring, new_key()
    keyring.write(keyring.key, second)
    async with Redis.from_url(place.pressed.ring.redis_url) as redis:
        await asyncio.sleep(3)  # for the second key to be seen
        lost, kept = keyring.token(second, id="lost.1", holder="lost"), keyring.token(id="kept.1", holder="kept")
        async with (
            asyncio.timeout(40),
            raw_caller("grpc", place.pressed.ring) as caller,
            raw_caller("websocket", place.pressed.ring) as other,
        ):
            await caller.opens(token=lost)
            await other.opens(token=kept)
            match how:
                case "file":
                    keyring.revoked.write_text("lost.1  # in the train\n")
                case "redis":
                    await revoke(redis, "lost.1", time.time() + 60)
                case "name":
                    keyring.revoked.write_text("lost\n")
                case "key":
                    keyring.write(keyring.key, replace(second, state="revoked"))
            began_s = time.monotonic()
            beating = asyncio.create_task(_beat(caller, other))
            await caller.hear()
            assert time.monotonic() - began_s < 15
            error = error_of(caller)
            assert error.code == UNAUTHENTICATED
            assert "was revoked" in error.message
            assert error_of(await place.call("websocket", lost)).code == UNAUTHENTICATED
            beating.cancel()
            await asyncio.wait([beating])
            assert not other.has_heard("error")
            await hang_up(other)
        keyring.revoked.unlink(missing_ok=True)
        keyring.revoked.write_text("")
        await restore(redis, "lost.1")


async def _beat(*callers: RawCaller) -> None:
    while True:
        for caller in callers:
            await caller.send(wire.ConverseRequest(heartbeat=stream_pb2.Heartbeat()))
        await asyncio.sleep(0.5)


async def test_a_key_has_its_sessions_and_its_minutes(place: Place) -> None:
    """The second at a time is told which limit that is; so is who has used up the day. Others are not concerned."""
    keyring = place.keyring
    one = keyring.token(id="one.1", holder="one", max_sessions=1)
    async with raw_caller("grpc", place.pressed.ring) as caller:
        await caller.opens(token=one)
        refused = error_of(await place.call("websocket", one))
        assert refused.code == stream_pb2.Error.CODE_LIMIT
        assert "holds its 1 sessions" in refused.message
        assert (await place.call("grpc", keyring.token())).has_heard("opened")
        await hang_up(caller)
    async with asyncio.timeout(10):  # its end is noted beside
        while (await place.call("grpc", one)).has_heard("error"):  # noqa: ASYNC110 - in another process
            await asyncio.sleep(0.1)
    async with Redis.from_url(place.pressed.ring.redis_url) as redis:
        day = time.strftime("%Y%m%d", time.gmtime())
        await redis.set(f"access:{{{keyring.key.id}/two}}:seconds:{day}", 60)
    used_up = error_of(await place.call("grpc", keyring.token(id="two.1", holder="two", minutes_per_day=1)))
    assert used_up.code == stream_pb2.Error.CODE_LIMIT
    assert "1 minutes a day" in used_up.message


async def test_a_tokens_own_limits_are_told_and_kept(place: Place) -> None:
    """The client learns of the lower figure, and the session ends by it."""
    async with asyncio.timeout(20), raw_caller("grpc", place.pressed.ring) as caller:
        await caller.opens(token=place.keyring.token(max_session_s=1, max_messages_per_s=60))
        opened = next(r.opened for r in caller.responses if r.HasField("opened"))
        assert (opened.limits.max_session_s, opened.limits.max_messages_per_s) == (1, 60)
        await caller.hear()
    assert "has reached its 1 s" in error_of(caller).message


async def test_no_log_holds_a_secret(place: Place) -> None:
    """After all of that: no token, no resume token, no key, nobody's password, in any log of the ring."""
    logs = {name: "\n".join(place.pressed.ring.logs(name)) for name in place.pressed.ring.names()}
    secrets = {_OPERATOR, _SECRET, str(place.keyring.key).split('"secret": "')[1].split('"')[0]}
    secrets |= {part for text in place.shown for part in re.split("[.]", text) if len(part) > 20}
    secrets -= {text.partition(".")[0] for text in place.shown if re.match("[0-9a-f]{32}[.]", text)}  # sessions' names
    assert len(secrets) > 20
    for name, log in logs.items():
        assert log, name
        for secret in secrets:
            assert secret not in log, f"{name} tells {secret[:6]}…"
        assert not re.search("Traceback|a fault of ours", log), log[-4000:]


@asynccontextmanager
async def _alone(**env: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start ingress by itself; it needs nobody to begin."""
    known = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": os.pathsep.join(sys.path)}
    doors = {"PARLEY_LISTEN": "127.0.0.1:0", "PARLEY_WS_LISTEN": "127.0.0.1:0"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.ingress"), env=known | doors | env, stdout=PIPE, stderr=PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_an_open_door_is_for_this_machine() -> None:
    """On another address ingress does not start without keys, and says what to do; told to be open, it warns."""
    async with asyncio.timeout(100), _alone(PARLEY_WS_LISTEN="0.0.0.0:0") as process:
        _, told = await process.communicate()
        assert process.returncode == 1
        assert b"make token ARGS=--new-key" in told
    async with asyncio.timeout(100), _alone(PARLEY_WS_LISTEN="0.0.0.0:0", PARLEY_AUTH="off") as process:
        assert process.stderr is not None
        assert b"PARLEY_AUTH=off: whoever reaches this server" in await process.stderr.readuntil(b"asked")
