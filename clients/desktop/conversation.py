"""A conversation with Parley: one line to the servers, one ticking device, and events for whoever watches.

async with Conversation("127.0.0.1:7700", HeadlessDevice()) as conversation:
    async for event in conversation:
        ...
"""

from __future__ import annotations

import asyncio
import uuid
from contextlib import suppress
from types import TracebackType
from typing import Self

from parley.v1 import conversation_service_pb2 as wire

from .calling import Caller
from .connecting import Dial
from .device import AudioDevice, KnownDevice
from .doors import Doors
from .event_feed import EventFeed
from .events import Event
from .failures import ClientError
from .line import Line
from .meters import Quality
from .playout import Playout
from .quality import follow_device, quality_of
from .reply_format import ask_for
from .session import PROTOCOL, Session
from .sound import MIC_FRAME_SAMPLES
from .transport import connect

DEFAULT_SERVER = "127.0.0.1:7700"
GOODBYE_S = 2.0
"""How long an ending may take: for the server's Closed after our End, for the last buffered words after Closed."""
PREBUFFER_MS = 20
ECHO = {"device": wire.Open.ECHO_DEVICE, "off": wire.Open.ECHO_DEVICE, "server": wire.Open.ECHO_SERVER}
"""What a server is told of the way in which a device keeps echo away; else that there is none."""


