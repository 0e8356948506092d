"""Hops: the two streams of one session into the ring, each dialled as often as need be."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import grpc

from parley.v1 import egress_service_pb2 as egress
from parley.v1 import egress_service_pb2_grpc as egress_rpc
from parley.v1 import stream_pb2
from parley.v1 import vad_service_pb2 as vad
from parley.v1 import vad_service_pb2_grpc as vad_rpc
from services.common.boundary import InternalFault, session_boundary
from services.common.bundle import GOODBYE_S
from services.common.channels import Channels
from services.common.errors import ParleyError, PeerLost
from services.common.link import Message, dialled
from services.common.outbox import Outbox
from services.ingress.losses import EGRESS, VAD
from services.ingress.session import Session

log = logging.getLogger("parley.ingress")

In = TypeVar("In", bound=Message)
Out = TypeVar("Out", bound=Message)


@dataclass(frozen=True)
class Told:
    """To whom it is told what happens to a hop. Nothing is told of a dial that is void."""

    ready: Callable[[str], None]
    over: Callable[[str, ParleyError | None], None]
    """It has ended: well, or by a fault."""
    egress_missed: Callable[[PeerLost], None]
    """The broker says that it has lost egress."""


class Hops:
    """One session's. What comes by them goes to the session, until the hop is dialled again or dropped."""

    def __init__(self, session: Session, channels: Channels, lead_ms: int, told: Told) -> None:
        self._session = session
        self._channels = channels
        self._lead_ms = lead_ms
        self._told = told
        self._dials = {VAD: 0, EGRESS: 0}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def dial(self, group: asyncio.TaskGroup, hop: str, open_: stream_pb2.StreamOpen) -> None:
        """Dial a hop; the one before is void."""
        self.drop(hop)
        self._dials[hop] = open_.dial
        # The outbox at once, so that what is told from now on goes there; the stream in the task that will end it.
        if hop == VAD:
            run = self._listen(open_, self._session.dial_vad(open_))
        else:
            run = self._attach(open_, self._session.dial_egress(open_, self._lead_ms))
        self._tasks[hop] = group.create_task(run)

    def drop(self, hop: str) -> None:
        """Leave a hop without a word: there may be nobody to hear it."""
        self._dials[hop] = 0
        if (task := self._tasks.pop(hop, None)) is not None:
            task.cancel()

    async def say_goodbye(self) -> None:
        """Let the last words, which wait already, be sent; then leave."""
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()), timeout=GOODBYE_S)
        for hop in list(self._tasks):
            self.drop(hop)

    async def _listen(self, open_: stream_pb2.StreamOpen, outbox: Outbox[vad.ListenRequest]) -> None:
        call = vad_rpc.VadServiceStub(self._channels.trunk(open_.route.vad)).Listen()
        await self._run(VAD, open_.dial, call, outbox, _listen_beat, self._from_vad)

    async def _attach(self, open_: stream_pb2.StreamOpen, outbox: Outbox[egress.AttachRequest]) -> None:
        call = egress_rpc.EgressServiceStub(self._channels.trunk(open_.route.egress)).Attach()
        await self._run(EGRESS, open_.dial, call, outbox, _attach_beat, self._from_egress)

    async def _run(
        self,
        hop: str,
        dial: int,
        call: grpc.aio.StreamStreamCall[Out, In],
        outbox: Outbox[Out],
        beat: Callable[[int], Out],
        take: Callable[[In], None],
    ) -> None:
        def handle(message: In) -> None:
            if self._dials[hop] == dial:
                take(message)

        async def fail(error: stream_pb2.Error) -> None:
            self._end(hop, dial, InternalFault(error.message))  # ours: no other stage would be better

        async with session_boundary(log, f"session {self._session.name}, {hop}", fail):
            fault: ParleyError | None = None
            with dialled(hop, call, outbox, beat) as link:
                try:
                    await link.run(handle)
                except ParleyError as error:
                    fault = error
            self._end(hop, dial, fault)

    def _end(self, hop: str, dial: int, fault: ParleyError | None) -> None:
        if self._dials[hop] == dial:
            self._dials[hop] = 0
            del self._tasks[hop]  # it ends by itself
            self._told.over(hop, fault)

    def _from_vad(self, response: vad.ListenResponse) -> None:
        kind = response.WhichOneof("message")
        if kind == "peer_lost" and response.peer_lost.stage == EGRESS:
            self._told.egress_missed(PeerLost(EGRESS, "the broker can't reach it"))
            return
        self._session.from_vad(response)
        if kind == "ready":
            self._told.ready(VAD)

    def _from_egress(self, response: egress.AttachResponse) -> None:
        self._session.from_egress(response)
        if response.HasField("ready"):
            self._told.ready(EGRESS)


def _listen_beat(number: int) -> vad.ListenRequest:
    return vad.ListenRequest(heartbeat=stream_pb2.Heartbeat(beat=number))


def _attach_beat(number: int) -> egress.AttachRequest:
    return egress.AttachRequest(heartbeat=stream_pb2.Heartbeat(beat=number))
