"""`make fuzz`: both doors, so many seconds each: half of it the parsers, led by coverage, half a live ring."""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.fakes.realtime import FakeRealtime, Reply
from tests.fuzz.live import ENV, Siege
from tests.integration.locked import Keyring, locked_ring

FUZZER: Final = Path(".venv-fuzz") / "bin" / "python"
WHERE: Final = Path("run") / "fuzz"
GROWTH_MB: Final = 48.0
"""How much more memory ingress may have at the end than after a tenth of the time: its pools are full by then."""
_TOKEN_SHARE: Final = 0.1


def main() -> int:
    """Fuzz; return 0 where nothing was found."""
    parser = argparse.ArgumentParser("make fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=600, help="for each door (default %(default)s)")
    parser.add_argument("--only", choices=("parsers", "live"), help="half of it")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of what is made up for the live ring")
    asked = parser.parse_args()
    good = True
    if asked.only != "live":
        for target in ("websocket", "grpc"):
            good &= _parser(target, asked.seconds // (1 if asked.only else 2))
        good &= _parser("token", max(int(asked.seconds * _TOKEN_SHARE), 1))
    if asked.only != "parsers":
        good &= asyncio.run(_live(asked.seconds / (1 if asked.only else 2), asked.seed))
    print("nothing was found" if good else "something was found: see above", flush=True)
    return 0 if good else 1


def _parser(target: str, seconds: int) -> bool:
    print(f"{target}: {seconds} s, led by coverage", flush=True)
    command = [str(FUZZER), "-m", "tests.fuzz.coverage_guided", target, str(seconds), str(WHERE / target)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    lines = done.stderr.splitlines() + done.stdout.splitlines()
    if done.returncode:
        print("\n".join(lines[-40:]), flush=True)
        print(f"{target}: the input is in {WHERE / target / 'crashes'}", flush=True)
        return False
    print("\n".join(f"  {line}" for line in lines if line.startswith("stat::") or "Done" in line), flush=True)
    return True


async def _live(seconds: float, seed: int) -> bool:
    """Besiege a ring at each door; say what has grown."""
    with tempfile.TemporaryDirectory(prefix="parley-fuzz-") as folder:
        keyring = Keyring(Path(folder))
        async with FakeRealtime([Reply(seconds=2.0)]) as fake, locked_ring(fake, keyring, ENV) as pressed:
            siege, grown = Siege(pressed, keyring.token(expires_s=int(time.time()) + 80_000)), []
            await siege.warm_up()
            # A gRPC door has two sorts of callers: those that speak gRPC, and those that do not even do that.
            for door, share in (("grpc", 0.8), ("http2", 0.2), ("websocket", 1.0)):
                print(f"{door}: {seconds * share:.0f} s against a live ring, seed {seed}", flush=True)
                first = siege.examples
                try:
                    await siege.storm(door, seconds * share * 0.1, seed)
                    before = await siege.standing()
                    await siege.storm(door, seconds * share * 0.9, seed + 1_000_000)
                    after = await siege.standing()
                except AssertionError as found:
                    print(f"  {found}", flush=True)
                    return False
                grown += [f"{door}: {what}" for what in after.more_than(before, GROWTH_MB)]
                print(f"  {siege.examples - first} clients; before {before}, after {after}", flush=True)
            print("\n".join(grown), flush=True)
            return not grown


if __name__ == "__main__":
    sys.exit(main())
