"""The stage on which the desktop client plays a scene, in virtual time: its servers, its network and its sound card."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clients.desktop.connection_failures import Cause, ConnectionFailed
from clients.desktop.conversation import Conversation
from clients.desktop.failures import ClientError
from clients.desktop.websocket_frames import decode, encode
from parley.v1 import conversation_service_pb2 as wire
from tests.vectors.journal import Journal, Sent
from tests.vectors.scenes import TICK_MS, Scene, Step, speech_pcm
from tests.vectors.sending import frame_of, sent_in
from tests.vectors.servers import Call, Doing, Servers

SETTLE_S = 0.001
MIC_SAMPLES = 320
SPEAKER_SAMPLES = 480


class Stage:
    """Plays a scene to its end, and writes down what the client does."""

    def __init__(self, scene: Scene) -> None:
        self.journal = Journal()
        self._scene = scene
        self._servers = Servers(scene, self.journal)
        self._lines: dict[Call, StageTransport] = {}
        self._card = StageCard(scene.setup)
        self._conversation = Conversation(_addresses(scene), self._card, dial=self._dial)
        self._doing: list[asyncio.Task[None]] = []

    async def play(self) -> Journal:
        """Play it."""
        loop = asyncio.get_running_loop()
        client = loop.create_task(self._converse())
        for moment in range(0, self._scene.end_ms + TICK_MS, TICK_MS):
            await asyncio.sleep(moment / 1000 - loop.time())
            for doing in self._servers.moment(moment):
                self._do(doing)
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
        call = self._servers.rings(self.now_ms())
        if call is None:
            raise ConnectionFailed(Cause.UNREACHABLE, "connection refused")
        transport = self._lines[call] = StageTransport(self, call)
        try:
            yield transport
        finally:
            call.over = True

    def take(self, call: Call, request: wire.ConverseRequest) -> None:
        """Receive what the client sent."""
        frame = encode(request)

        def read(at_ms: int, number: int) -> Sent:
            sent = sent_in(at_ms, number, frame)
            assert sent is not None, f"the client sent what no server reads: {frame!r}"
            return sent

        self._servers.takes(call, self.now_ms(), read)

    def _do(self, doing: Doing | Step) -> None:
        match doing:
            case Doing(call, "say", message):
                self._lines[call].come(frame_of(message))
            case Doing(call, "cut"):
                self._lines[call].come(ConnectionFailed(Cause.UNREACHABLE, "the network is away"))
            case Doing(call, "hang_up"):
                self._lines[call].come(None)
            case Step(kind="mic", what=what):
                self._card.speaks = what == "speech"
            case Step(what=what):
                self._press(what)

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


def _addresses(scene: Scene) -> str:
    return ",".join(f"stage:{number}" for number in range(1, scene.setup.get("addresses", 1) + 1))


class StageTransport:
    """One connection."""

    def __init__(self, stage: Stage, call: Call) -> None:
        self._stage = stage
        self._call = call
        self._inbox: asyncio.Queue[str | bytes | ConnectionFailed | None] = asyncio.Queue()

    async def send(self, request: wire.ConverseRequest) -> None:
        """Send."""
        if self._call.over:
            raise ConnectionFailed(Cause.UNREACHABLE, "it is gone")
        self._stage.take(self._call, request)

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
        self._call.over = True

    def come(self, what: str | bytes | ConnectionFailed | None) -> None:
        """Bring the client a frame, or the end."""
        self._inbox.put_nowait(what)


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
