"""Switch: which packet goes to which pod, over which wires. A core without I/O; time is given."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tests.net.rule import Rule
from tests.net.wire import FREE, Fate, Wire

_IPV4: Final = 4
_TO: Final = slice(16, 20)
"""Where an IPv4 header has the address that it goes to."""
ANYBODY: Final = ""


@dataclass
class Port:
    """Where a pod is plugged in, and what has passed there."""

    name: str
    address: bytes
    packets_out: int = 0
    bytes_out: int = 0
    packets_in: int = 0
    bytes_in: int = 0
    dropped: int = 0


@dataclass(frozen=True)
class _Crossing:
    """A packet on its way, and the wires that are still before it."""

    packet: bytes
    source: Port
    target: Port
    ahead: tuple[Wire[_Crossing], ...]


class Switch:
    """`take(port, packet, now)` gives the port that a packet goes to, at once or, out of `due(now)`, later.

    A packet passes up to three wires: the one on which its pod sends to anybody, the one between the two pods, and
    the one on which the other pod is sent things by anybody. A wire exists where a rule has been given for it.
    """

    def __init__(self, chance: random.Random) -> None:
        self.ports: dict[str, Port] = {}
        self.astray = 0
        """Packets to addresses that no pod has."""
        self._chance = chance
        self._by_address: dict[bytes, Port] = {}
        self._wires: dict[tuple[str, str], Wire[_Crossing]] = {}
        self._paths: dict[tuple[str, str], tuple[Wire[_Crossing], ...]] = {}

    @property
    def due_s(self) -> float:
        """When the next packet arrives that is on its way; infinity when there is none."""
        return min((wire.due_s for wire in self._wires.values()), default=float("inf"))

    def port(self, name: str, address: bytes) -> Port:
        """Return the port of a pod, a new one or the one that it has had."""
        if name not in self.ports or self.ports[name].address != address:
            self.ports[name] = self._by_address[address] = Port(name, address)
        return self.ports[name]

    def rule(self, source: str, target: str, rule: Rule, now_s: float) -> list[tuple[Port, bytes]]:
        """Put a rule on the wire from one pod (or ANYBODY) to another, and return what arrives of what was on it."""
        wire = self._wires.setdefault((source, target), Wire(FREE, self._chance))
        arrived = []
        for crossing in wire.change(rule):
            if rule.cut:
                _drop(crossing)
            elif self._cross(crossing, now_s):
                arrived.append(_arrive(crossing))
        if wire.is_free:
            del self._wires[source, target]
        self._paths.clear()
        return arrived

    def heal(self, name: str, now_s: float) -> list[tuple[Port, bytes]]:
        """Take back all the rules on wires of this pod, and return what arrives of what was on them."""
        wires = [wire for wire in self._wires if name in wire]
        return [arrived for source, target in wires for arrived in self.rule(source, target, FREE, now_s)]

    def take(self, source: Port, packet: bytes, now_s: float) -> Port | None:
        """Take a packet from a pod; the port that it goes to now, or None."""
        source.packets_out += 1
        source.bytes_out += len(packet)
        target = self._by_address.get(packet[_TO])
        if target is None or packet[0] >> 4 != _IPV4:
            self.astray += 1
            return None
        if self._wires:
            ahead = self._path(source.name, target.name)
            if ahead and not self._cross(_Crossing(packet, source, target, ahead), now_s):
                return None
        target.packets_in += 1
        target.bytes_in += len(packet)
        return target

    def due(self, now_s: float) -> Iterator[tuple[Port, bytes]]:
        """Give what has arrived by now, and where."""
        for wire in self._wires.values():
            for crossing in wire.released(now_s):
                if self._cross(crossing, now_s):
                    yield _arrive(crossing)

    def _path(self, source: str, target: str) -> tuple[Wire[_Crossing], ...]:
        path = self._paths.get((source, target))
        if path is None:
            names = ((source, ANYBODY), (source, target), (ANYBODY, target))
            path = self._paths[source, target] = tuple(self._wires[name] for name in names if name in self._wires)
        return path

    def _cross(self, crossing: _Crossing, now_s: float) -> bool:
        """Go on over the wires ahead, as far as they let it at once; tell whether it has arrived."""
        packet, ahead = crossing.packet, crossing.ahead
        while ahead:
            wire, *rest = ahead
            ahead = tuple(rest)
            fate = wire.put(_Crossing(packet, crossing.source, crossing.target, ahead), len(packet), now_s)
            if fate is not Fate.THROUGH:
                if fate is Fate.DROPPED:
                    _drop(crossing)
                return False
        return True


def _arrive(crossing: _Crossing) -> tuple[Port, bytes]:
    crossing.target.packets_in += 1
    crossing.target.bytes_in += len(crossing.packet)
    return crossing.target, crossing.packet


def _drop(crossing: _Crossing) -> None:
    crossing.source.dropped += 1
    crossing.target.dropped += 1
