"""How soon the engine answers, and how soon it stops: `python -m tests.load.engine_latency [turns]`.

Starts an engine with its embedded parts, connects as a client does over the loopback, and speaks questions to it in
real time in manual mode. Prints, in milliseconds: from the commit to the first audio; from the commit to the
transcript; from a cancel to `response.done`, and how many events of the response came after it.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import websockets
from websockets.asyncio.client import ClientConnection

from services.engine.voices.espeak import EspeakVoice

_QUESTIONS = ("what time is it", "count to ten", "tell me a story", "what is your name", "what is seven times eight")
_FRAME_BYTES = 4_800  # 100 ms at 24 kHz
_SILENCE = bytes(5 * _FRAME_BYTES)  # what vad waits for before it commits


@dataclass
class EngineLatencies:
    """What was found, in seconds per turn."""

    first_audio_s: list[float] = field(default_factory=list)
    transcript_s: list[float] = field(default_factory=list)
    cancelled_s: list[float] = field(default_factory=list)
    late_events: int = 0


async def main(turns: int) -> None:
    """Measure and print."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.engine",
        env={**os.environ, "PARLEY_ENGINE_PORT": "0"},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        url = await _address(process)
        found = await measure(url, turns)
    finally:
        process.terminate()
        await process.communicate()
    print(f"{'commit → first audio':22}{_figures(found.first_audio_s)}")
    print(f"{'commit → transcript':22}{_figures(found.transcript_s)}")
    print(f"{'cancel → done':22}{_figures(found.cancelled_s)}")
    print(f"{'events after done':22}{found.late_events}")


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    while line := (await process.stderr.readline()).decode():
        if match := re.search(r"engine listening on (ws://\S+)", line):
            return match[1]
    raise SystemExit("the engine did not start")


async def measure(url: str, turns: int) -> EngineLatencies:
    """Speak so many questions to the engine at `url`, one after another, and cancel each answer."""
    async with EspeakVoice() as voice:
        questions = [(await voice.say(question, "en-us")).pcm for question in _QUESTIONS]
    found = EngineLatencies()
    async with websockets.connect(url, max_size=None) as socket:
        turn = {"turn_detection": None, "transcription": {"model": "embedded"}}
        await _send(socket, "session.update", session={"type": "realtime", "audio": {"input": turn}})
        for index in range(turns):
            await _speak(socket, questions[index % len(questions)] + _SILENCE)
            committed_s = time.perf_counter()
            await _send(socket, "input_audio_buffer.commit")
            await _send(socket, "response.create")
            await _until(socket, "conversation.item.input_audio_transcription.completed")
            found.transcript_s.append(time.perf_counter() - committed_s)
            audio = await _until(socket, "response.output_audio.delta")
            found.first_audio_s.append(time.perf_counter() - committed_s)
            await asyncio.sleep(0.05)
            cancelled_s = time.perf_counter()
            await _send(socket, "response.cancel")
            ended = await _until(socket, "response.done", "error")
            if ended["type"] == "response.done" and ended["response"]["status"] == "cancelled":
                found.cancelled_s.append(time.perf_counter() - cancelled_s)
            found.late_events += await _stragglers(socket, audio["response_id"])
    return found


async def _speak(socket: ClientConnection, pcm: bytes) -> None:
    due_s = time.perf_counter()
    for begin in range(0, len(pcm), _FRAME_BYTES):
        audio = base64.b64encode(pcm[begin : begin + _FRAME_BYTES]).decode()
        await _send(socket, "input_audio_buffer.append", audio=audio)
        due_s += 0.1
        await asyncio.sleep(max(0.0, due_s - time.perf_counter()))


async def _send(socket: ClientConnection, kind: str, **fields: Any) -> None:
    await socket.send(json.dumps({"type": kind, **fields}))


async def _until(socket: ClientConnection, *kinds: str) -> dict[str, Any]:
    while True:
        event: dict[str, Any] = json.loads(await asyncio.wait_for(socket.recv(), 30))
        if event["type"] in kinds:
            return event


async def _stragglers(socket: ClientConnection, response_id: str) -> int:
    """How many events of a response come although it is over."""
    found = 0
    while True:
        try:
            event = json.loads(await asyncio.wait_for(socket.recv(), 0.2))
        except TimeoutError:
            return found
        found += event.get("response_id") == response_id


def _figures(values: Sequence[float]) -> str:
    ordered = sorted(1000 * value for value in values)
    worst = ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]
    return f"p50 {statistics.median(ordered):6.1f}   p95 {worst:6.1f}   max {ordered[-1]:6.1f}   n {len(ordered)}"


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 50))
