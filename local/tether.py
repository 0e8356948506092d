"""Runs a program so that it cannot outlive whoever started it: `python tether.py PARENT_PID PROGRAM [ARGUMENT …]`.

A process that is killed with SIGKILL cannot stop its children; something else has to.

- Linux: the kernel does it. `PR_SET_PDEATHSIG` (prctl(2)) is kept through `exec`, so this file sets it and becomes
  the program. The signal follows the *thread* that started the program, so that has to be one that lasts.
- Elsewhere (or with PARLEY_TETHER=pipe): this file forks a watcher and becomes the program. The parent holds the
  other end of the watcher's standard input; when that end closes, the watcher kills the program's process group.

Either way the program leads a session of its own (the parent sees to that) and its standard input is empty. This
file runs with `python -I -S`, knows nothing of the project, and costs some 15 ms at the program's start.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys

_PR_SET_PDEATHSIG = 1  # <sys/prctl.h>
_WATCH_S = 0.2


def ask_the_kernel(parent: int) -> None:
    """Have this process killed when the thread that started it ends; die now if `parent` is gone already."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def watch(program: int) -> None:
    """Wait for standard input to close, then kill `program`'s group; end when `program` ends first."""
    while os.getppid() == program:
        if select.select([0], [], [], _WATCH_S)[0] and not os.read(0, 1):
            os.killpg(program, signal.SIGKILL)
            return


def fork_a_watcher() -> None:
    """Leave standard input to a forked watcher."""
    program = os.getpid()
    if os.fork() == 0:
        os.closerange(1, 3)  # or the watcher would keep the program's pipes open
        watch(program)
        os._exit(0)


def empty_stdin() -> None:
    """Make standard input /dev/null."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)


def main() -> None:
    """Tie this process to its parent and become the program."""
    parent, argv = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux" and os.environ.get("PARLEY_TETHER") != "pipe":
        ask_the_kernel(parent)
    else:
        fork_a_watcher()
    empty_stdin()
    try:
        os.execvp(argv[0], argv)
    except OSError as error:
        sys.exit(f"{argv[0]} cannot be run: {error.strerror}")


if __name__ == "__main__":
    main()
