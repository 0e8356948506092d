"""A link: it reads eagerly, writes alone, says that it lives, and tells an end from a crash."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest

from parley.v1 import egress_service_pb2 as egress
from parley.v1 import stream_pb2 as wire
from services.common.errors import LimitFault, ParleyError, PeerLost, ProtocolFault
from services.common.link import FROZEN_S, Link, tell
from services.common.outbox import Outbox
from tests.unit.common.ticks import Ticks, settle, ticks

__all__ = ["ticks"]

Request = egress.SpeakRequest
Response = egress.SpeakResponse

END = Request(end=wire.StreamEnd(reason=wire.StreamEnd.REASON_DONE))
BEAT = Request(heartbeat=wire.Heartbeat(beat=1))


def ended(reply: int) -> Request:
    """Return a message that is told by its reply."""
    request = Request()
    request.reply_ended.reply = reply
    return request


class Peer:
    """The other end: what it says is put into `says` (None: the stream breaks off), what it is told is in `told`."""

    def __init__(
        self, silence_s: float | None = FROZEN_S, *, dialled: bool = False, beats: bool = True, goes_on: bool = False
    ) -> None:
        self.says: asyncio.Queue[Request | Exception | None] = asyncio.Queue()
        self.told: list[Response] = []
        self.may_write = asyncio.Event()
        self.may_write.set()
        self.is_finished = False
        self.fault: ParleyError | None = None
        self.outbox: Outbox[Response] = Outbox(10)
        self.heard: list[int] = []
        beat = (lambda n: Response(heartbeat=wire.Heartbeat(beat=n))) if beats else None
        finish = self._finish if dialled else None
        self.link = Link("broker", self._messages(), self._write, self.outbox, beat, silence_s, finish)
        self._goes_on = goes_on
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            await self.link.run(lambda request: self.heard.append(request.reply_ended.reply))
        except ParleyError as error:
            self.fault = error
        if self._goes_on:
            await asyncio.Event().wait()

    async def _messages(self) -> AsyncIterator[Request]:
        while (message := await self.says.get()) is not None:
            if isinstance(message, Exception):
                raise message
            yield message

    async def _write(self, response: Response) -> None:
        await self.may_write.wait()
        self.told.append(response)

    async def _finish(self) -> None:
        self.is_finished = True

    def kinds(self) -> list[str | None]:
        """Return the kinds of what it was told."""
        return [response.WhichOneof("message") for response in self.told]

    async def over(self) -> ParleyError | None:
        """Wait for the link's end and return its fault."""
        await self.task
        return self.fault


async def test_an_end_is_an_end() -> None:
    """The last message ends the link well, and nothing after it is read; heartbeats are not handed on."""
    peer = Peer()
    for message in (ended(1), BEAT, ended(2), END, ended(3)):
        peer.says.put_nowait(message)
    assert await peer.over() is None
    assert peer.heard == [1, 2, 0]


async def test_a_stream_that_breaks_off_is_a_crash() -> None:
    """Without a last message the peer has died, however politely its stream ended."""
    peer = Peer()
    peer.says.put_nowait(ended(1))
    peer.says.put_nowait(None)
    fault = await peer.over()
    assert isinstance(fault, PeerLost)
    assert fault.stage == "broker"
    assert "without a last message" in fault.message


async def test_a_stream_that_ends_after_we_have_closed_is_no_crash() -> None:
    """We said goodbye; whether the peer answers it does not matter."""
    peer = Peer(dialled=True)
    peer.outbox.close(Response(end=END.end))
    peer.says.put_nowait(None)
    assert await peer.over() is None
    assert peer.kinds() == ["end"]


@pytest.mark.parametrize("steps", range(12))
async def test_a_cancellation_is_not_lost_in_a_fault_of_the_same_moment(steps: int) -> None:
    """However many steps of the loop lie between the two, whoever would go on after the fault ends."""
    peer = Peer(goes_on=True)
    await settle()
    peer.says.put_nowait(None)
    for _ in range(steps):
        await asyncio.sleep(0)
    peer.task.cancel()
    await settle()
    assert peer.task.cancelled()


async def test_a_broken_call_is_told_in_words() -> None:
    """GRPC's status becomes a lost peer with its details."""
    peer = Peer()
    metadata = grpc.aio.Metadata()
    peer.says.put_nowait(grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, metadata, metadata, "no route"))
    fault = await peer.over()
    assert isinstance(fault, PeerLost)
    assert "it can't be reached" in fault.message


async def test_reading_does_not_wait_for_writing() -> None:
    """A peer that doesn't read can't keep us from hearing what it says."""
    peer = Peer()
    peer.may_write.clear()
    peer.outbox.audio(Response(played=egress.Played(reply=1)))
    for reply in range(1, 6):
        peer.says.put_nowait(ended(reply))
    await settle()
    assert peer.heard == [1, 2, 3, 4, 5]
    peer.says.put_nowait(END)
    assert await peer.over() is None


async def test_one_writer_sends_control_first() -> None:
    """While one message is being written, what comes is sorted: control before audio."""
    peer = Peer()
    await settle()
    peer.may_write.clear()
    peer.outbox.audio(Response(played=egress.Played(reply=1)))
    await settle()
    peer.outbox.audio(Response(played=egress.Played(reply=2)))
    peer.outbox.control(Response(ready=wire.StreamReady()))
    peer.may_write.set()
    peer.outbox.close()
    assert await peer.over() is None
    assert peer.kinds() == ["played", "ready", "played"]


