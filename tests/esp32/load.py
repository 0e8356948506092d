"""Hundreds of devices in one process: `python -m tests.esp32.load --devices 300`.

Without --server they talk to a server that only plays its part: it opens each conversation, drops what the microphone
says, and sends every device a reply of seven seconds in each ten. So it is the devices that are measured, not a ring.
With --server they talk to that one, and ask it the question in --say over and over.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import struct
import sys
from pathlib import Path
from typing import Any, Final

from tests.esp32.door import BINARY, OPENED, TEXT, Caller, door
from tests.esp32.process import run
from tests.esp32.program import BuildFault, build, obstacle

PIECE_MS: Final = 100
PIECE: Final = struct.pack("<2400h", *(1000 if at % 48 < 24 else -1000 for at in range(2400)))
PIECES: Final = 70
ROUND_PIECES: Final = 100
LEAD_PIECES: Final = 2


async def play_a_server(caller: Caller) -> None:
    """Speak to one device as long as it listens."""
    await caller.upgrade()
    await caller.frame_of(TEXT)
    caller.send(TEXT, json.dumps(OPENED).encode())
    speaking = asyncio.create_task(_speak(caller))
    try:
        while await caller.reader.read(65_536):  # whatever the microphone says
            pass
    finally:
        speaking.cancel()


async def _speak(caller: Caller) -> None:
    clock = asyncio.get_running_loop().time
    begun_s, sent, reply = clock(), 0, 0
    while True:
        reply += 1
        for piece in range(ROUND_PIECES):
            await asyncio.sleep(begun_s + (sent - LEAD_PIECES) * PIECE_MS / 1000 - clock())
            sent += 1
            if piece < PIECES:
                head = struct.pack("<BBHIQ", 2, 0, 0, reply, piece * 2400)
                caller.send(BINARY, head + PIECE)
            elif piece == PIECES:
                caller.send(TEXT, json.dumps({"replyEnded": {"reply": reply, "samples": str(PIECES * 2400)}}).encode())
            elif piece % 10 == 0:
                caller.send(TEXT, b'{"heartbeat":{}}')


async def load(options: argparse.Namespace) -> dict[str, Any]:
    """Hold the conversations; return the device's own last line."""
    common = ["--devices", str(options.devices), "--seconds", str(options.seconds), "--quiet"]
    common += ["--stagger-ms", "7", "--retention-ms", "400"]
    patience_s = options.seconds + options.devices * 0.01 + 120
    if options.server:
        say = ["--say", str(options.say), "--repeat"] if options.say else []
        _, complaint, lines = await run("--server", options.server, *common, *say, timeout_s=patience_s)
    else:
        async with door(play_a_server) as url:
            _, complaint, lines = await run("--server", url, *common, timeout_s=patience_s)
    if not lines:
        raise SystemExit(complaint.strip() or "it said nothing")
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def table(found: dict[str, Any]) -> str:
    """Say what was found, in lines."""
    seconds, devices = found["seconds"], found["devices"]
    share = found["starved_samples"] / max(1, found["starved_samples"] + found["played_samples"])
    ticks, core = int(seconds * 50) * devices, found["cpu_s"] / seconds
    return "\n".join(
        [
            f"devices               {devices}, of which {found['opened']} were taken, in {seconds:.0f} s",
            f"replies heard         {found['replies']}, {found['silenced']} cut off",
            f"gaps                  {share:.2%} of playing time, {found['underruns']} underruns",
            f"late ticks            {found['late_ticks']} of {ticks}, the worst {found['worst_lag_ms']} ms",
            f"processor             {core:.1%} of a core, {core / devices:.3%} a device",
            f"lost                  {found['lost_mic_frames']} frames, {found['unreadable']} messages, "
            f"{found['resumptions']} resumptions, {found['failures']} failures",
        ]
    )


def main() -> int:
    """Run."""
    parser = argparse.ArgumentParser("python -m tests.esp32.load", description=__doc__)
    parser.add_argument("--devices", type=int, default=300, help="how many (default 300, 2000 at most)")
    parser.add_argument("--seconds", type=float, default=30.0, help="for how long (default 30)")
    parser.add_argument("--server", default="", help="ws://HOST:PORT of a ring; default: a server of the test's own")
    parser.add_argument("--say", type=Path, help="with --server: the question, a WAV of PCM16 at 16 kHz")
    options = parser.parse_args()
    if obstacle():
        print(obstacle(), file=sys.stderr)
        return 1
    try:
        build()
    except BuildFault as fault:
        print(fault, file=sys.stderr)
        return 1
    found = asyncio.run(load(options))
    print(table(found))
    return 0 if found["opened"] == found["devices"] and not found["failures"] else 1


if __name__ == "__main__":
    sys.exit(main())
