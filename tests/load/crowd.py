"""Crowd: n conversations at once through one ring, held for a while, and what they cost."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from tests.load import costs
from tests.load.device import Device
from tests.load.interrupts import InterruptTopic
from tests.load.model import FakeModel
from tests.load.person import IN_A_CROWD, Habits, Person
from tests.load.reactor import Reactor
from tests.load.tape import Tapes
from tests.load.voice import Voice

FRAME_S: Final = 0.02
OPEN_S: Final = 20.0
SETTLE_S: Final = 3.0
"""From the last session's opening to the measured window: by then everybody has begun to speak."""

_GOLDEN: Final = 0.618034
"""Multiples of it, less their whole parts, lie as far apart as can be: so do the phases of the devices' 20 ms."""

_AT_ONCE: Final = 4
_CLOSE_S: Final = 5.0


@dataclass
class Costs:
    """CPU seconds of each process during the measured window, and its memory at the end of it."""

    cpu_s: dict[str, float] = field(default_factory=dict)
    load_cpu_s: float = 0.0
    others_cpu_s: float = 0.0
    """What other programs used of the ring's cores."""
    others_beside_load_cpu_s: float = 0.0
    """What they used of the load's core; 0 where the ring runs there, too."""
    memory_mb: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True)
class Placed:
    """The ring's processes by name, and the cores they run on."""

    pids: Mapping[str, int]
    cores: Sequence[int]


class CrowdError(Exception):
    """The conversations could not be opened; the message says why."""


class Crowd:
    """Opens, holds and ends conversations; their devices send every 20 ms, each at a phase of its own."""

    def __init__(
        self,
        reactor: Reactor,
        model: FakeModel,
        voice: Voice,
        door: str,
        buffer_ms: int,
        habits: Habits = IN_A_CROWD,
    ) -> None:
        self._reactor = reactor
        self._model = model
        self._voice = voice
        self._door = door
        self._buffer_ms = buffer_ms
        self._habits = habits
        self._devices: list[Device] = []

    def hold(self, sessions: int, seconds: float, redis_url: str, ring: Placed) -> tuple[Tapes, Costs]:
        """Hold `sessions` conversations for a measured window of `seconds`. Raises CrowdError, OSError."""
        self._model.forget()
        topic = InterruptTopic(self._reactor, redis_url)
        try:
            self._open(sessions)
            self._reactor.run_until(time.monotonic() + SETTLE_S)
            begun_s = time.monotonic()
            costs_of_it = self._measure(seconds, ring)
            ended_s = time.monotonic()
            self._hang_up()
        finally:
            topic.close()
            for device in self._devices:
                device.close()
            self._reactor.forget_timers()
        tapes = [device.tape for device in self._devices]
        return Tapes(tapes, self._model.tapes, topic.verdicts, begun_s, ended_s), costs_of_it

    def _open(self, sessions: int) -> None:
        """Open the conversations, a few at a time."""
        self._devices = []
        give_up_s = time.monotonic() + OPEN_S + sessions / 2
        for number in range(sessions):
            person = Person(self._voice, seed=number + 1, habits=self._habits)
            begin = partial(self._begin, number)
            self._devices.append(Device(self._reactor, self._door, person, self._buffer_ms, begin))
            started = self._reactor.run_until(
                give_up_s, lambda: sum(not device.is_ready for device in self._devices) < _AT_ONCE or self._broken()
            )
            if not started or self._broken():
                break
        self._reactor.run_until(give_up_s, lambda: all(device.is_ready for device in self._devices) or self._broken())
        ready = sum(device.is_ready for device in self._devices)
        if ready < sessions:
            why = next((fault for device in self._devices for fault in device.tape.faults), "no answer")
            raise CrowdError(f"only {ready} of {sessions} conversations could be opened: {why}")

    def _broken(self) -> bool:
        return any(device.tape.faults for device in self._devices)

    def _begin(self, number: int) -> None:
        """Let a device send from now on: one that is open and silent would be taken for muted."""
        first_s = time.monotonic() + FRAME_S * (number * _GOLDEN % 1)
        self._reactor.call_at(first_s, partial(self._beat, self._devices[number], first_s))

    def _beat(self, device: Device, due_s: float, now_s: float) -> None:
        """Let a device send its frame, and the next 20 ms after this one was due."""
        if not device.is_over:
            device.mic(now_s)
            self._reactor.call_at(due_s + FRAME_S, partial(self._beat, device, due_s + FRAME_S))

    def _measure(self, seconds: float, ring: Placed) -> Costs:
        mine = os.sched_getaffinity(0)
        shared = not mine.isdisjoint(ring.cores)
        before, ring_s, load_s = costs.cpu_of(ring.pids), costs.busy_s(ring.cores), costs.busy_s(mine)
        own, clock = time.process_time(), time.monotonic()
        self._reactor.run_until(clock + seconds)
        after, own = costs.cpu_of(ring.pids), time.process_time() - own
        used = {name: after[name] - before[name] for name in ring.pids}
        return Costs(
            cpu_s=used,
            load_cpu_s=own,
            others_cpu_s=max(costs.busy_s(ring.cores) - ring_s - sum(used.values()) - shared * own, 0.0),
            others_beside_load_cpu_s=0.0 if shared else max(costs.busy_s(mine) - load_s - own, 0.0),
            memory_mb=costs.memory_of(ring.pids),
            seconds=time.monotonic() - clock,
        )

    def _hang_up(self) -> None:
        self._reactor.forget_timers()
        for device in self._devices:
            device.hang_up()
        self._reactor.run_until(time.monotonic() + _CLOSE_S, lambda: all(device.is_over for device in self._devices))
