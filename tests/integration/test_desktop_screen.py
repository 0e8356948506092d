"""The whole program on a terminal of the test's own, over a real connection, with a device that makes no sound."""

from __future__ import annotations

import asyncio
import os
import struct
import sys
from collections.abc import Callable
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
program._sound_card = lambda options, tap: HeadlessDevice()
sys.exit(program.main(sys.argv[1:]))
"""
ALTERNATE_SCREEN, USUAL_SCREEN = b"\x1b[?1049h", b"\x1b[?1049l"


class Terminal:
    """80 by 24 characters, and a program in it."""

    def __init__(self, columns: int = 80, rows: int = 24) -> None:
        self.shown = b""
        try:
            self._ours, self._theirs = pty.openpty()
        except OSError:
            pytest.skip("there are no pseudo-terminals here: /dev/pts is not mounted")
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.set_blocking(self._ours, False)

    async def run(self, *arguments: str) -> asyncio.subprocess.Process:
        """Start the client in it."""
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", PROGRAM, *arguments),
            cwd=ROOT,
            env={"PYTHONPATH": f"{ROOT}:{ROOT / 'protos' / 'gen'}", "TERM": "xterm-256color", "HOME": "/nonexistent"},
            stdin=self._theirs,
            stdout=self._theirs,
            stderr=self._theirs,
        )

    def press(self, keys: str) -> None:
        """Press keys."""
        os.write(self._ours, keys.encode())

    async def until(self, so: Callable[[], bool]) -> None:
        """Read what is shown until something is so."""
        async with asyncio.timeout(60):
            while not so():
                await asyncio.sleep(0.05)
                try:
                    self.shown += os.read(self._ours, 65_536)
                except BlockingIOError:
                    continue

    def close(self) -> None:
        """Put it away."""
        os.close(self._ours)
        os.close(self._theirs)


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
    async with serving(script) as (address, server):
        process = await terminal.run("--server", address)
        try:
            await terminal.until(lambda: b"Hello-to-you" in terminal.shown)
            terminal.press("m")
            await terminal.until(lambda: b"Muted" in terminal.shown)
            terminal.press("q")
            await terminal.until(lambda: process.returncode is not None)
        finally:
            if process.returncode is None:
                process.kill()
            terminal.close()
    assert process.returncode == 0
    assert server.calls[0].of("mute")[0].mute.muted
    screen, _, after = terminal.shown.partition(USUAL_SCREEN)
    assert ALTERNATE_SCREEN in screen
    assert after.rstrip().endswith(b"The conversation is over.")
    assert b"goaway" not in terminal.shown.lower(), "libraries keep off the screen"


async def test_a_server_that_is_not_there_is_one_line_on_the_usual_screen() -> None:
    """It is read after the program has gone, and the exit code is the one of --help."""
    terminal = Terminal(columns=40)
    process = await terminal.run("--server", "127.0.0.1:1")
    await terminal.until(lambda: process.returncode is not None)
    terminal.close()
    after = terminal.shown.rpartition(USUAL_SCREEN)[2]
    assert process.returncode == 2
    assert b"Cannot reach Parley at 127.0.0.1:1" in after
