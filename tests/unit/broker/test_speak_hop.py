"""The hop to egress: lost, left and dialled again, in virtual time, with egresses that a test plays."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import egress_service_pb2 as egress
from parley.v1 import stream_pb2 as wire
from services.broker.conversation import Conversation
from services.broker.session import Thinking
from services.broker.speak_hop import HELD_S, RE_ROUTE_S, SpeakHop
from services.common.channels import Channels
from services.common.errors import ParleyError, PeerLost, RemoteFault, Superseded
from services.common.trunk import StrandBroken
from tests.unit.engine.virtual_time import run

END, ERROR = wire.StreamEnd, wire.Error


class Call:
    """One Speak stream, as the dialling side sees it."""

    def __init__(self) -> None:
        self.sent: list[egress.SpeakRequest] = []
        self.is_left = False
        self._says: asyncio.Queue[egress.SpeakResponse | Exception | None] = asyncio.Queue()

    def say(self, **message: Any) -> None:
        """Egress says something."""
        self._says.put_nowait(egress.SpeakResponse(**message))

    def hold(self, **held: Any) -> None:
        """Egress is ready, and says what it holds."""
        self.say(ready=wire.StreamReady())
        self.say(held=egress.Held(**held))

    def fall(self) -> None:
        """The stream breaks."""
        self._says.put_nowait(StrandBroken("the connection broke"))

    def kinds(self) -> list[str]:
        """What was sent, without heartbeats."""
        kinds = [str(request.WhichOneof("message")) for request in self.sent]
        return [kind for kind in kinds if kind != "heartbeat"]

    # What the hop uses.

    def __aiter__(self) -> Call:
        """Iterate over what egress says."""
        return self

    async def __anext__(self) -> egress.SpeakResponse:
        """Return the next; a heartbeat when there is nothing else."""
        try:
            async with asyncio.timeout(0.9):
                said = await self._says.get()
        except TimeoutError:
            return egress.SpeakResponse(heartbeat=wire.Heartbeat())
        if isinstance(said, Exception):
            raise said
        if said is None:
            raise StopAsyncIteration
        return said

    async def write(self, request: egress.SpeakRequest) -> None:
        """Take a message."""
        self.sent.append(request)

    async def done_writing(self) -> None:
        """No more comes: egress closes, too."""
        self._says.put_nowait(None)

    def cancel(self) -> None:
        """The stream is left."""
        self.is_left = True


class Network:
    """Egresses by their addresses, and the streams to them."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Call]] = []

    def trunk(self, address: str) -> Network:
        """Return a channel."""
        self._address = address
        return self

    def stream_stream(self, *_: object, **__: object) -> Callable[[], Call]:
        """Return what dials."""

        def dial() -> Call:
            self.calls.append((self._address, Call()))
            return self.calls[-1][1]

        return dial


def opening(address: str = "a", dial: int = 1, *, resumes: bool = False) -> wire.StreamOpen:
    """A stream of vad's."""
    return wire.StreamOpen(session="s1", lease=1, dial=dial, route=wire.Route(egress=address), resumes=resumes)


class Session:
    """A session whose hop runs."""

    def __init__(self, *, resumes: bool = False) -> None:
        self.network = Network()
        clock = asyncio.get_running_loop().time
        self.thinking = Thinking("s1", Conversation(), clock=clock, is_known=not resumes)
        self.hop = SpeakHop(cast("Channels", self.network), self.thinking, opening(resumes=resumes))
        self.task = asyncio.create_task(self.hop.run())

    @property
    def call(self) -> Call:
        """The newest stream."""
        return self.network.calls[-1][1]

    @property
    def addresses(self) -> list[str]:
        """Where egress was dialled, in order."""
        return [address for address, _ in self.network.calls]

    def losses(self) -> list[str]:
        """What vad was told of lost stages."""
        waiting: list[broker.RespondResponse] = list(self.thinking.to_vad._control)
        return [response.peer_lost.detail for response in waiting if response.HasField("peer_lost")]

    async def begun(self) -> None:
        """The first egress is there."""
        await asyncio.sleep(0.1)
        self.call.hold()
        await asyncio.sleep(0.1)


def hold_session(steps: Callable[[Session], Awaitable[None]], *, resumes: bool = False) -> None:
    """Play a session, and stop."""

    async def play() -> None:
        session = Session(resumes=resumes)
        try:
            await steps(session)
        finally:
            session.task.cancel()
            await asyncio.gather(session.task, return_exceptions=True)

    run(play())


def test_the_first_egress_of_a_session_that_begins_is_not_replaced() -> None:
    """Its client hears at once that it can't be had, and tries again."""

    async def steps(session: Session) -> None:
        await asyncio.sleep(0.1)
        session.call.fall()
        with pytest.raises(PeerLost, match="egress"):
            await session.task
        assert session.losses() == []

    hold_session(steps)


def test_another_egress_is_waited_for() -> None:
    """Vad is told once; what is said meanwhile is given to the next one, which is dialled by the new route."""

    async def steps(session: Session) -> None:
        await session.begun()
        session.call.fall()
        await asyncio.sleep(1)
        assert len(session.losses()) == 1
        caption = client.Caption(who=client.Caption.WHO_USER, text="hello")
        session.thinking.mouth.say(egress.SpeakRequest(caption=caption))
        await asyncio.sleep(RE_ROUTE_S - 2)
        opened = session.hop.reroute(wire.Reroute(dial=2, route=wire.Route(egress="b")))
        assert (opened.lease, opened.dial, opened.resumes, opened.route.egress) == (1, 2, True, "b")
        await asyncio.sleep(0.1)
        assert session.addresses == ["a", "b"]
        assert session.call.kinds() == ["open"]
        session.call.hold()
        await asyncio.sleep(0.1)
        assert session.call.kinds() == ["open", "caption"]
        assert session.call.sent[0].open == opened
        assert len(session.losses()) == 1

    hold_session(steps)


