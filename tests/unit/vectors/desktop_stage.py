"""The stage on which the desktop client plays a scene, in virtual time: its servers, its network and its sound card."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clients.desktop.connection_failures import Cause, ConnectionFailed
from clients.desktop.conversation import Conversation
from clients.desktop.failures import ClientError
from clients.desktop.websocket_frames import decode, encode
from parley.v1 import conversation_service_pb2 as wire
from tests.vectors.journal import Journal
from tests.vectors.scenes import TICK_MS, Scene, Step, speech_pcm
from tests.vectors.sending import frame_of, pieces, sent_in

SETTLE_S = 0.001
MIC_SAMPLES = 320
SPEAKER_SAMPLES = 480
AWAY, VANISHED = "down", "vanish"


class Stage:
    """Plays a scene to its end, and writes down what the client does."""

    def __init__(self, scene: Scene) -> None:
        self.journal = Journal()
        self._scene = scene
        self._network = "up"
        self._lines: list[StageTransport] = []
        self._answers: list[tuple[int, StageTransport, dict[str, Any]]] = []
        self._stream: Iterator[list[dict[str, Any]]] = iter(())
        self._stream_over: StageTransport | None = None
        self._card = StageCard(scene.setup)
        self._conversation = Conversation("stage:1", self._card, dial=self._dial)
        self._doing: list[asyncio.Task[None]] = []
        self._hung_up = False

    async def play(self) -> Journal:
        """Play it."""
        loop = asyncio.get_running_loop()
        client = loop.create_task(self._converse())
        happenings = deque(self._scene.happenings)
        for moment in range(0, self._scene.end_ms + TICK_MS, TICK_MS):
            await asyncio.sleep(moment / 1000 - loop.time())
            self._answer(moment)
            self._beat(moment)
            self._send_piece()
            while happenings and happenings[0].at_ms == moment:
                self._happen(happenings.popleft())
            await asyncio.sleep(SETTLE_S)
            if moment:
                self._card.pass_tick()
            await asyncio.sleep(TICK_MS / 1000 - 2 * SETTLE_S)
            if (sound := self._card.take()) is not None:
                self.journal.output[moment] = sound
            self.journal.states[moment] = self._state(client)
        client.cancel()
        await asyncio.wait([client, *self._doing])
        return self.journal

    def now_ms(self) -> int:
        """The moment that the loop's time belongs to."""
        return int(asyncio.get_running_loop().time() * 1000 + 0.5) // TICK_MS * TICK_MS

    async def _converse(self) -> None:
        with suppress(ClientError):
            async with self._conversation:
                async for _ in self._conversation:
                    pass

    def _state(self, client: asyncio.Task[None]) -> str:
        conversation = self._conversation
        if client.done() or (conversation._task and conversation._task.done()):
            return "ended"
        if not conversation.session.opened:
            return "connecting"
        return "resuming" if conversation._line.outbox.paused else "conversation"

    # The servers and the network

    @asynccontextmanager
    async def _dial(self, _: str) -> AsyncIterator[StageTransport]:
        self.journal.calls_ms.append(self.now_ms())
        if self._network == AWAY:
            raise ConnectionFailed(Cause.UNREACHABLE, "the network is away")
        transport = StageTransport(self)
        if self._network == VANISHED:
            transport.lost = True
        elif self._scene.answer(len(self._lines) + 1).refused:
            self._lines.append(transport)
            raise ConnectionFailed(Cause.UNREACHABLE, "connection refused")
        try:
            yield transport
        finally:
            transport.abandon()

    def take(self, transport: StageTransport, request: wire.ConverseRequest) -> None:
        """Receive what the client sent."""
        frame = encode(request)
        if request.HasField("open"):
            self._lines.append(transport)
            transport.call = len(self._lines)
            answer = self._scene.answer(transport.call)
            if not answer.silent:
                self._answers.append((self.now_ms() + answer.after_ms, transport, answer.message))
        sent = sent_in(self.now_ms(), transport.call, frame)
        assert sent is not None, f"the client sent what no server reads: {frame!r}"
        self.journal.sent.append(sent)

    def _answer(self, moment: int) -> None:
        for due in [answer for answer in self._answers if answer[0] <= moment]:
            self._answers.remove(due)
            _, transport, message = due
            transport.say(message)
            if "opened" in message:
                transport.stands = True
                transport.stands_since_ms = moment

    def _beat(self, moment: int) -> None:
        for transport in self._lines:
            stood_ms = moment - transport.stands_since_ms
            if transport.stands and stood_ms > 0 and stood_ms % 1000 == 0:
                transport.say({"heartbeat": {"beat": str(stood_ms // 1000)}})

    def _standing(self, over: int | None = None) -> StageTransport:
        if over is not None:
            return self._lines[over - 1]
        standing = [line for line in self._lines if line.stands]
        assert standing, f"{self._scene}: nobody is there to be sent something at {self.now_ms()} ms"
        return standing[-1]

    def _send_piece(self) -> None:
        for message in next(self._stream, []):
            if self._stream_over:
                self._stream_over.say(message)

    def _happen(self, step: Step) -> None:
        match step.kind:
            case "server":
                for message in step.what if isinstance(step.what, list) else [step.what]:
                    self._standing(step.over).say(message)
            case "audio":
                self._stream, self._stream_over = iter(()), None
                if step.what != "stop":
                    self._stream, self._stream_over = pieces(step.what), self._standing(step.over)
                    self._send_piece()
            case "mic":
                self._card.speaks = step.what == "speech"
            case "network":
                self._change_network(step.what)
            case "person":
                self._press(step.what)

    def _change_network(self, how: str) -> None:
        match how:
            case "down":
                self._network = AWAY
                for line in self._lines:
                    line.end(ConnectionFailed(Cause.UNREACHABLE, "the network is away"))
            case "vanish":
                self._network = VANISHED
                for line in self._lines:
                    line.lost = True
            case "hang_up":
                for line in self._lines:
                    line.end(None)
            case "up":
                self._network = "up"

    def _press(self, what: dict[str, Any]) -> None:
        match what:
            case {"interrupt": _}:
                self._conversation.interrupt()
            case {"mute": {"muted": bool(muted)}}:
                self._conversation.mute(muted)
            case {"pushToTalk": {"pressed": bool(pressed)}}:
                self._conversation.push_to_talk(pressed)
            case {"say": {"text": str(text)}}:
                self._conversation.say_text(text)
            case {"hangUp": _}:
                self._doing.append(asyncio.create_task(self._conversation.hang_up()))


class StageTransport:
    """One connection."""

    def __init__(self, stage: Stage) -> None:
        self.call = 0
        self.stands = False
        self.stands_since_ms = 0
        self.lost = False
        """Nothing comes through any more."""
        self._stage = stage
        self._ended = False
        self._inbox: asyncio.Queue[str | bytes | ConnectionFailed | None] = asyncio.Queue()

    async def send(self, request: wire.ConverseRequest) -> None:
        """Send."""
        if self._ended:
            raise ConnectionFailed(Cause.UNREACHABLE, "it is gone")
        if not self.lost:
            self._stage.take(self, request)

    async def finish(self) -> None:
        """Say nothing more."""

    async def receive(self) -> wire.ConverseResponse | None:
        """Return what comes next, read from its frame."""
        got = await self._inbox.get()
        if isinstance(got, ConnectionFailed):
            raise got
        if got is None:
            self._inbox.put_nowait(None)  # whoever reads on reads the same
            return None
        return decode(got)

    def abandon(self) -> None:
        """Go."""
        self._ended, self.stands = True, False

    def say(self, message: dict[str, Any]) -> None:
        """Say something as the server."""
        if not self._ended and not self.lost:
            self._inbox.put_nowait(frame_of(message))

    def end(self, how: ConnectionFailed | None) -> None:
        """Break off, or hang up."""
        if not self._ended:
            self._inbox.put_nowait(how)
            self.abandon()


class StageCard:
    """The sound card: it ticks when it is told to."""

    def __init__(self, setup: dict[str, Any]) -> None:
        self.output_latency_samples = setup.get("outputLatencyMs", 0) * 24
        self.input_latency_samples = setup.get("inputLatencyMs", 0) * 16
        self.speaks = False
        self._tick = asyncio.Event()
        self._runs = False
        self._captured = 0
        self._played: bytes | None = None

    def start(self) -> None:
        """Begin."""
        self._tick.clear()
        self._runs = True

    async def tick(self) -> bytes:
        """Wait for the tick."""
        await self._tick.wait()
        self._tick.clear()
        self._captured += MIC_SAMPLES
        silence = np.zeros(MIC_SAMPLES, np.int16)
        sound = speech_pcm(self._captured - MIC_SAMPLES, MIC_SAMPLES) if self.speaks else silence
        return sound.astype("<i2").tobytes()

    def play(self, pcm: bytes) -> None:
        """Take what is to be played."""
        self._played = pcm

    def stop(self) -> None:
        """Fall silent."""
        self._runs = False

    def pass_tick(self) -> None:
        """Let a tick pass."""
        if self._runs:
            self._tick.set()

    def take(self) -> NDArray[np.int16] | None:
        """Return what was given for the tick just passed."""
        pcm, self._played = self._played, None
        return None if pcm is None else np.frombuffer(pcm, "<i2").astype(np.int16)
