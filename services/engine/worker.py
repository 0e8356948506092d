"""A child process that answers questions over its stdin and stdout.

One message is `<u32 header length><u32 payload length>` (little endian), a JSON header, and raw bytes
(audio). A worker ends by itself when its stdin closes, so that it cannot outlive a server that was killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import struct
import sys
from pathlib import Path
from typing import Any, BinaryIO

_LENGTHS = struct.Struct("<II")
_ROOT = Path(__file__).resolve().parents[2]
_CLOSE_PATIENCE_S = 0.5

Header = dict[str, Any]


class WorkerError(Exception):
    """The worker answered that it could not do what was asked; the message says why."""


class WorkerDiedError(WorkerError):
    """The worker's process ended before it answered."""


def encode(header: Header, payload: bytes = b"") -> bytes:
    """Make the bytes of one message."""
    text = json.dumps(header).encode()
    return _LENGTHS.pack(len(text), len(payload)) + text + payload


def read_message(stream: BinaryIO) -> tuple[Header, bytes] | None:
    """Read one message in a worker, blocking; None at the end of the stream."""
    lengths = stream.read(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        return None
    header_length, payload_length = _LENGTHS.unpack(lengths)
    text, payload = stream.read(header_length), stream.read(payload_length)
    if len(text) < header_length or len(payload) < payload_length:
        return None
    return json.loads(text), payload


def claim_stdio() -> tuple[BinaryIO, BinaryIO]:
    """Take stdin and stdout for messages; whatever a library prints goes to stderr from now on.

    Ctrl-C at a terminal reaches the whole process group: a worker ignores it, and ends with its stdin.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    questions = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return questions, answers


class Worker:
    """The parent's side of one worker process: `async with Worker(module) as w: await w.ask(...)`."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._waiting: dict[int, asyncio.Future[tuple[Header, bytes]]] = {}
        self._numbers = itertools.count(1)

    async def __aenter__(self) -> Worker:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def alive(self) -> bool:
        """Whether the process runs and its answers are being read."""
        return self._reader is not None and not self._reader.done()

    async def start(self) -> None:
        """Start the process: the same interpreter, and this project on its path."""
        path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH", "")]))
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            self._module,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
        )
        self._reader = asyncio.create_task(self._read_answers(self._process))

    async def tell(self, header: Header, payload: bytes = b"") -> None:
        """Send a message that has no answer; waits while the pipe is full. Raises WorkerDiedError."""
        process = self._process
        if process is None or process.stdin is None or not self.alive:
            raise WorkerDiedError(f"{self._module} is not running")
        try:
            process.stdin.write(encode(header, payload))
            await process.stdin.drain()
        except ConnectionError as error:
            raise WorkerDiedError(f"{self._module} ended: {error}") from error

    async def ask(self, header: Header, payload: bytes = b"") -> tuple[Header, bytes]:
        """Send a question and wait for its answer. Raises WorkerError, or WorkerDiedError if the process ends."""
        number = next(self._numbers)
        answer: asyncio.Future[tuple[Header, bytes]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            await self.tell({**header, "id": number}, payload)
            reply, data = await answer
        finally:
            self._waiting.pop(number, None)
        if "error" in reply:
            raise WorkerError(reply["error"])
        return reply, data

    async def _read_answers(self, process: asyncio.subprocess.Process) -> None:
        stdout = process.stdout
        assert stdout is not None
        try:
            while True:
                header_length, payload_length = _LENGTHS.unpack(await stdout.readexactly(_LENGTHS.size))
                header = json.loads(await stdout.readexactly(header_length))
                payload = await stdout.readexactly(payload_length)
                # An answer nobody waits for any more belongs to a question that was cancelled.
                if (answer := self._waiting.get(header["id"])) and not answer.done():
                    answer.set_result((header, payload))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(WorkerDiedError(f"{self._module} ended"))

    async def close(self) -> None:
        """Close the worker's stdin, which ends it; kill it if it does not end within half a second."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), _CLOSE_PATIENCE_S)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
