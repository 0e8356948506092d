"""Speak hop: the stream to egress, dialled again when ingress has chosen another one.

An egress that is lost does not end the session: vad is told, and passes it on to ingress, which finds another and says
so on the running streams (`Reroute`). It may do so before the loss was noticed here.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import egress_service_pb2 as wire
from parley.v1 import egress_service_pb2_grpc as rpc
from parley.v1 import stream_pb2
from services.broker.session import Thinking
from services.common.channels import Channels
from services.common.errors import PeerLost, RemoteFault, Superseded
from services.common.link import dialled

log = logging.getLogger("parley.broker")

READY_S: Final = 5.0
"""How long the first egress of a session that begins may take to be ready."""

HELD_S: Final = 2.0
"""How long an egress may take to say what it holds; one that takes longer is taken for lost."""

RE_ROUTE_S: Final = 10.0
"""How long another egress is waited for."""

STAGE: Final = "egress"
_End = stream_pb2.StreamEnd


class EgressFailed(PeerLost):
    """Egress has ended the session by a fault: there is nothing to be waited for."""


class SpeakHop:
    """One session's."""

    def __init__(self, channels: Channels, thinking: Thinking, opened: stream_pb2.StreamOpen) -> None:
        self._is_ready = asyncio.Event()
        """Set for good once an egress has been ready."""
        self._channels = channels
        self._thinking = thinking
        self._opened = opened
        self._outlives = opened.resumes
        """A session that has only begun can't go on without its first egress: its client hears so sooner."""
        self._spoken_to: str | None = None
        """The address of the egress whose stream stands, or is being made."""
        self._has_moved = asyncio.Event()
        self._patience: asyncio.Timeout | None = None
        self._outbox = thinking.mouth.outbox
        self._outbox.control(wire.SpeakRequest(open=opened))

    async def ready(self) -> None:
        """Wait until the first egress is. Raises PeerLost when it takes too long."""
        try:
            async with asyncio.timeout(READY_S):
                await self._is_ready.wait()
        except TimeoutError:
            raise PeerLost(STAGE, f"it was not ready within {READY_S:g} s") from None

    def follow(self, opened: stream_pb2.StreamOpen) -> None:
        """The session goes on by this opening. Egress is dialled again if it is another one, or was lost."""
        self._opened = opened
        if opened.route.egress != self._spoken_to:
            self._move()

    def reroute(self, reroute: stream_pb2.Reroute) -> stream_pb2.StreamOpen:
        """Ingress has chosen another route: return the opening that would stand for it."""
        opened = stream_pb2.StreamOpen()
        opened.CopyFrom(self._opened)
        opened.dial, opened.resumes = reroute.dial, True
        opened.route.CopyFrom(reroute.route)
        self.follow(opened)
        return opened

    def _move(self) -> None:
        self._has_moved.set()
        self._wait_until(asyncio.get_running_loop().time())

    def _wait_until(self, when_s: float | None) -> None:
        """Leave the stream that stands then; None: never."""
        if self._patience is not None and not self._patience.expired():
            self._patience.reschedule(when_s)

    async def run(self) -> None:
        """Speak to one egress after another until the session is over.

        Raises:
            PeerLost: egress was lost, and no other one was found.
            Superseded: egress is spoken to by another broker.
            RemoteFault: egress can't go on with this session.
        """
        while not self._thinking.closed.is_set():
            self._has_moved.clear()
            try:
                if await self._speak(self._opened.route.egress):
                    return
            except (PeerLost, RemoteFault) as fault:
                self._spoken_to = None
                await self._lose(_lost(fault))
            self._outbox = self._thinking.mouth.renew()
            self._outbox.control(wire.SpeakRequest(open=self._opened))

    async def _speak(self, address: str) -> bool:
        """Speak to one egress; say whether the stream has ended well, rather than been left for another's.

        Raises:
            PeerLost: egress was lost.
            RemoteFault: it says what went wrong.
        """
        self._spoken_to = address
        call = rpc.EgressServiceStub(self._channels.trunk(address)).Speak()
        try:
            with dialled(STAGE, call, self._outbox, _beat) as link:
                async with asyncio.timeout(HELD_S if self._outlives else None) as self._patience:
                    await link.run(self._hear)
        except TimeoutError:
            if not self._has_moved.is_set():
                raise PeerLost(STAGE, f"it did not say what it holds within {HELD_S:g} s") from None
            self._thinking.mouth.shut()
            return False
        finally:
            self._patience = None
        return True

    def _hear(self, response: wire.SpeakResponse) -> None:
        match response.WhichOneof("message"):
            case "ready":
                self._outlives = True
                self._is_ready.set()
            case "held":
                if not self._has_moved.is_set():
                    self._wait_until(None)
                self._thinking.take_held(response.held)
            case "played":
                self._thinking.from_egress(response.played)
            case "error":
                raise RemoteFault(response.error)
            case "end":
                _judge(response.end)

    async def _lose(self, lost: PeerLost) -> None:
        """Wait for another egress. Raises PeerLost if none is found."""
        thinking = self._thinking
        thinking.mouth.shut()
        if thinking.closed.is_set():
            return
        if not self._outlives:
            raise lost
        if self._has_moved.is_set():
            return
        log.warning("session %s: %s", thinking.session, lost.detail)
        peer_lost = stream_pb2.PeerLost(stage=STAGE, detail=lost.detail)
        thinking.to_vad.control(broker.RespondResponse(peer_lost=peer_lost))
        while True:
            try:
                async with asyncio.timeout(RE_ROUTE_S):
                    await _either(self._has_moved, thinking.closed)
                return
            except TimeoutError:
                if not thinking.to_vad.is_closed:  # else nobody is there who could say, and parking has an end, too
                    raise lost from None


def _judge(end: stream_pb2.StreamEnd) -> None:
    """Raise what the end of egress's stream stands for, if it is not the session's."""
    if end.reason == _End.REASON_SUPERSEDED:
        raise Superseded("another broker speaks for the session")
    if end.reason == _End.REASON_FAILED:
        raise EgressFailed(STAGE, f"it ended the session: {end.detail}")
    if end.reason != _End.REASON_DONE:
        raise PeerLost(STAGE, end.detail or "it is stopping")


def _lost(fault: PeerLost | RemoteFault) -> PeerLost:
    """Return the loss that a fault of egress's stream stands for. Raises what ends the session instead."""
    if isinstance(fault, EgressFailed):
        raise fault
    if isinstance(fault, PeerLost):
        return fault
    if fault.error.code == stream_pb2.Error.CODE_SUPERSEDED:
        raise Superseded(fault.message) from fault
    if not fault.error.retryable:
        raise fault
    return PeerLost(STAGE, fault.message)


async def _either(one: asyncio.Event, other: asyncio.Event) -> None:
    """Wait until either is set."""
    waiting = [asyncio.create_task(event.wait()) for event in (one, other)]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


def _beat(number: int) -> wire.SpeakRequest:
    return wire.SpeakRequest(heartbeat=stream_pb2.Heartbeat(beat=number))