async def test_closing_the_outbox_ends_the_answering_side() -> None:
    """All that waits is sent, then the link is over although the peer says nothing."""
    peer = Peer()
    peer.outbox.audio(Response(played=egress.Played(reply=1)))
    peer.outbox.close(Response(end=END.end))
    assert await peer.over() is None
    assert peer.kinds() == ["played", "end"]


async def test_the_dialling_side_lets_the_peer_close() -> None:
    """It says that it has sent all and waits for the peer's last message: cancelling would race `end`."""
    peer = Peer(dialled=True)
    peer.outbox.close(Response(end=END.end))
    await settle()
    assert peer.is_finished
    assert not peer.task.done()
    peer.says.put_nowait(ended(7))
    peer.says.put_nowait(END)
    assert await peer.over() is None
    assert peer.heard == [7, 0]


async def test_a_peer_that_takes_nothing_more_is_lost() -> None:
    """Writing to a call that is over is the peer's loss, not a traceback."""
    peer = Peer()

    async def broken(response: Response) -> None:
        raise asyncio.InvalidStateError("call is over")

    peer.link._write = broken
    peer.outbox.control(Response(ready=wire.StreamReady()))
    fault = await peer.over()
    assert isinstance(fault, PeerLost)
    assert "takes no more messages" in fault.message


async def test_what_the_handler_raises_ends_the_link() -> None:
    """A fault found in a message comes out of `run` as it is."""

    def refuse(request: Request) -> None:
        raise ProtocolFault("no")

    peer = Peer()
    peer.task.cancel()
    link = Link("broker", peer._messages(), peer._write, peer.outbox, None)
    peer.says.put_nowait(ended(1))
    with pytest.raises(ProtocolFault, match="no"):
        await link.run(refuse)


async def test_a_peer_that_is_refused_is_told_why() -> None:
    """The last words are sent before the fault ends the link, and nothing after the refused message is handled."""
    heard: list[int] = []

    def refuse(request: Request) -> None:
        heard.append(request.reply_ended.reply)
        raise ProtocolFault("half a sample")

    def give_up(fault: ParleyError) -> None:
        peer.outbox.control(Response(error=fault.to_wire()))
        peer.outbox.close(Response(end=END.end))

    peer = Peer()
    peer.task.cancel()
    link = Link("broker", peer._messages(), peer._write, peer.outbox, None, give_up=give_up)
    peer.says.put_nowait(ended(1))
    peer.says.put_nowait(ended(2))
    with pytest.raises(ProtocolFault, match="half a sample"):
        await link.run(refuse)
    assert heard == [1]
    assert peer.kinds() == ["error", "end"]


async def test_it_says_that_it_lives(ticks: Ticks) -> None:
    """A heartbeat each second, numbered."""
    peer = Peer(silence_s=None)
    await ticks.advance(3.2)
    assert [response.heartbeat.beat for response in peer.told] == [1, 2, 3]
    peer.says.put_nowait(END)
    assert await peer.over() is None


async def test_a_link_that_talks_needs_no_heartbeat(ticks: Ticks) -> None:
    """Whatever is sent says that it lives; the heartbeats go on when nothing else does."""
    peer = Peer(silence_s=None)
    for reply in range(1, 8):
        peer.outbox.audio(Response(played=egress.Played(reply=reply)))
        await ticks.advance(0.5)
    await ticks.advance(3.1)
    assert peer.kinds() == ["played"] * 7 + ["heartbeat"] * 2
    peer.says.put_nowait(END)
    assert await peer.over() is None


async def test_without_a_beat_it_is_silent(ticks: Ticks) -> None:
    """A link that has nothing to say sends nothing."""
    peer = Peer(silence_s=None, beats=False)
    await ticks.advance(10)
    assert peer.told == []
    peer.says.put_nowait(END)
    assert await peer.over() is None


async def test_a_frozen_peer_is_found(ticks: Ticks) -> None:
    """Three seconds without a sign of life are too many; any message counts as one."""
    peer = Peer()
    for _ in range(4):
        await ticks.advance(2.9)
        peer.says.put_nowait(BEAT)
    await ticks.advance(3.0)
    assert peer.fault is None
    await ticks.advance(1.0)
    fault = await peer.over()
    assert isinstance(fault, PeerLost)
    assert "sent nothing for 3 s" in fault.message


async def test_the_watch_can_be_switched_off(ticks: Ticks) -> None:
    """Without a patience the peer may be silent for ever."""
    peer = Peer(silence_s=None)
    await ticks.advance(100)
    assert peer.fault is None
    peer.says.put_nowait(END)
    assert await peer.over() is None


async def test_a_peer_that_reads_nothing_hits_the_limit_of_control(ticks: Ticks) -> None:
    """Even heartbeats pile up before somebody who doesn't read: it ends in a fault, not in memory."""
    peer = Peer(silence_s=None)
    peer.may_write.clear()
    peer.outbox._max_control = 3
    await ticks.advance(10)
    assert isinstance(await peer.over(), LimitFault)


async def test_a_last_word_to_somebody_who_has_gone() -> None:
    """Telling is best effort: a peer that has gone is no new fault."""

    async def gone(response: Response) -> None:
        raise asyncio.InvalidStateError

    await tell(gone, Response(ready=wire.StreamReady()))


async def test_a_peer_that_ends_still_gets_the_last_word() -> None:
    """When the answer to `end` is already waiting it is sent, even if the peer is slow to take it."""
    peer = Peer()
    peer.may_write.clear()
    peer.outbox.close(Response(end=wire.StreamEnd()))
    peer.says.put_nowait(Request(end=wire.StreamEnd()))
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_later(0.01, peer.may_write.set)
    assert await peer.over() is None
    assert peer.kinds() == ["end"]
