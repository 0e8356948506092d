"""`python -m tests.clients.desktop_worker`: the desktop client without a screen, told what to do a line at a time.

It speaks as `parley-device` does (clients/esp32/port/posix), as far as the measurements need it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from pathlib import Path

from clients.desktop import events
from clients.desktop.conversation import Conversation
from clients.desktop.failures import ClientError
from clients.desktop.headless import HeadlessDevice
from clients.desktop.reply_format import REPLY_FORMATS


class RecordedDevice(HeadlessDevice):
    """Writes what it plays at once, as raw samples."""

    def __init__(self, path: Path) -> None:
        super().__init__(keep_recording=False)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT)

    def play(self, pcm: bytes) -> None:
        """Play."""
        os.write(self._file, pcm)


def tell(event: str, **more: object) -> None:
    """Say what happened."""
    line = {"event": event, "ms": round(time.monotonic() * 1000, 1), **more}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def note(event: events.Event) -> None:
    """Say what happened, in the device's words."""
    match event:
        case events.Opened():
            tell("opened", words=event.session)
        case events.ReplyStarted():
            tell("reply_started", reply=event.reply)
        case events.ReplyPlayed():
            tell("reply_played", reply=event.reply, position=event.position)
        case events.Silenced():
            tell("silenced", reply=event.reply, position=event.position)
        case events.Underrun():
            tell("underrun", reply=event.reply, position=event.position)
        case events.Resumed():
            tell("resumed", value=event.gap_ms, value2=event.lost_ms)
        case events.Closed():
            tell("closed", words=event.reason)


async def commands() -> asyncio.StreamReader:
    """Return standard input, to be read without waiting for it."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


async def converse(server: str, record: Path, reply_format: str) -> None:
    """Hold a conversation as it is told to. Raises ClientError."""
    conversation = Conversation(server, RecordedDevice(record), reply_format=reply_format)

    async def obey() -> None:
        lines = await commands()
        while line := (await lines.readline()).decode().strip():
            what, _, words = line.partition(" ")
            match what:
                case "type":
                    conversation.say_text(words)
                case "interrupt":
                    conversation.interrupt()
                case "quit":
                    break
        await conversation.hang_up()

    async with conversation:
        obeying = asyncio.create_task(obey())
        async for event in conversation:
            note(event)
        obeying.cancel()


def main() -> int:
    """Run; return the exit code."""
    parser = argparse.ArgumentParser("python -m tests.clients.desktop_worker", description=__doc__)
    parser.add_argument("--server", required=True)
    parser.add_argument("--record", type=Path, required=True, help="where the speaker's samples go, raw: a FIFO, say")
    parser.add_argument("--reply-format", choices=REPLY_FORMATS, default="auto")
    options = parser.parse_args()
    try:
        asyncio.run(converse(options.server, options.record, options.reply_format))
    except ClientError as problem:
        print(problem, file=sys.stderr)
        return problem.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
