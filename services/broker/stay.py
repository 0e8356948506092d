"""Stay: one session in this broker, from its first stream to its last word. It outlives the streams that reach it.

Vad's stream may break or be left to another vad, and egress may be replaced: model, tools and notes go on meanwhile. A
session that nobody attends is parked, and ends when nobody has come back in time.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from parley.v1 import broker_service_pb2 as wire
from parley.v1 import stream_pb2
from services.broker.account import Account
from services.broker.agent import Agent
from services.broker.captioning import Captioning
from services.broker.conversation import Conversation
from services.broker.custody import Custody
from services.broker.house import House
from services.broker.known import has_moved, read_known
from services.broker.meter import ADOPTED, PARKED, PARKED_LOST, REROUTED, RESTORED, RESTORED_BLIND
from services.broker.model_line import ModelLine
from services.broker.notes import KEEPING_S, Notes
from services.broker.parting import Draining, NobodyCameBack, goes_on_elsewhere
from services.broker.session import Thinking
from services.broker.spans import Spans
from services.broker.speak_hop import SpeakHop
from services.broker.tools.executor import Executor
from services.broker.vad_stream import STAGE, VadStream, Write
from services.common.boundary import contained, session_boundary
from services.common.bundle import run_together
from services.common.errors import ParleyError, PeerLost, Superseded

log = logging.getLogger("parley.broker")

QUIET_S: Final = 5.0
"""How long a stopping broker waits for a moment at which nothing is under way."""

_LAST_REPORT_S: Final = 0.05
"""When vad says that the session is over, what was played last may still be on its way from egress."""

_LOOK_S: Final = 0.05
_LEAVES_PARKED: Final = (stream_pb2.StreamEnd.REASON_SUPERSEDED, stream_pb2.StreamEnd.REASON_DRAINING)


class Stay:
    """One session's. It is `opened` by the newest stream, or rerouted by it."""

    def __init__(self, house: House, agent: Agent, opened: stream_pb2.StreamOpen) -> None:
        self.opened = opened
        self._house = house
        self._agent = agent
        self._name = opened.session
        core = Conversation(agent.manner)
        spans = Spans(opened)
        self._account = Account(house.meter, house.write_turn, agent, opened, core, spans=spans)
        self._custody = Custody(house.store, lambda: self.opened)
        notes = Notes(self._name, opened.lease, opened.dial, on_superseded=self._custody.doubt, give_up=self.close)
        listens = agent.manner.listens_always
        hearing = stream_pb2.StreamReady.HEARING_CONTINUOUS if listens else stream_pb2.StreamReady.HEARING_SPEECH
        self.thinking = Thinking(
            self._name,
            core,
            account=self._account,
            notes=notes,
            spans=spans,
            is_known=not opened.resumes,
            hearing=hearing,
        )
        self._speaking = SpeakHop(house.channels, self.thinking, opened)
        self._captioning = Captioning(self.thinking, agent.captions) if agent.captions is not None else None
        self._hear = self.thinking.from_vad if self._captioning is None else self._captioning.from_vad
        self._stream: VadStream | None = None
        self._has_been_met = False
        self._is_ready = False

    @property
    def is_over(self) -> bool:
        """True when the last messages have been said."""
        return self.thinking.closed.is_set()

    def events(self) -> Counter[str]:
        """What did not go as it should with its notes."""
        return Counter({f"notes_{what}": count for what, count in self.thinking.notes.counters.items()})

    # Vad's streams: each in a task of its own.

    def meet(self, opened: stream_pb2.StreamOpen) -> VadStream:
        """Vad has opened a stream, the first or a later one; only the newest counts."""
        if not self._has_been_met:
            self._has_been_met = True
            self._stream = VadStream(opened, self.thinking.to_vad)
            return self._stream
        log.info("session %s: another vad has come", self._name)
        self._count(ADOPTED)
        self._house.parking.take(self._name)
        self._custody.attended()
        self._follow(opened)
        self._speaking.follow(opened)
        if self._captioning is not None:
            self._captioning.lose_vad()
        self._stream = VadStream(opened, self.thinking.meet_vad(is_ready=self._is_ready))
        return self._stream

    async def attend(self, stream: VadStream, requests: AsyncIterator[wire.RespondRequest], write: Write) -> None:
        """Serve a stream of vad's to its end."""
        why = "its task was cancelled"
        try:
            why = await stream.run(requests, write, lambda request: self._take(stream, request), self.close)
        finally:
            if stream is self._stream and not self.is_over:
                contained(log, f"session {self._name}", lambda: self._park(why), self.close)

    def _take(self, stream: VadStream, request: wire.RespondRequest) -> None:
        if stream is not self._stream:
            return
        match request.WhichOneof("message"):
            case "end" if request.end.reason in _LEAVES_PARKED:
                stream.answer(request.end)
            case "end":
                self._stream = None
                stream.answer(request.end)
                asyncio.get_running_loop().call_later(_LAST_REPORT_S, self.close, None)
            case "open":  # the same vad goes on for another ingress, under a later lease
                stream.on_opened_again(request.open)
                self._follow(request.open)
                self._speaking.follow(request.open)
            case "reroute":
                self._count(REROUTED)
                self._follow(self._speaking.reroute(request.reroute))
            case _:
                self._hear(request)

    def _follow(self, opened: stream_pb2.StreamOpen) -> None:
        self.opened = opened
        self.thinking.notes.claim(opened.lease, opened.dial)

    def _park(self, why: str) -> None:
        """Nobody attends any more: wait for another vad, unless the session has not even begun."""
        self._stream = None
        if not self._is_ready and self.thinking.is_known:
            self.close(PeerLost(STAGE, why))
            return
        log.warning("session %s is parked: %s", self._name, why)
        self._count(PARKED)
        self._house.parking.park(self._name, self._custody)
        if self._captioning is not None:
            self._captioning.lose_vad()
        self.thinking.lose_vad()

    # The session: a task of its own.

    async def live(self) -> None:
        """Think until the session is over, here at least."""
        try:
            async with session_boundary(log, f"session {self._name}", self._break_off):
                with self._account:
                    async with _running(self.thinking.notes.keep(self._house.store)) as keeping:
                        links = [self._attended(), self._speaking.run()]
                        await run_together(links, self._background(), self.close)
                        if not await self.thinking.notes.kept(keeping):
                            self._house.late_notes.take(self._name, self.thinking.notes)
                if not goes_on_elsewhere(self.thinking.fault):
                    self._house.reporting.report(self._agent, self.thinking, self.thinking.fault)
        finally:
            self.thinking.closed.set()

    def _background(self) -> list[Coroutine[Any, Any, None]]:
        executor = Executor(self._agent.toolbox, self._house.tool_callers)
        work = [
            self._begin(),
            ModelLine(self.thinking, self._agent.model).run(),
            self._custody.watch(),
            self.thinking.errands.run(executor, self._agent.name),
            self.thinking.tick(),
        ]
        return work if self._captioning is None else [*work, self._captioning.run()]

    async def _attended(self) -> None:
        """Wait for the end. Raises what it ends by."""
        await self.thinking.closed.wait()
        if self._stream is not None:
            self._stream.let_go()
        else:
            self._house.parking.take(self._name)
        fault, tally = self.thinking.fault, self.thinking.core.tally
        if isinstance(fault, NobodyCameBack):
            self._count(PARKED_LOST)
        if goes_on_elsewhere(fault):
            log.info("session %s goes on elsewhere: %s", self._name, fault.detail if fault else "")
        else:
            log.info("session %s ended: %s; %s", self._name, fault.detail if fault else "well", tally)
        if fault is not None:
            raise fault

    async def _begin(self) -> None:
        """Begin, or go on where another broker was, and tell vad; then wait for ever."""
        if not self.thinking.is_known:
            await self._restore()
        else:
            await self._speaking.ready()
            await self.thinking.model_ready.wait()
            self._is_ready = True
            self.thinking.ready(is_told_past=self.opened.resumes)
        await asyncio.Event().wait()

    async def _restore(self) -> None:
        """Learn from Redis and egress what the session is about. Raises Superseded when it was dialled elsewhere."""
        known = await read_known(self._house.store, self._name)
        if has_moved(known.record, self.opened):
            raise Superseded("the session was given to another broker meanwhile")
        await self.thinking.mouth.is_told.wait()
        self._is_ready = True
        self.thinking.restore(known.record, known.history)
        self._count(RESTORED if known.is_whole else RESTORED_BLIND)
        log.info("session %s goes on here, after %d items of history", self._name, len(known.history))

    async def leave(self) -> None:
        """The broker stops: go at a quiet moment, if one comes, and let another one go on."""
        with suppress(TimeoutError):
            async with asyncio.timeout(QUIET_S if self._is_ready else 0.0):
                while not (self.is_over or self.thinking.core.is_quiet):  # noqa: ASYNC110 - the clock has a say, too
                    await asyncio.sleep(_LOOK_S)
        self.thinking.leave()
        written = asyncio.Event()
        self.thinking.notes.after(written.set)
        with suppress(TimeoutError):
            async with asyncio.timeout(KEEPING_S):
                await written.wait()
        self.close(Draining())

    def close(self, fault: ParleyError | None) -> None:
        """End the session here; again it does nothing."""
        self.thinking.close(fault)

    async def _break_off(self, error: stream_pb2.Error) -> None:
        """A fault of ours ends it."""
        self.thinking.break_off(error)
        if self._stream is not None:
            self._stream.let_go()

    def _count(self, what: str) -> None:
        self._house.meter.takeovers.labels(self._agent.name, what).inc()


@asynccontextmanager
async def _running(work: Coroutine[Any, Any, None]) -> AsyncIterator[asyncio.Task[None]]:
    """Run a task that ends with the block, at the latest."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work)
        yield task
        task.cancel()
