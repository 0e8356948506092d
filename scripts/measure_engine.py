"""How soon the engine speaks: `python scripts/measure_engine.py [TURNS]`.

Starts an engine with its embedded parts and speaks to it in real time: in manual mode as the broker does (a commit and
a `response.create` after a pause), and with `server_vad`. Prints the time from the commit to the first audio, and in
manual mode to the transcript; p50 and p95 over the turns. The person is synthetic.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import soxr
from websockets.asyncio.client import ClientConnection, connect

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "protos" / "gen")]

from services.engine.server import PATH, engine  # noqa: E402
from services.engine.settings import Settings  # noqa: E402
from tests.fakes import speech  # noqa: E402

SENTENCES: Final = (
    "what time is it",
    "what is two plus three",
    "tell me a story",
    "what is your name",
    "count to ten",
    "what can you do for me on a rainy afternoon in november",
)
PAUSE_MS: Final = 400  # of silence before a commit: what endpointing takes at least
_HZ: Final = 24_000
_FRAME_MS: Final = 20
_VAD: Final = {"type": "server_vad", "silence_duration_ms": PAUSE_MS}


def question(number: int) -> bytes:
    """One of the sentences, PCM at 24 kHz, with silence around it."""
    spoken = np.frombuffer(speech.say(SENTENCES[number % len(SENTENCES)]), "<i2")
    pcm: bytes = soxr.resample(spoken, speech.RATE_HZ, _HZ).astype("<i2").tobytes()
    return bytes(_HZ * 2 * 3 // 10) + pcm


class Talk:
    """A session, and when each kind of event came last."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.times: dict[str, float] = {}
        self._news = asyncio.Event()

    async def send(self, kind: str, **fields: Any) -> None:
        """Send a client event."""
        await self._socket.send(json.dumps({"type": kind, **fields}))

    async def listen(self) -> None:
        """Note the first of each kind of event since they were forgotten."""
        async for message in self._socket:
            event = json.loads(message)
            self.times.setdefault(event["type"], time.monotonic())
            self._news.set()

    async def until(self, kind: str) -> float:
        """When the first event of a kind came."""
        while kind not in self.times:
            self._news.clear()
            await self._news.wait()
        return self.times[kind]

    async def speak(self, pcm: bytes) -> None:
        """Append audio in real time."""
        due_s = time.monotonic()
        for begin in range(0, len(pcm), _HZ * 2 * _FRAME_MS // 1000):
            audio = base64.b64encode(pcm[begin : begin + _HZ * 2 * _FRAME_MS // 1000]).decode()
            await self.send("input_audio_buffer.append", audio=audio)
            due_s += _FRAME_MS / 1000
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))


@asynccontextmanager
async def talking(url: str, detection: dict[str, Any] | None) -> AsyncIterator[Talk]:
    """Converse while the context lasts."""
    async with connect(url, compression=None, max_size=None) as socket, asyncio.TaskGroup() as tasks:
        talk = Talk(socket)
        listening = tasks.create_task(talk.listen())
        audio = {"input": {"turn_detection": detection, "transcription": {"model": "any"}}}
        await talk.send("session.update", session={"type": "realtime", "audio": audio})
        await talk.until("session.updated")
        yield talk
        listening.cancel()


async def manual(talk: Talk, number: int) -> tuple[float, float]:
    """Seconds from a commit to the transcript and to the first audio."""
    await talk.speak(question(number) + bytes(_HZ * 2 * PAUSE_MS // 1000))
    talk.times.clear()
    committed_s = time.monotonic()
    await talk.send("input_audio_buffer.commit")
    await talk.send("response.create")
    heard_s = await talk.until("response.output_audio.delta")
    understood_s = await talk.until("conversation.item.input_audio_transcription.completed")
    await talk.send("response.cancel")
    await talk.until("response.done")
    return understood_s - committed_s, heard_s - committed_s


async def detected(talk: Talk, number: int) -> float:
    """Seconds from the ear's commit to the first audio."""
    talk.times.clear()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(talk.speak(question(number) + bytes(_HZ * 2 * (PAUSE_MS + 600) // 1000)))
    heard_s = await talk.until("response.output_audio.delta")
    await talk.send("response.cancel")
    await talk.until("response.done")
    return heard_s - talk.times["input_audio_buffer.committed"]


def report(name: str, seconds: list[float]) -> None:
    """Print p50 and p95."""
    p50, p95 = np.percentile(np.array(seconds) * 1000, [50, 95])
    print(f"{name:<44}{p50:6.0f} ms p50{p95:7.0f} ms p95   {len(seconds)} turns")


async def main(turns: int) -> None:
    """Measure and report."""
    async with engine(Settings(port=0)) as (host, port):
        url = f"ws://{host}:{port}{PATH}"
        async with talking(url, None) as talk:
            pairs = [await manual(talk, number) for number in range(turns)]
        report("manual: commit → transcript", [understood for understood, _ in pairs])
        report("manual: commit → first audio", [heard for _, heard in pairs])
        async with talking(url, _VAD) as talk:
            report("server_vad: committed → first audio", [await detected(talk, number) for number in range(turns)])


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 24))
