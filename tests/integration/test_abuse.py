"""Abuse of a locked ring: slow-loris, floods of connections and messages, storms of bad tokens; and a random siege.

Who talks meanwhile waits no longer, memory has an end, and nothing is left behind.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final
from urllib.parse import urlsplit

import pytest

from parley.v1 import conversation_service_pb2 as wire
from parley.v1 import stream_pb2
from tests.fakes.realtime import FakeRealtime, Reply
from tests.fuzz.live import DOORS as SORTS
from tests.fuzz.live import ENV, Siege
from tests.fuzz.seeds import UPGRADE, frames
from tests.integration.bad_input.raw_caller import DOORS, raw_caller
from tests.integration.locked import UNAUTHENTICATED, Keyring, error_of, locked_ring, outcome
from tests.integration.pressure import Growth, PressedRing, Talker, talker

pytestmark = pytest.mark.timeout(300)

WAITING: Final = 20
RATIO: Final = 2.0
NOISE_S: Final = 1.0
"""What a wait may be longer beside: who abuses and who talks are one process here, and much else may run."""
_STORY: Final = Reply(seconds=20.0, speed=4.0)


@asynccontextmanager
async def someone_talks(keyring: Keyring, env: dict[str, str]) -> AsyncIterator[tuple[PressedRing, Talker]]:
    """Start a locked ring and a conversation in it; see that it is as prompt afterwards, and during the block."""
    async with FakeRealtime([_STORY]) as fake, locked_ring(fake, keyring, env) as pressed:
        async with talker(pressed, token=keyring.token(id="good.1", holder="good")) as one:
            yield pressed, one
            assert one.error is None
        assert await _gone(pressed), "a session or a caller is left"


async def waits(one: Talker) -> float:
    """Ask and interrupt; return how long both took."""
    return await one.ask() + await one.stop()


async def undisturbed(one: Talker, pressed: PressedRing, abuse: Callable[[], Awaitable[object]]) -> None:
    """See that who talks waits no longer during the abuse, and that memory does not grow beyond a session's bound."""
    calm = statistics.median([await waits(one) for _ in range(4)])
    growth, rough = Growth(pressed), list[float]()
    going_on = asyncio.ensure_future(abuse())
    while not going_on.done() or len(rough) < 3:
        rough.append(await waits(one))
        growth.look()
    await going_on
    assert statistics.median(rough) <= RATIO * calm + NOISE_S, (calm, rough)
    assert growth.beyond(2) == {}


async def _gone(pressed: PressedRing) -> bool:
    async def counts() -> bool:
        return not await pressed.metric("ingress", "parley_sessions_active") and not await pressed.owned()

    with suppress(TimeoutError):
        async with asyncio.timeout(30):
            while not await counts():  # noqa: ASYNC110 - in another process
                await asyncio.sleep(0.1)
    return await counts()


async def _closed_after_s(host: str | None, port: int | None, drip: bytes) -> float:
    """Connect, send a byte of `drip` every 0.2 s, and return after how long the other side had enough."""
    reader, writer = await asyncio.open_connection(host, port)
    began_s = time.monotonic()
    with suppress(OSError):
        for byte in drip:
            writer.write(bytes((byte,)))
            with suppress(TimeoutError):
                async with asyncio.timeout(0.2):
                    while await reader.read(1 << 12):
                        pass
                    break
    writer.close()
    return time.monotonic() - began_s


