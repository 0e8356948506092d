"""Where a run leaves its recording, transcript and logs: `run/`, or its own folder while another run holds that."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def claimed(folder: Path) -> Iterator[Path]:
    """Yield `folder`, or `folder/<pid>` while another process holds it: two runs at once don't mix their files."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a") as lock:
        mine = folder if _is_mine(lock.fileno()) else folder / str(os.getpid())
        mine.mkdir(exist_ok=True)
        yield mine


def _is_mine(lock: int) -> bool:
    try:
        import fcntl

        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