class Conversation:
    """One conversation, from `async with` to its end. Iterate it for events.

    Entering returns once a server has opened the session: the first of `server` ("a:7700,b:7700") that takes the call.
    Iteration ends when the conversation has ended, and raises the ClientError that ended it if it did not end well; a
    connection that is lost before is made again, where the server offers that. Leaving hangs up. `reply_format`: auto,
    pcm16 or opus, see `reply_format.py`; raises UsageError for an Opus that is not there. `client_buffer_ms` 0: as long
    as the format wants it.
    """

    def __init__(
        self,
        server: str,
        device: AudioDevice,
        *,
        agent: str = "",
        token: str = "",
        echo: wire.Open.Echo.ValueType | None = None,
        reply_format: str = "auto",
        client_buffer_ms: int = 0,
        prebuffer_ms: float = PREBUFFER_MS,
        dial: Dial = connect,
    ) -> None:
        self.device = device
        self.playout = Playout(prebuffer_ms)
        self.session = Session(self.playout)
        if echo is None:
            way = device.echo.way if isinstance(device, KnownDevice) else ""
            echo = ECHO.get(way, wire.Open.ECHO_HEADPHONES)
        self.session.local_duck.enabled = echo != wire.Open.ECHO_SERVER
        open_ = wire.Open(protocol=PROTOCOL, agent=agent, token=token, echo=echo)
        ask_for(open_, reply_format, server)
        open_.client_buffer_ms = client_buffer_ms or open_.client_buffer_ms
        caller = Caller(Doors(server), dial, plain_will_do=reply_format == "auto")
        self._line = Line(caller, open_, self.session, self._publish)
        self._events = EventFeed()
        self._opened = asyncio.Event()
        self._quiet = asyncio.Event()
        self._ending = False
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Connect and open. Raises ServerRefused. A device that can't be used is told when iterating."""
        self._task = asyncio.create_task(self._run(), name="conversation")
        self._task.add_done_callback(lambda _: self._events.close())
        opened = asyncio.create_task(self._opened.wait())
        try:
            await asyncio.wait([self._task, opened], return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await self._stop()
            raise
        finally:
            opened.cancel()
        if self._task.done() and not self._opened.is_set():
            self._task.result()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hang up if the conversation still goes on, and wait until all is put away."""
        await self.hang_up()
        await self._stop()

    def __aiter__(self) -> Self:
        """Return itself: there is one sequence of events."""
        return self

    async def __anext__(self) -> Event:
        """Return the next event; at the end stop, or raise the ClientError that ended the conversation."""
        if event := await self._events.get():
            return event
        if self._task and not self._task.cancelled() and (problem := self._task.exception()):
            raise problem
        raise StopAsyncIteration

    # What the person does

    async def hang_up(self, reason: str = "the person hung up") -> None:
        """End the conversation politely: say End and wait up to 2 s for the server's Closed. Again it does nothing."""
        if self._task is None or self._task.done():
            return
        self._ending = True
        self._line.hang_up(reason)
        await asyncio.wait([self._task], timeout=GOODBYE_S)
        await self._stop()

    def interrupt(self) -> None:
        """Stop the assistant now, as a key does."""
        self.session.interrupt()
        self._publish()

    def mute(self, muted: bool) -> None:
        """Close the microphone or open it again; while it is closed silence is sent."""
        self.session.muted = muted
        self._line.send(wire.ConverseRequest(mute=wire.Mute(muted=muted)))

    def push_to_talk(self, pressed: bool) -> None:
        """Press or let go of the talk key."""
        self.session.stop_key.let_go()
        self._line.send(wire.ConverseRequest(push_to_talk=wire.PushToTalk(pressed=pressed)))

    def say_text(self, text: str) -> None:
        """Type instead of speaking. The words have a name of their own: sent again they are answered once."""
        self.session.stop_key.let_go()
        self._line.send(wire.ConverseRequest(say=wire.Say(text=text, id=uuid.uuid4().hex)))

    @property
    def dropped_mic_frames(self) -> int:
        """Microphone frames lost: a server did not take them for more than 8 s, none was there for too long, or this
        program slept for too long.
        """
        never_kept = self._line.outbox.dropped_frames + self.session.pace.unsent_frames
        return never_kept + self._line.resumption.retention.lost_samples // MIC_FRAME_SAMPLES

    @property
    def quality(self) -> Quality:
        """How well the sound flows just now."""
        return quality_of(self.playout, self.device, self.dropped_mic_frames)

    @property
    def dropped_events(self) -> int:
        """Events lost because nobody looked at them."""
        return self._events.dropped

    # How it runs

    async def _run(self) -> None:
        try:
            await self._line.open()
            async with asyncio.TaskGroup() as tasks:
                helpers: list[asyncio.Task[None]] = []
                if not self.session.failure:
                    self._opened.set()
                    helpers.append(tasks.create_task(self._tick(), name="device"))
                await self._line.talk()
                await self._play_the_rest()
                for helper in helpers:
                    helper.cancel()
        except ExceptionGroup as group:
            raise _first_failure(group) from None
        finally:
            self.device.stop()
        if self.session.failure:
            raise self.session.failure

    async def _tick(self) -> None:
        """Keep microphone and speaker going from the opening to the end, whatever becomes of connections."""
        self.device.start()
        clock = asyncio.get_running_loop().time
        while True:
            mic_pcm = await self.device.tick()
            follow_device(self.device, self.session)
            speaker_pcm = self.session.tick(
                mic_pcm, clock(), self.device.output_latency_samples, self.device.input_latency_samples
            )
            self.device.play(speaker_pcm)
            self._publish()
            self._note_quiet()

    def _note_quiet(self) -> None:
        if self.playout.underway:
            self._quiet.clear()
        else:
            self._quiet.set()

    async def _play_the_rest(self) -> None:
        """When it was the server that closed, let the words that are already here be heard."""
        self._note_quiet()
        if not self._ending:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._quiet.wait(), GOODBYE_S)

    def _publish(self) -> None:
        """Hand on what the session has to say: requests to the line, events to the watcher."""
        for request in self.session.requests():
            self._line.send(request)
        for event in self.session.events():
            self._events.put(event)

    async def _stop(self) -> None:
        """Put everything away, whatever state it is in; failures are told to whoever iterates."""
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])
            if not self._task.cancelled():
                self._task.exception()


def _first_failure(group: ExceptionGroup[Exception]) -> Exception:
    """Return the first of the failures a person can act on, or the whole group when it holds a fault of the client."""
    mine, others = group.split(ClientError)
    if mine is None or others:
        return group
    first = mine.exceptions[0]
    return _first_failure(first) if isinstance(first, ExceptionGroup) else first
