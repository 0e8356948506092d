"""A conversation with Parley: one reader, one writer, one ticking device, and events for whoever watches.

async with Conversation("127.0.0.1:7700", HeadlessDevice()) as conversation:
    async for event in conversation:
        ...
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, suppress
from types import TracebackType
from typing import Self

from parley.v1 import conversation_service_pb2 as wire

from .connection_failures import ConnectionFailed, closed_early, lost, unanswered
from .device import AudioDevice
from .event_feed import EventFeed
from .events import Event
from .failures import ClientError, ConversationBroken
from .outbox import Outbox
from .playout import Playout
from .session import PROTOCOL, Session
from .transport import Transport, connect

DEFAULT_SERVER = "127.0.0.1:7700"
OPEN_WITHIN_S = 10.0
"""A server that has not answered Open by then is given up."""
SILENT_SERVER_S = 10.0
"""A server whose heartbeats have stopped for so long is taken for dead."""
GOODBYE_S = 2.0
"""How long an ending may take: for the server's Closed after our End, for the last buffered words after Closed."""
CLIENT_BUFFER_MS = 60
PREBUFFER_MS = 20


class Conversation:
    """One conversation, from `async with` to its end. Iterate it for events.

    Entering returns once the server has opened the session. Iteration ends when the conversation has ended, and raises
    the ClientError that ended it if it did not end well. Leaving hangs up.
    """

    def __init__(
        self,
        server: str,
        device: AudioDevice,
        *,
        agent: str = "",
        token: str = "",
        echo: wire.Open.Echo.ValueType = wire.Open.ECHO_HEADPHONES,
        client_buffer_ms: int = CLIENT_BUFFER_MS,
        prebuffer_ms: float = PREBUFFER_MS,
    ) -> None:
        self.server = server
        self.device = device
        self.playout = Playout(prebuffer_ms)
        self.session = Session(self.playout)
        self._open = wire.Open(
            protocol=PROTOCOL, agent=agent, token=token, echo=echo, client_buffer_ms=client_buffer_ms
        )
        self._outbox = Outbox()
        self._events = EventFeed()
        self._opened = asyncio.Event()
        self._quiet = asyncio.Event()
        self._ending = False
        self._task: asyncio.Task[None] | None = None
        self._last_heard_s = 0.0
        self._server_beats = False

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
        self._outbox.close(wire.ConverseRequest(end=wire.End(reason=reason)))
        await asyncio.wait([self._task], timeout=GOODBYE_S)
        await self._stop()

    def interrupt(self) -> None:
        """Stop the assistant now, as a key does."""
        self._outbox.put(wire.ConverseRequest(interrupt=wire.ConverseRequest.Interrupt()))

    def mute(self, muted: bool) -> None:
        """Close the microphone or open it again; while it is closed silence is sent."""
        self.session.muted = muted
        self._outbox.put(wire.ConverseRequest(mute=wire.Mute(muted=muted)))

    def push_to_talk(self, pressed: bool) -> None:
        """Press or let go of the talk key."""
        self._outbox.put(wire.ConverseRequest(push_to_talk=wire.PushToTalk(pressed=pressed)))

    def say_text(self, text: str) -> None:
        """Type instead of speaking."""
        self._outbox.put(wire.ConverseRequest(say=wire.Say(text=text)))

    @property
    def dropped_mic_frames(self) -> int:
        """Microphone frames lost because the server did not take them for more than 2 s."""
        return self._outbox.dropped_frames

    @property
    def dropped_events(self) -> int:
        """Events lost because nobody looked at them."""
        return self._events.dropped

    # How it runs

    async def _run(self) -> None:
        async with AsyncExitStack() as connection:
            transport = await self._connect(connection)
            try:
                await self._converse(transport)
            except ExceptionGroup as group:
                raise _first_failure(group) from None
            finally:
                self.device.stop()

    async def _connect(self, connection: AsyncExitStack) -> Transport:
        try:
            async with asyncio.timeout(OPEN_WITHIN_S):
                return await connection.enter_async_context(connect(self.server))
        except TimeoutError:
            raise unanswered(self.server, OPEN_WITHIN_S) from None
        except ConnectionFailed as failure:
            raise lost(self.server, False, failure) from None

    async def _converse(self, transport: Transport) -> None:
        self._outbox.put(wire.ConverseRequest(open=self._open))
        async with asyncio.TaskGroup() as tasks:
            reader = tasks.create_task(self._read(transport), name="reader")
            helpers = [tasks.create_task(self._write(transport), name="writer")]
            if await self._is_opened_before(reader):
                helpers.append(tasks.create_task(self._tick(), name="device"))
            await reader
            await self._play_the_rest()
            for helper in helpers:
                helper.cancel()
        if self.session.failure:
            raise self.session.failure

    async def _is_opened_before(self, reader: asyncio.Task[None]) -> bool:
        """Wait for Opened; return False when the stream ended without it."""
        opened = asyncio.create_task(self._opened.wait())
        done, _ = await asyncio.wait([reader, opened], timeout=OPEN_WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
        opened.cancel()
        if not done:
            raise unanswered(self.server, OPEN_WITHIN_S)
        return self._opened.is_set() and not (reader.done() and reader.exception())

    async def _read(self, transport: Transport) -> None:
        """Hand what comes to the session at once, whatever the speaker does. Returns when the server has closed."""
        try:
            while not self._is_answered_for and (response := await transport.receive()) is not None:
                self._take(response)
            async with asyncio.timeout(GOODBYE_S):
                while await transport.receive() is not None:
                    pass
        except ConnectionFailed as failure:
            if not (self._ending or self._is_answered_for):
                raise lost(self.server, self.session.opened, failure) from None
        except TimeoutError:
            pass  # a server that does not hang up after Closed or its last Error is left
        if not (self._ending or self._is_answered_for):
            raise closed_early(self.server, self.session.opened)

    def _take(self, response: wire.ConverseResponse) -> None:
        self._last_heard_s = time.monotonic()
        self._server_beats |= response.HasField("heartbeat")
        self.session.receive(response, self._last_heard_s)
        self._publish()
        if self.session.opened and not self.session.failure:
            self._opened.set()

    @property
    def _is_answered_for(self) -> bool:
        """Whether the server has said its last word: Closed, or an Error that ends it."""
        return self.session.closed or self.session.failure is not None

    async def _write(self, transport: Transport) -> None:
        """Send what waits. When the call has ended the reader knows why, so a failing write only ends this task."""
        with suppress(ConnectionFailed):
            while (request := await self._outbox.get()) is not None:
                await transport.send(request)
            await transport.finish()

    async def _tick(self) -> None:
        """Keep microphone and speaker going from the opening to the end."""
        self.device.start()
        while True:
            mic_pcm = await self.device.tick()
            now_s = time.monotonic()
            speaker_pcm = self.session.tick(
                mic_pcm, now_s, self.device.output_latency_samples, self.device.input_latency_samples
            )
            self.device.play(speaker_pcm)
            self._publish()
            self._note_quiet()
            self._check_server(now_s)

    def _note_quiet(self) -> None:
        if self.playout.underway:
            self._quiet.clear()
        else:
            self._quiet.set()

    def _check_server(self, now_s: float) -> None:
        """Raise ConversationBroken when the server's heartbeats have stopped."""
        silent_s = now_s - self._last_heard_s
        if self._server_beats and silent_s > SILENT_SERVER_S and not (self._ending or self._is_answered_for):
            raise ConversationBroken(f"{self.server} has been silent for {silent_s:.0f} s; the connection is lost.")

    async def _play_the_rest(self) -> None:
        """When it was the server that closed, let the words that are already here be heard."""
        self._note_quiet()
        if not self._ending:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._quiet.wait(), GOODBYE_S)

    def _publish(self) -> None:
        """Hand on what the session has to say: requests to the writer, events to the watcher."""
        for request in self.session.requests():
            self._outbox.put(request)
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