async def test_slow_loris_at_both_doors(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Who sends an opening byte by byte is cut off in time, be it HTTP/2, HTTP or a first message that never ends."""
    keyring = Keyring(tmp_path_factory.mktemp("keys"))
    async with someone_talks(keyring, {"PARLEY_HANDSHAKE_S": "2"}) as (pressed, one):
        grpc_door, web_door = urlsplit(f"//{pressed.ring.ingress}"), urlsplit(pressed.ring.websocket)
        endless = b"GET /v1/converse HTTP/1.1\r\nX-Slow: " + b"a" * 1_000
        first = frames([wire.ConverseRequest(open=wire.Open(protocol=1, token="x" * 4_000))])

        async def loris() -> list[float]:
            drips = [endless, UPGRADE[:-2] + b"X: " + b"b" * 1_000, UPGRADE + first]
            web = [_closed_after_s(web_door.hostname, web_door.port, drip) for drip in drips * 3]
            raw = [_closed_after_s(grpc_door.hostname, grpc_door.port, b"PRI * HTTP/2.0\r\n\r\n" + b"c" * 200)]
            return await asyncio.gather(*web, *raw)

        lasted: list[float] = []

        async def abuse() -> None:
            lasted.extend(await loris())

        await undisturbed(one, pressed, abuse)
        assert max(lasted) < 30, lasted


async def test_a_flood_of_connections_from_one_address(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Twenty may wait to open a conversation; who comes beyond is refused at once, in words at the gRPC door."""
    keyring = Keyring(tmp_path_factory.mktemp("keys"))
    env = {"PARLEY_MAX_WAITING_PER_ADDRESS": str(WAITING), "PARLEY_HANDSHAKE_S": "60"}
    async with someone_talks(keyring, env) as (pressed, one):
        web = urlsplit(pressed.ring.websocket)

        async def knock() -> str:
            reader, writer = await asyncio.open_connection(web.hostname, web.port)
            answer = ""
            with suppress(OSError):
                answer = (await reader.read(64)).decode(errors="replace")
            writer.close()
            return answer

        async def abuse() -> None:
            idle = [await asyncio.open_connection(web.hostname, web.port) for _ in range(WAITING)]
            answers = await asyncio.gather(*(knock() for _ in range(WAITING * 10)))
            assert all(answer.startswith("HTTP/1.1 503") for answer in answers), answers
            refused = error_of(await outcome("grpc", pressed, keyring.token()))
            assert refused.code == stream_pb2.Error.CODE_LIMIT
            assert "from this address" in refused.message
            for _, writer in idle:
                writer.close()

        await undisturbed(one, pressed, abuse)
        async with asyncio.timeout(20):
            while (await outcome("grpc", pressed, keyring.token())).has_heard("error"):  # noqa: ASYNC110 - elsewhere
                await asyncio.sleep(0.1)  # the twenty are being let go


async def test_a_storm_of_bad_tokens(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Each is refused in words, and ever later; who has a good one gets in at once meanwhile, from the same address."""
    keyring = Keyring(tmp_path_factory.mktemp("keys"))
    async with someone_talks(keyring, {}) as (pressed, one):
        bad = [keyring.expired(), keyring.token(session="0" * 32), keyring.token()[:-3] + "AAA", ""] * 6
        took_s: list[float] = []

        async def abuse() -> None:
            storm = []
            for each in bad:
                storm += [asyncio.create_task(outcome(door, pressed, each)) for door in DOORS]
                await asyncio.sleep(0.1)
            async with raw_caller("grpc", pressed.ring) as good:
                began_s = time.monotonic()
                await good.opens(token=keyring.token())
                took_s.append(time.monotonic() - began_s)
                await good.send(wire.ConverseRequest(end=wire.End()))
                await good.hear()
            for caller in await asyncio.gather(*storm):
                assert error_of(caller).code == UNAUTHENTICATED

        await undisturbed(one, pressed, abuse)
        assert took_s[0] < 10.0


@pytest.mark.parametrize("door", DOORS)
async def test_a_flood_of_messages(door: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Faster than their token allows, by two at once: each is told that it was too many, and closed."""
    keyring = Keyring(tmp_path_factory.mktemp("keys"))
    async with someone_talks(keyring, {"PARLEY_RESUME_S": "1"}) as (pressed, one):

        async def flood() -> None:
            async with raw_caller(door, pressed.ring) as caller:
                await caller.opens(token=keyring.token(max_messages_per_s=60))
                began_s, sent = time.monotonic(), 0
                while not caller.has_heard("closed") and sent < 2_500:
                    await caller.send(wire.ConverseRequest(heartbeat=stream_pb2.Heartbeat()))
                    sent += 1
                per_s = sent / (time.monotonic() - began_s)
                await caller.hear()
            if not caller.has_heard("error") and per_s < 150:
                pytest.skip(f"this machine is too busy for a flood: it sent {per_s:.0f} messages a second")
            assert error_of(caller).code == stream_pb2.Error.CODE_LIMIT

        async def abuse() -> None:
            await asyncio.gather(*(flood() for _ in range(2)))

        await undisturbed(one, pressed, abuse)


async def test_a_short_siege(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Made-up clients at both doors for some seconds: no crash, no fault of ours, nothing left (`make fuzz`: long)."""
    keyring = Keyring(tmp_path_factory.mktemp("keys"))
    async with FakeRealtime([Reply(seconds=2.0)]) as fake, locked_ring(fake, keyring, ENV) as pressed:
        siege = Siege(pressed, keyring.token())
        await siege.warm_up()
        for number, sort in enumerate(SORTS):
            await siege.storm(sort, 1.0, number)
        before = await siege.standing()
        for number, sort in enumerate(SORTS):
            await siege.storm(sort, 3.0, 100 + number)
        assert (await siege.standing()).more_than(before, 32.0) == []
        assert siege.examples >= 8
