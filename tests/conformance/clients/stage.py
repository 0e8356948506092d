"""Where the scenarios of one client are played: side by side in this process, each with its own connection.

    python -m tests.conformance.clients.openai_sdk URL SPEECH SCENARIO…

Prints a line of JSON for each scenario when it ends: {"scenario", "facts"} or {"scenario", "failure"}. What the facts
should be is for the tests to say. Uses the standard library alone, since it runs in the clients' own environment.
"""

from __future__ import annotations

import asyncio
import json
import sys
import traceback
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

RATE_HZ = 24_000
_PATIENCE_S = 40.0
_CHUNK_S = 0.1

Facts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stage:
    """What a scenario is given: where the engine listens, and what to say to it."""

    url: str
    """ws://host:port/v1/realtime"""
    folder: Path

    @property
    def base_url(self) -> str:
        """The address as the openai SDK takes it."""
        return f"http://{urlsplit(self.url).netloc}/v1"

    def speech(self, name: str) -> bytes:
        """Recorded speech, PCM16LE mono at 24 kHz."""
        return (self.folder / f"{name}.pcm").read_bytes()

    def telephone(self, name: str) -> bytes:
        """The same as a telephone line carries it, mu-law at 8 kHz."""
        return (self.folder / f"{name}.ulaw").read_bytes()


class Scenario(Protocol):
    """A function that plays something and tells what came of it."""

    __name__: str

    async def __call__(self, stage: Stage, /) -> Facts:
        """Play it."""
        ...


def silence(seconds: float) -> bytes:
    """Nothing said, PCM16LE mono at 24 kHz."""
    return bytes(2 * round(seconds * RATE_HZ))


def seconds(pcm: bytes) -> float:
    """How long PCM16LE mono at 24 kHz lasts."""
    return len(pcm) / 2 / RATE_HZ


def chunks(pcm: bytes) -> list[bytes]:
    """Audio in the pieces a microphone gives, 100 ms each."""
    size = 2 * round(_CHUNK_S * RATE_HZ)
    return [pcm[begin : begin + size] for begin in range(0, len(pcm), size)]


def runs(kinds: Iterable[str]) -> list[str]:
    """The order in which kinds of events came, without repetitions and without those of two that take turns."""
    order: list[str] = []
    for kind in kinds:
        if kind not in order[-2:]:
            order.append(kind)
    return order


class Microphone:
    """Gives audio at the pace of life, silence when nothing is said: `async with Microphone(send) as microphone`.

    Interruptions are a matter of time, and a turn ends by the silence after it, which a microphone gives on and on.
    """

    def __init__(self, send: Callable[[bytes], Awaitable[None]]) -> None:
        self._send = send
        self._said = b""
        self._quiet = asyncio.Event()
        self._sending: asyncio.Task[None]

    async def __aenter__(self) -> Microphone:
        self._sending = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._sending.cancel()
        with suppress(asyncio.CancelledError):
            await self._sending

    async def say(self, pcm: bytes) -> None:
        """Say something, PCM16LE mono at 24 kHz, and wait until it was said."""
        self._said += pcm
        self._quiet.clear()
        await self._quiet.wait()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        size = len(silence(_CHUNK_S))
        due_s = loop.time()
        while True:
            chunk, self._said = self._said[:size], self._said[size:]
            await self._send(chunk.ljust(size, b"\0"))
            if not self._said:
                self._quiet.set()
            due_s += _CHUNK_S
            await asyncio.sleep(max(0.0, due_s - loop.time()))


def play(*scenarios: Scenario) -> None:
    """Play the scenarios that the command line names at the same time, and print their lines."""
    url, folder, *names = sys.argv[1:]
    wanted = [scenario for scenario in scenarios if scenario.__name__ in names]
    asyncio.run(_play_all(wanted, Stage(url, Path(folder))))


async def _play_all(scenarios: Sequence[Scenario], stage: Stage) -> None:
    async with asyncio.TaskGroup() as tasks:
        for scenario in scenarios:
            tasks.create_task(_play_one(scenario, stage))


async def _play_one(scenario: Scenario, stage: Stage) -> None:
    name = scenario.__name__
    try:
        async with asyncio.timeout(_PATIENCE_S):
            line: Facts = {"scenario": name, "facts": await scenario(stage)}
    except Exception:  # noqa: BLE001 - a scenario's boundary: the others go on, the test tells what happened
        line = {"scenario": name, "failure": traceback.format_exc()}
    print(json.dumps(line), flush=True)
