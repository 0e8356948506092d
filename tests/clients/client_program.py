"""A client as a process: commands in, happenings out, and its speaker's sound through a FIFO, as it is played.

All three speak like this: a command a line on standard input (`type WORDS`, `interrupt`, `quit`), a line of JSON for
each happening on standard output (`event`: opened, reply_started, reply_played, silenced, underrun, resumed, closed),
and what the speaker is given, 24 kHz PCM16, in the file that `--record` names.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tests.clients.failures import ClientLost
from tests.clients.sound_track import SoundTrack

ENDS_S: Final = 20.0
ASKS_AGAIN_S: Final = 0.5
OPENS_S: Final = 120.0
BEGINS_S: Final = 30.0
_FRAME_BYTES: Final = 960

Happening = dict[str, Any]


class ClientProgram:
    """`async with ClientProgram(command, env) as client`: entered once the conversation is open."""

    def __init__(self, command: Sequence[str], env: dict[str, str]) -> None:
        self.track = SoundTrack()
        self.happenings: list[Happening] = []
        self._command, self._env = command, env
        self._folder = tempfile.TemporaryDirectory(prefix="parley-client-")
        self._fifo = Path(self._folder.name) / "speaker.raw"
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._listener = threading.Thread(target=self._listen, name="speaker", daemon=True)
        self._news = asyncio.Event()

    async def __aenter__(self) -> Self:
        os.mkfifo(self._fifo)
        self._listener.start()
        self._process = await asyncio.create_subprocess_exec(
            *(*self._command, "--record", str(self._fifo)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, **self._env},
        )
        self._reader = asyncio.create_task(self._read())
        self._reader.add_done_callback(lambda _: self._news.set())
        try:
            await self.sees("opened", timeout_s=OPENS_S)
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.quit()
        self._folder.cleanup()

    async def quit(self) -> None:
        """Hang up; the track is whole then."""
        assert self._process is not None
        if self._process.returncode is None:
            self.tell("quit")
            try:
                async with asyncio.timeout(ENDS_S):
                    await self._process.wait()
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        if self._reader is not None:
            await self._reader
        if self._listener.is_alive():
            await asyncio.to_thread(self._listener.join, ENDS_S)

    @property
    def session(self) -> str:
        """The session's id."""
        return str(next(got["words"] for got in self.happenings if got["event"] == "opened"))

    def tell(self, command: str) -> None:
        """Give a command."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n".encode())

    async def begins_a_reply(self, words: str) -> int:
        """Type something, wait for the reply's first sample, and return its number.

        A client that is resuming just then is asked again. Raises TimeoutError, ClientLost.
        """
        async with asyncio.timeout(BEGINS_S):
            while True:
                before = len(self.happenings)
                self.tell(f"type {words}")
                got = await self.sees("reply_started", "fault", after=before)
                if got["event"] == "reply_started":
                    return int(got["reply"])
                await asyncio.sleep(ASKS_AGAIN_S)

    async def sees(self, *kinds: str, after: int = 0, timeout_s: float = 30.0) -> Happening:
        """Wait for a happening of one of these kinds, later than the first `after` of all.

        Raises TimeoutError, and ClientLost when the program has ended and can't tell any more.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    for got in self.happenings[after:]:
                        if got["event"] in kinds:
                            return got
                    if self._reader is None or self._reader.done():
                        raise ClientLost("the client's program has ended")
                    self._news.clear()
                    await self._news.wait()
        except (TimeoutError, ClientLost) as error:
            told = [f"{got['event']} {got.get('words', '')}".strip() for got in self.happenings[after:]]
            error.add_note(f"no {' or '.join(kinds)}, but {told[-20:]}")
            raise

    def count(self, event: str) -> int:
        """Return how often something has happened."""
        return sum(got["event"] == event for got in self.happenings)

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            got = json.loads(line)
            if got["event"] == "recording":
                self._take_recording(got)
            self.happenings.append(got)
            self._news.set()

    def _take_recording(self, got: Happening) -> None:
        """Of a client that hands its sound over at its end, with the moment of the first sample."""
        pcm, step_s = Path(got["words"]).read_bytes(), _FRAME_BYTES / 2 / got["rate_hz"]
        for number, begin in enumerate(range(0, len(pcm), _FRAME_BYTES)):
            self.track.add(got["at_s"] + number * step_s, pcm[begin : begin + _FRAME_BYTES])

    def _listen(self) -> None:
        """Stamp each frame as it comes. In a thread of its own: nothing else here makes a stamp late."""
        with open(self._fifo, "rb", buffering=0) as speaker:  # waits until the client opens it, too
            while frame := speaker.read(_FRAME_BYTES):
                self.track.add(time.monotonic(), frame)
