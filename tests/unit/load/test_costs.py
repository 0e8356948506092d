"""Costs: what a process uses counts with what its children use."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.load.costs import children, cpu_s

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="costs are read from /proc")


def test_a_living_child_is_known_and_its_work_counts() -> None:
    """A child that has worked and waits to be told to end: its CPU time is part of ours."""
    work = "import time\nwhile time.process_time() < 0.1: pass\nprint(flush=True)\ninput()"
    command = [sys.executable, "-c", work]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert child.pid in children(os.getpid())
        assert cpu_s(child.pid) >= 0.09
        assert cpu_s(os.getpid()) >= cpu_s(child.pid)
        child.communicate(b"\n")
    assert child.pid not in children(os.getpid())