def test_an_egress_is_not_waited_for_for_ever() -> None:
    """Then the session ends by its loss."""

    async def steps(session: Session) -> None:
        await session.begun()
        session.call.fall()
        began_s = asyncio.get_running_loop().time()
        with pytest.raises(PeerLost, match="egress"):
            await session.task
        assert asyncio.get_running_loop().time() - began_s == pytest.approx(RE_ROUTE_S, abs=0.5)

    hold_session(steps)


def test_while_nobody_attends_the_session_waits_on() -> None:
    """Parking has an end of its own; the vad that comes brings a route along."""

    async def steps(session: Session) -> None:
        await session.begun()
        session.call.fall()
        session.thinking.lose_vad()
        await asyncio.sleep(3 * RE_ROUTE_S)
        assert not session.task.done()
        session.hop.follow(opening("a", 2, resumes=True))
        await asyncio.sleep(0.1)
        assert session.addresses == ["a", "a"]

    hold_session(steps)


def test_a_stream_that_stands_is_left_for_another_route_only() -> None:
    """The same one goes on under its earlier dial; of the one that is left nobody is told as of a loss."""

    async def steps(session: Session) -> None:
        await session.begun()
        first = session.call
        session.hop.follow(opening("a", 2, resumes=True))
        await asyncio.sleep(0.1)
        assert session.addresses == ["a"]
        session.hop.reroute(wire.Reroute(dial=3, route=wire.Route(egress="b")))
        await asyncio.sleep(0.1)
        assert first.is_left
        assert session.addresses == ["a", "b"]
        assert session.call.sent[0].open.dial == 3
        assert session.losses() == []

    hold_session(steps)


def test_an_egress_that_does_not_say_what_it_holds_is_lost() -> None:
    """Nothing can be given to it; the next one is tried as soon as it is known."""

    async def steps(session: Session) -> None:
        await session.begun()
        session.hop.reroute(wire.Reroute(dial=2, route=wire.Route(egress="b")))
        await asyncio.sleep(HELD_S + 0.5)
        assert "what it holds" in session.losses()[0]
        session.hop.reroute(wire.Reroute(dial=3, route=wire.Route(egress="c")))
        await asyncio.sleep(0.1)
        session.call.hold()
        await asyncio.sleep(10 * HELD_S)
        assert session.addresses == ["a", "b", "c"]
        assert not session.task.done()

    hold_session(steps)


def test_a_session_that_is_taken_over_waits_for_what_egress_holds() -> None:
    """It is kept until record and history are known, too; an egress that is lost meanwhile has no say any more."""

    async def steps(session: Session) -> None:
        await asyncio.sleep(0.1)
        session.call.hold(newest_reply=4)
        await asyncio.sleep(0.1)
        held = session.thinking.mouth.held
        assert held is not None
        assert held.newest_reply == 4
        session.call.fall()
        await asyncio.sleep(0.1)
        assert session.thinking.mouth.held is None
        assert len(session.losses()) == 1

    hold_session(steps, resumes=True)


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ({"end": END(reason=END.REASON_SUPERSEDED)}, Superseded),
        ({"end": END(reason=END.REASON_FAILED, detail="oh")}, PeerLost),
        ({"error": ERROR(code=ERROR.CODE_SUPERSEDED, message="a later one speaks")}, Superseded),
        ({"error": ERROR(code=ERROR.CODE_LIMIT, message="too much")}, RemoteFault),
    ],
)
def test_what_ends_a_session(said: dict[str, Any], fault: type[ParleyError]) -> None:
    """Another broker speaks for it, or egress has failed it: nobody is waited for."""

    async def steps(session: Session) -> None:
        await session.begun()
        session.call.say(**said)
        with pytest.raises(fault):
            await session.task
        assert session.losses() == []

    hold_session(steps)


@pytest.mark.parametrize(
    "said",
    [
        {"end": END(reason=END.REASON_DRAINING)},
        {"error": ERROR(code=ERROR.CODE_FULL, message="stopping", retryable=True)},
    ],
)
def test_an_egress_that_stops_is_lost(said: dict[str, Any]) -> None:
    """As if it had crashed."""

    async def steps(session: Session) -> None:
        await session.begun()
        session.call.say(**said)
        await asyncio.sleep(0.1)
        assert len(session.losses()) == 1
        assert not session.task.done()

    hold_session(steps)


def test_the_end_of_a_session_is_told_and_waits_for_nobody() -> None:
    """With an egress it is told; without one there is nothing to wait for."""

    async def ends(session: Session) -> None:
        await session.begun()
        session.thinking.close(None)
        await session.task
        assert session.call.kinds()[-1] == "end"

    async def ends_alone(session: Session) -> None:
        await session.begun()
        session.call.fall()
        await asyncio.sleep(1)
        session.thinking.close(None)
        async with asyncio.timeout(0.5):
            await session.task

    hold_session(ends)
    hold_session(ends_alone)
