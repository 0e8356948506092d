"""Keeps libraries that write to stderr off the screen: PortAudio's drivers and gRPC do so below Python."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def stderr_away() -> Iterator[None]:
    """While the context lasts, what is written to file 2 goes nowhere.

    Textual draws through `sys.__stderr__`, so that is made to mean the terminal by another number.
    """
    if sys.__stderr__ is None:
        yield
        return
    before = sys.__stderr__
    sys.stderr.flush()
    terminal = os.dup(2)
    with open(os.devnull, "wb") as away, os.fdopen(os.dup(terminal), "w", encoding="utf-8") as drawn:
        os.dup2(away.fileno(), 2)
        vars(sys)["__stderr__"] = drawn
        try:
            yield
        finally:
            vars(sys)["__stderr__"] = before
            os.dup2(terminal, 2)
            os.close(terminal)
