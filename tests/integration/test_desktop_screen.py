"""The whole program on a terminal of the test's own, over a real connection, with a device that makes no sound."""

from __future__ import annotations

import asyncio
import os
import re
import struct
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from parley.v1 import conversation_service_pb2 as wire
from tests.integration.test_desktop_client import Call, serving

pty = pytest.importorskip("pty", reason="pseudo-terminals are POSIX's")
fcntl = pytest.importorskip("fcntl")
termios = pytest.importorskip("termios")

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys
from clients.desktop import __main__ as program
from clients.desktop.headless import HeadlessDevice
program._sound_card = lambda *_: {"a device": HeadlessDevice()}[DEVICE]
sys.exit(program.main(sys.argv[1:]))
"""
MANNERS = re.compile(rb"\x1b\[[\d;?<>=]*[A-Za-z]")
"""What a terminal is told beside words."""
ALTERNATE_SCREEN, USUAL_SCREEN = b"\x1b[?1049h", b"\x1b[?1049l"


class Terminal:
    """80 by 24 characters, and a program in it. All that is shown is read at once, whoever waits for what."""

    def __init__(self, columns: int = 80, rows: int = 24) -> None:
        self.shown = b""
        try:
            self._ours, self._theirs = pty.openpty()
        except OSError:
            pytest.skip("there are no pseudo-terminals here: /dev/pts is not mounted")
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.set_blocking(self._ours, False)

    @asynccontextmanager
    async def running(self, *arguments: str, device: str = "a device") -> AsyncIterator[asyncio.subprocess.Process]:
        """Start the client in it; put both away in the end."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._ours, self._read)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", PROGRAM.replace("DEVICE", repr(device)), *arguments),
            cwd=ROOT,
            env={"PYTHONPATH": f"{ROOT}:{ROOT / 'protos' / 'gen'}", "TERM": "xterm-256color", "HOME": "/nonexistent"},
            stdin=self._theirs,
            stdout=self._theirs,
            stderr=self._theirs,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            loop.remove_reader(self._ours)
            os.close(self._ours)
            os.close(self._theirs)

    def press(self, keys: str) -> None:
        """Press keys."""
        os.write(self._ours, keys.encode())

    async def until(self, so: Callable[[], bool]) -> None:
        """Wait until what is shown makes something so."""
        async with asyncio.timeout(60):
            while not so():  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    async def end(self, process: asyncio.subprocess.Process) -> bytes:
        """Wait until the program has ended; return what stands on the usual screen after it."""
        await self.until(lambda: process.returncode is not None)
        self._read()  # its last words may have come with the end
        return MANNERS.sub(b"", self.shown.rpartition(USUAL_SCREEN)[2]).strip()

    def _read(self) -> None:
        try:
            while more := os.read(self._ours, 65_536):
                self.shown += more
        except BlockingIOError:
            return


async def test_the_screen_shows_a_conversation_takes_keys_and_gives_the_terminal_back() -> None:
    """Captions appear, m mutes, q says End; then the terminal is as before, and the exit code says that all is well."""

    async def script(call: Call) -> None:
        await call.open()
        await call.state("IDLE")
        await call.play(1, 4_800)
        said = wire.Caption(who=wire.Caption.WHO_ASSISTANT, text="Hello-to-you", reply=1, turn=1)
        await call.send(caption=said)
        await call.until("end")
        await call.close("You hung up.")

    terminal = Terminal()
    async with serving(script) as (address, server), terminal.running("--server", address) as process:
        await terminal.until(lambda: b"Hello-to-you" in terminal.shown)
        terminal.press("m")
        await terminal.until(lambda: b"Muted" in terminal.shown)
        terminal.press("q")
        after = await terminal.end(process)
    assert process.returncode == 0
    assert server.calls[0].of("mute")[0].mute.muted
    assert ALTERNATE_SCREEN in terminal.shown
    assert after == b"The conversation is over."
    assert b"goaway" not in terminal.shown.lower(), "libraries keep off the screen"


async def test_a_server_that_is_not_there_is_one_line_on_the_usual_screen() -> None:
    """It is read after the program has gone, and the exit code is the one of --help."""
    terminal = Terminal(columns=40)
    async with terminal.running("--server", "127.0.0.1:1") as process:
        after = await terminal.end(process)
    assert process.returncode == 2
    assert after.startswith(b"Cannot reach Parley at 127.0.0.1:1")
    assert b"\n" not in after


async def test_a_fault_of_the_program_is_one_line_on_the_usual_screen() -> None:
    """No silent end with a code that says that all is well, and no traceback."""
    terminal = Terminal()
    async with terminal.running("--server", "127.0.0.1:1", device="nothing") as process:
        after = await terminal.end(process)
    assert process.returncode == 3
    assert b"has a fault, and had to end (KeyError: 'nothing')" in after
    assert b"\n" not in after
