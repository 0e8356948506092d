"""Peers of the broker that a test plays: vad on one side, egress on the other."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import grpc
import numpy as np

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import session_pb2 as session
from parley.v1 import stream_pb2 as wire
from tests.integration.egress_peer import MS, Egress, Log, beat

__all__ = ["MS", "SPEECH", "Egress", "Log", "Vad"]

SPEECH = (4000 * np.sin(np.arange(1600) / 7)).astype("<i2").tobytes()
"""100 ms at 16 kHz."""


class Vad:
    """A vad that says what the test says."""

    def __init__(self, call: Any) -> None:
        self.log: Log[broker.RespondResponse] = Log()
        self._call = call
        self._one_writer = asyncio.Lock()  # two writes at once end a call
        self._reading = asyncio.create_task(self._read())
        self._beating = asyncio.create_task(beat(lambda: self.say(heartbeat=wire.Heartbeat())))

    async def _read(self) -> None:
        async for response in self._call:
            self.log.add(response)

    async def say(self, **message: Any) -> None:
        """Send a message of the Respond stream."""
        async with self._one_writer:
            await self._call.write(broker.RespondRequest(**message))

    async def turn(self, turn: int, *, speech_ms: int = 2000, interruption: bool = False) -> None:
        """The person speaks for 300 ms and has finished."""
        for _ in range(3):
            await self.say(audio=broker.TurnAudio(turn=turn, pcm=SPEECH))
        ended = broker.TurnEnded(turn=turn, speech_ms=speech_ms, interruption=interruption, waited_ms=300)
        await self.say(turn_ended=ended)

    async def interrupt(self, seq: int) -> None:
        """The person takes the floor."""
        kind = session.Interrupt.KIND_CANCEL
        await self.say(interrupt=session.Interrupt(seq=seq, kind=kind, cause=session.Interrupt.CAUSE_SPEECH))

    async def ready(self) -> wire.StreamReady:
        """Wait until the broker is."""
        return (await self.log.until(lambda r: r.HasField("ready"))).ready

    async def error(self, timeout_s: float = 10) -> wire.Error:
        """Wait for an error."""
        return (await self.log.until(lambda r: r.HasField("error"), timeout_s)).error

    async def last_word(self) -> wire.StreamEnd:
        """Wait for the end of the stream, and that nothing follows it."""
        end = (await self.log.until(lambda r: r.HasField("end"))).end
        await self.over()
        return end

    async def over(self, timeout_s: float = 5) -> None:
        """Wait until the broker has ended the stream, well."""
        async with asyncio.timeout(timeout_s):
            await asyncio.gather(self._reading)

    async def leave(self) -> None:
        """Break off."""
        self._call.cancel()
        self._beating.cancel()
        with suppress(asyncio.CancelledError, grpc.RpcError):
            await self._reading
