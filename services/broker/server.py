"""The gRPC face of the broker: Respond."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import AsyncIterator
from typing import TypeAlias

import grpc

from parley.v1 import broker_service_pb2 as wire
from parley.v1 import broker_service_pb2_grpc as rpc
from parley.v1 import stream_pb2
from services.broker.account import Writer
from services.broker.agent import Agent
from services.broker.custody import Custody
from services.broker.house import House
from services.broker.late_notes import LateNotes
from services.broker.meter import Meter
from services.broker.reporting import Reporting
from services.broker.sessions import MOST_SESSIONS, Sessions
from services.broker.tools.executor import ToolCallers
from services.common.agents import Agents
from services.common.boundary import session_boundary
from services.common.channels import Channels
from services.common.link import tell
from services.common.ownership import checked
from services.common.parking import Parking
from services.common.room import Room
from services.common.store import Store

log = logging.getLogger("parley.broker")

Context: TypeAlias = "grpc.aio.ServicerContext[wire.RespondRequest, wire.RespondResponse]"


class BrokerServer(rpc.BrokerServiceServicer):
    """Gives every session a conversation with its agent's model."""

    def __init__(
        self,
        agents: Agents[Agent],
        store: Store,
        channels: Channels,
        meter: Meter | None = None,
        write_turn: Writer = lambda line: None,
        room: Room | None = None,
    ) -> None:
        meter = meter or Meter()
        for name in agents.names():
            meter.know(agents.find(name))
        self._tool_callers = ToolCallers()
        self._reporting = Reporting()
        self._parking: Parking[Custody] = Parking(lambda custody: custody.give_up())
        self._late_notes = LateNotes(store)
        house = House(
            store, channels, meter, write_turn, self._tool_callers, self._reporting, self._parking, self._late_notes
        )
        self._sessions = Sessions(agents, house, room or Room("broker", MOST_SESSIONS))

    async def Respond(  # type: ignore[override]
        self, requests: AsyncIterator[wire.RespondRequest], context: Context
    ) -> None:
        """Think for one session, for as long as this stream lasts."""

        async def refuse(error: stream_pb2.Error) -> None:
            await tell(context.write, wire.RespondResponse(error=error))

        async with session_boundary(log, "Respond", refuse):
            first = await anext(requests, wire.RespondRequest())
            opened = checked(first.WhichOneof("message"), first.open)
            await self._sessions.respond(opened, requests, context.write)

    def parked(self) -> int:
        """How many sessions nobody attends."""
        return len(self._parking)

    def events(self) -> Counter[str]:
        """What did not go as it should with what sessions have noted in Redis."""
        return self._sessions.events()

    def buffers(self) -> dict[str, list[int]]:
        """How many messages wait in each session's buffers."""
        return self._sessions.buffers()

    async def drain(self) -> None:
        """Take no more sessions, and leave those that there are to another broker."""
        await self._sessions.drain()

    async def close(self) -> None:
        """Break off what there is, send the reports that are still to be sent, and let go of the tools' connections."""
        await self._sessions.close()
        await self._late_notes.close()
        await self._reporting.close()
        await self._tool_callers.close()
