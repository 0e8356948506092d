"""The ring under load: its processes on their cores, before the fake model or the engine; one of them profiled."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Final

from local.child import Program
from local.ring import Ring, RingSettings
from tests.load import costs

_ENDED: Final = " ended: "


class MeasuredRing(Ring):
    """A ring before a model at `model_url`, or before its own engine where there is none.

    The service named `profiled` writes a profile to `profile` as it ends.
    """

    def __init__(
        self, model_url: str | None, log_folder: Path | None, profiled: str = "", profile: Path | None = None
    ) -> None:
        self.cores = sorted(os.sched_getaffinity(0))
        """Those that its processes inherit, until they are pinned to others."""
        self._profiled = profiled
        self._profile = profile
        # As the models do that are worth a bench; the engine has its own way, and the broker knows it.
        broker = {} if model_url is None else {"PARLEY_TRANSCRIPT_TIMING": "ahead"}
        ingress = {"PARLEY_MAX_SESSIONS": "10000"}  # the machine is to be the limit
        env = {"broker": broker, "ingress": ingress}
        engine = model_url is None
        super().__init__(RingSettings(model_url=model_url, engine=engine, log_folder=log_folder, env=env))

    @property
    def pids(self) -> dict[str, int]:
        """The process of each service, and of Redis."""
        return {name: self.pid(name) for name in sorted(self.names())}

    def pin(self, cores: set[int]) -> None:
        """Let all of it run on these cores only."""
        self.cores = sorted(cores)
        costs.pin(self.pids.values(), cores)

    def counters(self) -> dict[str, int]:
        """Add up what ingress said of its sessions as they ended, by counter."""
        total: Counter[str] = Counter()
        for line in self.logs("ingress"):
            for words in line.partition(_ENDED)[2].partition(";")[2].split(","):
                name, _, value = words.strip().partition(" ")
                if value.isdecimal():
                    total[name] += int(value)
        return dict(total)

    def _program(self, name: str, *ports: int) -> Program:
        program = super()._program(name, *ports)
        if name != self._profiled or self._profile is None:
            return program
        module = f"services.{name}"
        profiler = (sys.executable, "-m", "cProfile", "-o", str(self._profile.resolve()), "-m", module)
        return dataclasses.replace(program, argv=profiler)


def placement() -> tuple[set[int], int]:
    """Return (the ring's cores, the load's core): the last one is the load's. With a single core both share it."""
    cores = sorted(os.sched_getaffinity(0))
    return set(cores[:-1] or cores), cores[-1]
