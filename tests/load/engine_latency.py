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
from typing import Any

import websockets
from websockets.asyncio.client import ClientConnection

from services.engine.voices.espeak import EspeakVoice

_QUESTIONS = ("what time is it", "count to ten", "tell me a story", "what is your name", "what is seven times eight")
_FRAME_BYTES = 4_800  # 100 ms at 24 kHz
_SILENCE = bytes(5 * _FRAME_BYTES)  # what vad waits for before it commits


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
        first, heard, stopped, late = await _measure(url, turns)
    finally:
        process.terminate()
        await process.communicate()
    for what, values in (("commit → first audio", first), ("commit → transcript", heard), ("cancel → done", stopped)):
        print(f"{what:22}{_figures(values)}")
    print(f"{'events after done':22}{late}")


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    while line := (await process.stderr.readline()).decode():
        if match := re.search(r"engine listening on (ws://\S+)", line):
            return match[1]
    raise SystemExit("the engine did not start")


async def _measure(url: str, turns: int) -> tuple[list[float], list[float], list[float], int]:
    async with EspeakVoice() as voice:
        questions = [(await voice.say(question, "en-us")).pcm for question in _QUESTIONS]
    first, heard, stopped, late = [], [], [], 0
    async with websockets.connect(url, max_size=None) as socket:
        turn = {"turn_detection": None, "transcription": {"model": "embedded"}}
        await _send(socket, "session.update", session={"type": "realtime", "audio": {"input": turn}})
        for index in range(turns):
            await _speak(socket, questions[index % len(questions)] + _SILENCE)
            committed_s = time.perf_counter()
            await _send(socket, "input_audio_buffer.commit")
            await _send(socket, "response.create")
            await _until(socket, "conversation.item.input_audio_transcription.completed")
            heard.append(time.perf_counter() - committed_s)
            audio = await _until(socket, "response.output_audio.delta")
            first.append(time.perf_counter() - committed_s)
            await asyncio.sleep(0.05)
            cancelled_s = time.perf_counter()
            await _send(socket, "response.cancel")
            ended = await _until(socket, "response.done", "error")
            if ended["type"] == "response.done" and ended["response"]["status"] == "cancelled":
                stopped.append(time.perf_counter() - cancelled_s)
            late += await _stragglers(socket, audio["response_id"])
    return first, heard, stopped, late


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
