"""`python -m tests.reference --listen 127.0.0.1:7799 resume flush`: plays scenes with whatever client calls.

Each scene begins with the client's first call and takes some seconds. Where the person at the client has to do
something, the server says so. At its end it says what the client did not do as the vectors (tests/vectors) expect it.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from contextlib import AsyncExitStack

from tests.reference.doors import grpc_door, websocket_door
from tests.reference.stage import SEEN, SLACK_MS, LiveStage
from tests.vectors.scenes import Scene, scenes
from tests.vectors.verdict import Slack

PAUSE_S = 1.0
"""Between two scenes: a client of the one before hangs up."""


class Reference:
    """Plays one scene after the other."""

    def __init__(self, chosen: list[Scene], slack_ms: int) -> None:
        self.chosen = chosen
        self.slack_ms = slack_ms
        self.stage: LiveStage | None = None
        self.failed = 0

    async def play(self) -> None:
        """Play all of them, and tell how each went."""
        for scene in self.chosen:
            seen = sum(step.kind in SEEN for step in scene.expectations)
            how = "Start the client now" + (", with the address twice" if "twoAddresses" in scene.needs else "")
            print(f"{scene.file}: {scene.name}. {how}.", flush=True)
            self.stage = LiveStage(scene, self._ask, Slack(self.slack_ms, self.slack_ms))
            try:
                faults = await self.stage.play()
            except TimeoutError:
                faults = ["nobody called"]
            self.stage = None
            self.failed += bool(faults)
            verdict = "failed" if faults else "passed"
            print(f"{scene.file}: {verdict} ({seen} of {len(scene.expectations)} can be seen from here)", flush=True)
            for fault in faults:
                print(f"  {fault}", flush=True)
            await asyncio.sleep(PAUSE_S)
        print(f"{len(self.chosen) - self.failed} of {len(self.chosen)} scenes passed.", flush=True)

    async def _ask(self, what: str) -> None:
        print(f"  now, please: {what}", flush=True)


async def serve(options: argparse.Namespace, chosen: list[Scene]) -> int:
    """Open the doors and play; return how many scenes failed."""
    reference = Reference(chosen, options.slack_ms)
    async with AsyncExitStack() as stack:
        host, port = options.listen
        url = await stack.enter_async_context(websocket_door(host, port, lambda: reference.stage))
        print(f"ready reference {url}", flush=True)
        if options.grpc:
            host, port = options.grpc
            address = await stack.enter_async_context(grpc_door(host, port, lambda: reference.stage))
            print(f"ready reference {address}", flush=True)
        await reference.play()
    return reference.failed


def address(text: str) -> tuple[str, int]:
    """Read HOST:PORT."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, such as 127.0.0.1:7799")
    return host, int(port)


def main() -> int:
    """Run; return 1 where a scene failed."""
    known = {scene.file: scene for scene in scenes()}
    parser = argparse.ArgumentParser(
        "python -m tests.reference", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--listen", type=address, default=("127.0.0.1", 7799), help="the door for WebSocket")
    parser.add_argument("--grpc", type=address, help="a door for gRPC as well")
    parser.add_argument(
        "--slack-ms",
        type=int,
        default=SLACK_MS,
        help=f"how much later than a scene says things may be done ({SLACK_MS})",
    )
    parser.add_argument("--list", action="store_true", help="name the scenes and end")
    parser.add_argument("scenes", nargs="*", metavar="SCENE", help="which ones, in this order (all)")
    options = parser.parse_args()
    if options.list:
        print(*(f"{file}: {scene.name}" for file, scene in known.items()), sep="\n")
        return 0
    if unknown := [name for name in options.scenes if name not in known]:
        parser.error(f"there is no scene {', '.join(unknown)}; --list names them")
    try:
        return 1 if asyncio.run(serve(options, [known[name] for name in options.scenes] or list(known.values()))) else 0
    except OSError as error:
        print(f"Cannot listen: {error.strerror or error}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
