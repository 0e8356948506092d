"""`make clients OUT=clients.json`: what a person at each client goes through, on good and bad networks.

A real ring before a fake model whose samples tell where they stand; each client as a process, its speaker listened to.
Bad networks need Linux, root and /dev/net/tun; what can't be measured here is said to be. A quiet machine, please: the
figures are of milliseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from local.child import StartFault
from local.redis_server import NoRedisError
from tests.clients.kinds import KINDS
from tests.clients.session import MEASURES, Session
from tests.clients.stage import open_stage


async def run(session: Session) -> None:
    """Open the stage and measure. Raises StartFault, NoRedisError."""
    async with open_stage() as stage:
        await session.run(stage)


def main() -> int:
    """Measure; return 1 where a goal is missed, a measurement failed, or nothing could be measured."""
    names = [kind.name for kind in KINDS]
    parser = argparse.ArgumentParser(
        "make clients", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, help="where the figures go, as JSON")
    parser.add_argument("--clients", nargs="+", choices=names, default=names, help="which ones (all)")
    parser.add_argument("--only", nargs="+", choices=MEASURES, default=MEASURES, help="what is measured (all)")
    parser.add_argument("--rounds", type=int, default=150, help="interrupted replies on each network (150)")
    parser.add_argument("--pulls", type=int, default=5, help="how often the network is pulled (5)")
    parser.add_argument("--sagas", type=int, default=2, help="minutes of reply on the lossy network (2)")
    session = Session(options := parser.parse_args())
    if options.out and not options.out.parent.is_dir():
        parser.error(f"there is no folder {options.out.parent}")  # rather now than in half an hour
    try:
        asyncio.run(run(session))
    except (StartFault, NoRedisError) as fault:
        print(fault, file=sys.stderr)
        return 1
    finally:
        if options.out:
            session.write(options.out)  # whatever has ended it: what was measured is not lost
    return 0 if session.met else 1


if __name__ == "__main__":
    sys.exit(main())
