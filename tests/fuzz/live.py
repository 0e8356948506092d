"""Live: a real ring whose ingress is sent what Hypothesis makes up, and what stands there before and after."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import grpc
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from parley.v1 import conversation_service_pb2 as wire
from tests.chaos.vitals import vitals
from tests.fuzz.plans import Plan, plans
from tests.fuzz.seeds import UPGRADE, frames
from tests.integration.bad_input.raw_caller import CONVERSE
from tests.integration.locked import outcome
from tests.integration.pressure import PressedRing

DOORS: Final = ("grpc", "websocket", "http2")
ENV: Final[Mapping[str, str]] = {"PARLEY_RESUME_S": "1", "PARLEY_HANDSHAKE_S": "2", "PARLEY_SLOW_READER_S": "2"}
"""What ingress is told, so that nobody has to wait for long for what is left to go."""

AT_ONCE: Final = 4
_A_ROUND: Final = 20
"""Examples before the ring is looked at."""
_ANSWER_S: Final = 0.3
_CLEAN_S: Final = 60.0
_FDS_MORE: Final = 16
"""Connections to Redis and between stages that a burst of sessions leaves in pools."""
_TASKS_MORE: Final = 8
_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_MB: Final = 1 << 20


@dataclass(frozen=True)
class Standing:
    """What ingress has at a moment when nobody calls."""

    rss_mb: float
    fds: int
    tasks: float

    def more_than(self, before: Standing, memory_mb: float) -> list[str]:
        """Say what has grown beyond what may be."""
        found = []
        if self.rss_mb > before.rss_mb + memory_mb:
            found.append(f"memory from {before.rss_mb:.0f} to {self.rss_mb:.0f} MB")
        if self.fds > before.fds + _FDS_MORE:
            found.append(f"descriptors from {before.fds} to {self.fds}")
        if self.tasks > before.tasks + _TASKS_MORE:
            found.append(f"tasks from {before.tasks:.0f} to {self.tasks:.0f}")
        return found


class Siege:
    """One ring's. `token` is a good one."""

    def __init__(self, pressed: PressedRing, token: str = "") -> None:
        self.examples = 0
        self._pressed = pressed
        self._token = token
        self._pids = {name: pressed.ring.pid(name) for name in pressed.ring.names()}

    async def storm(self, door: str, seconds: float, seed_: int = 0) -> None:
        """Play plan after plan. Raises AssertionError for a crash, or a fault of ours in any log."""
        loop, until_s = asyncio.get_running_loop(), time.monotonic() + seconds
        while time.monotonic() < until_s:
            played: list[Plan] = []

            def play(several: list[Plan], played: list[Plan] = played) -> None:
                if time.monotonic() < until_s:
                    played.extend(several)
                    asyncio.run_coroutine_threadsafe(self._play_all(door, several), loop).result()

            await asyncio.to_thread(_made_up, door, seed_, play)
            seed_ += 1
            self.examples += len(played)
            self._look_at_logs(played)

    async def warm_up(self) -> None:
        """Hold a short conversation at each door: what the first ones leave in pools is no growth."""
        for door in ("grpc", "websocket") * 2:
            assert (await outcome(door, self._pressed, self._token)).has_heard("opened")

    async def standing(self) -> Standing:
        """Wait until nobody's session is left, here or in Redis, and look. Raises AssertionError if some stay."""
        until_s = time.monotonic() + _CLEAN_S
        while True:
            active = await self._pressed.metric("ingress", "parley_sessions_active")
            owned = await self._pressed.owned()
            if not active and not owned:
                break
            assert time.monotonic() < until_s, f"{active:.0f} sessions stay in ingress, {owned} in Redis"
            await asyncio.sleep(0.2)
        await asyncio.sleep(1.2)  # tasks are counted each second
        here = vitals(self._pressed.ring.pid("ingress"))
        return Standing(here.rss_bytes / _MB, here.fds, await self._pressed.metric("ingress", "parley_tasks"))

    def _look_at_logs(self, played: list[Plan]) -> None:
        for name, pid in self._pids.items():
            assert self._pressed.ring.pid(name) == pid, f"{name} has died after one of {played}"
            lines = "\n".join(self._pressed.ring.logs(name))
            assert not re.search("Traceback|a fault of ours", lines), f"{lines[-3000:]}\nafter one of {played}"

    async def _play_all(self, door: str, several: list[Plan]) -> None:
        one: Callable[[Plan], Coroutine[Any, Any, None]] = self._grpc if door == "grpc" else self._bytes(door)
        await asyncio.gather(*map(one, several))

    def _open(self, plan: Plan) -> wire.ConverseRequest:
        return wire.ConverseRequest(open=wire.Open(protocol=1, token=self._token if plan.has_token else ""))

    async def _grpc(self, plan: Plan) -> None:
        async with grpc.aio.insecure_channel(self._pressed.ring.ingress) as channel:
            call: grpc.aio.StreamStreamCall[bytes, bytes] = channel.stream_stream(CONVERSE, None, None)()
            with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError, TimeoutError):
                async with asyncio.timeout(_ANSWER_S * 10):
                    if plan.opens:
                        await call.write(self._open(plan).SerializeToString())
                        await call.read()
                    for step in plan.steps:
                        await call.write(step)
                    if plan.ending == "end":
                        await call.write(wire.ConverseRequest(end=wire.End()).SerializeToString())
                        await call.done_writing()
                async with asyncio.timeout(_ANSWER_S):
                    while plan.ending in ("end", "hear") and await call.read() is not grpc.aio.EOF:
                        pass
            call.cancel()

    def _bytes(self, door: str) -> Callable[[Plan], Coroutine[Any, Any, None]]:
        """Return who speaks to a door in bytes of its own."""
        url = urlsplit(self._pressed.ring.websocket if door == "websocket" else f"//{self._pressed.ring.ingress}")

        async def act(plan: Plan) -> None:
            try:
                reader, writer = await asyncio.open_connection(url.hostname, url.port)
            except OSError:  # whether it has crashed is looked at after each round
                return
            sent = [_PREFACE if door == "http2" else UPGRADE]
            if plan.opens and door == "websocket":
                sent.append(frames([self._open(plan)]))
            try:
                with suppress(OSError, TimeoutError):
                    async with asyncio.timeout(_ANSWER_S * 2):
                        for step in (*sent, *plan.steps):
                            writer.write(step)
                            await writer.drain()
                        if plan.ending == "end" and door == "websocket":
                            writer.write(frames([wire.ConverseRequest(end=wire.End())]))
                        while plan.ending in ("end", "hear") and await reader.read(1 << 16):
                            pass
                        await asyncio.sleep(_ANSWER_S if plan.ending == "deaf" else 0)
            finally:
                if plan.ending == "vanish" and (line := writer.get_extra_info("socket")) is not None:
                    with suppress(OSError):  # the other end may have closed it
                        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # by a reset
                writer.close()

        return act


def _made_up(door: str, seed_: int, play: Callable[[list[Plan]], None]) -> None:
    """Have Hypothesis make up a round of plans, several at once; in a thread, for it knows no event loop."""

    @seed(seed_)
    @settings(
        max_examples=_A_ROUND,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(plans(door), min_size=AT_ONCE, max_size=AT_ONCE))
    def round_(several: list[Plan]) -> None:
        play(several)

    round_()
