"""The load's process: fake model and crowd together, on a core of their own. Told what to do on standard input.

    python -m tests.load.generator --core 1 --data FOLDER

One JSON object a line. It says {"model": URL, "voice": …, "talk_voice": …} first; each {"part": "crowd" or "talk",
"sessions": …, "seconds": …, "door": …, "redis": …, "pids": {…}, "cores": […], "buffer_ms": …} is answered by
{"figures": …} or {"error": …}. It ends with its input.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import select
import sys
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.load import figures, response_time
from tests.load.crowd import Crowd, CrowdError, Placed
from tests.load.dataset import RECORDINGS, DataError, recorded_turns, recorded_voice
from tests.load.model import FakeModel
from tests.load.person import AT_A_TALK, IN_A_CROWD
from tests.load.reactor import Reactor
from tests.load.voice import Voice, synthetic_requests, synthetic_voice

_READ_BYTES: Final = 1 << 16


@dataclass
class _Orders:
    """What the parent has written on standard input."""

    lines: deque[bytes]
    rest: bytes = b""

    def read(self, ready: int) -> None:
        """Take what has come. Ends this process when the parent has gone."""
        data = os.read(0, _READ_BYTES) if ready & select.EPOLLIN else b""
        if not data:
            sys.exit(0)
        *lines, self.rest = (self.rest + data).split(b"\n")
        self.lines += lines


def tell(message: dict[str, Any]) -> None:
    """Say something to the parent."""
    print(json.dumps(message), flush=True)


def serve(voice: Voice, talk_voice: Voice) -> None:
    """Carry out orders until standard input ends."""
    parts = {"crowd": (voice, IN_A_CROWD, figures.judge), "talk": (talk_voice, AT_A_TALK, response_time.judge)}
    reactor = Reactor()
    model = FakeModel(reactor)
    orders = _Orders(deque())
    reactor.watch(0, orders.read)
    tell({"model": model.url, "voice": voice.name, "talk_voice": talk_voice.name})
    while True:
        reactor.run_until(math.inf, lambda: bool(orders.lines))
        order = json.loads(orders.lines.popleft())
        try:
            ring = Placed(order["pids"], order["cores"])
            who, habits, judge = parts[order["part"]]
            crowd = Crowd(reactor, model, who, order["door"], order["buffer_ms"], habits)
            tell({"figures": judge(*crowd.hold(order["sessions"], order["seconds"], order["redis"], ring))})
        except (CrowdError, OSError) as error:
            tell({"error": str(error)})


def main() -> None:
    """Start."""
    parser = argparse.ArgumentParser("python -m tests.load.generator")
    parser.add_argument("--core", type=int, required=True)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--synthetic-talk", action="store_true")
    options = parser.parse_args()
    os.sched_setaffinity(0, {options.core})
    try:
        voice = recorded_voice(options.data) if options.data else synthetic_voice()
        talk_voice = synthetic_requests() if options.synthetic_talk else recorded_turns(options.data or RECORDINGS)
    except (DataError, ValueError) as error:
        tell({"error": str(error)})
        sys.exit(1)
    serve(voice, talk_voice)


if __name__ == "__main__":
    main()
