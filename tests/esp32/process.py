"""One parley-device as a process: commands in, events out, and the recording of its speaker."""

from __future__ import annotations

import asyncio
import itertools
import json
import tempfile
import wave
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tests.esp32.program import build

MIC_HZ: Final = 16_000
_ENDS_S: Final = 10.0

Happening = dict[str, Any]


class DeviceProcess:
    """A running parley-device: `async with DeviceProcess("ws://…") as device`. Its last line is `summary`."""

    def __init__(self, servers: str, *options: str, mic_hz: int = MIC_HZ, before: Sequence[str] = ()) -> None:
        """`before` goes before the command: what runs it in a pod, say."""
        self.happenings: list[Happening] = []
        self.summary: Happening = {}
        self._servers, self._options, self._mic_hz = servers, options, mic_hz
        self._before = before
        self._folder = tempfile.TemporaryDirectory(prefix="parley-device-")
        self._names = itertools.count()
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._watchers: list[Callable[[Happening], None]] = []

    async def __aenter__(self) -> Self:
        program = str(await asyncio.to_thread(build))
        self._process = await asyncio.create_subprocess_exec(
            *(*self._before, program, "--server", self._servers, "--record", str(self.recording), *self._options),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.quit()
        finally:
            self._folder.cleanup()

    async def quit(self) -> int:
        """Have it hang up and end; return its exit code. The recording is whole then."""
        assert self._process is not None
        if self._process.returncode is None:
            self.tell("quit")
            try:
                async with asyncio.timeout(_ENDS_S):
                    await self._process.wait()
            except TimeoutError:
                self._process.kill()
                raise
        if self._reader is not None:
            await self._reader
        return await self._process.wait()

    async def ended(self, timeout_s: float = 60.0) -> int:
        """Wait until it has ended by itself; return its exit code."""
        assert self._process is not None
        async with asyncio.timeout(timeout_s):
            code = await self._process.wait()
            if self._reader is not None:
                await self._reader
        return code

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def recording(self) -> Path:
        """Where it records its speaker."""
        return Path(self._folder.name) / "speaker.wav"

    def played(self) -> bytes:
        """Return what the speaker was given, as PCM16, once the process has ended."""
        if not self.recording.exists():
            return self._kept
        with wave.open(str(self.recording), "rb") as file:
            self._kept = file.readframes(file.getnframes())
        return self._kept

    _kept: bytes = b""

    # What a person does

    def tell(self, command: str) -> None:
        """Give a command, a line of its standard input."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n".encode())

    def says(self, pcm: bytes) -> None:
        """Say this (PCM16 at the microphone's rate), after what is still being said."""
        path = Path(self._folder.name) / f"says-{next(self._names)}.wav"
        write_wav(path, pcm, self._mic_hz)
        self.tell(f"say {path}")

    # What happened

    def watch(self, watcher: Callable[[Happening], None]) -> None:
        """Have each happening told from now on."""
        self._watchers.append(watcher)

    def of(self, event: str, **fields: object) -> list[Happening]:
        """Return the happenings of one kind, with these fields."""
        return [got for got in self.happenings if _is(got, event, fields)]

    async def sees(self, event: str, *, after: int = 0, timeout_s: float = 20.0, **fields: object) -> Happening:
        """Wait for a happening of this kind, later than the first `after` of all, with these fields."""
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    for got in self.happenings[after:]:
                        if _is(got, event, fields):
                            return got
                    assert self._reader is not None
                    assert not self._reader.done(), f"it has ended; there was no {event} with {fields}"
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError as error:
            error.add_note(f"no {event} with {fields}, but {[got['event'] for got in self.happenings[after:]]}")
            raise

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            got: Happening = json.loads(line)
            if got["event"] == "summary":
                self.summary = got
            else:
                self.happenings.append(got)
                for watcher in self._watchers:
                    watcher(got)
            self._news.set()
        asyncio.get_running_loop().call_soon(self._news.set)  # whoever waits still, waits in vain


def _is(got: Happening, event: str, fields: dict[str, object]) -> bool:
    return got["event"] == event and all(got.get(name) == value for name, value in fields.items())


def write_wav(path: Path, pcm: bytes, rate_hz: int) -> None:
    """Write PCM16 with one channel as WAV."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(pcm)


async def run(*options: str, stdin: bytes | None = None, timeout_s: float = 60) -> tuple[int, str, list[str]]:
    """Run parley-device to its end; return exit code, what it complained of, and its lines."""
    process = await asyncio.create_subprocess_exec(
        str(await asyncio.to_thread(build)),
        *options,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(timeout_s):
        out, err = await process.communicate(stdin)
    return process.returncode or 0, err.decode(), out.decode().splitlines()
