"""The relay: carries packets between pods, over wires that do to them what they are told to.

    python -m tests.net.relay --socket PATH

Pods and their test speak to it over one Unix socket (SOCK_SEQPACKET): each message is an object of JSON with what to
`do`, each gets one answer, {} or {"fault": "…"}. A pod's `join` carries the descriptor of its TUN device. The relay
ends with the connection that has told it to `stay`.

It waits for nothing but epoll. A packet costs it a read, a look at four bytes, and a write.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import json
import math
import os
import random
import select
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from tests.net.rule import Rule
from tests.net.switch import Port, Switch

PACKET_BYTES: Final = 2048
"""More than a pod's MTU."""
AT_ONCE: Final = 64
"""Packets that are read from one pod before the next one has its turn."""
_LONGEST_WAIT_S: Final = 10.0
_MESSAGE_BYTES: Final = 65536
_NICE: Final = -10
"""The network of a busy machine is not busy itself."""
_GONE: Final = frozenset({errno.EIO, errno.EBADFD, errno.EINVAL, errno.ENOBUFS})
"""What writing to a device says that is down or full: as a wire would, the packet is lost."""


@dataclass(eq=False)
class Plug:
    """A pod's device, and where it is plugged in."""

    device: int
    port: Port


class Relay:
    """Epoll, the pods' devices, and the connections by which it is told what to do."""

    def __init__(self, path: str) -> None:
        self._switch = Switch(random.Random())
        self._epoll = select.epoll()
        self._plugs: dict[str, Plug] = {}
        self._ready: dict[int, Callable[[], None]] = {}
        """What to do when a descriptor has something to read."""
        self._stays_for: socket.socket | None = None
        self._over = False
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        self._listener.bind(path)
        self._listener.listen(64)
        self._watch(self._listener.fileno(), self._accept)

    def run(self) -> None:
        """Carry packets until the test has gone."""
        switch = self._switch
        while not self._over:
            wait_s = min(max(0.0, switch.due_s - time.monotonic()), _LONGEST_WAIT_S)
            for descriptor, _ in self._epoll.poll(math.ceil(wait_s * 1000) / 1000, 64):
                if ready := self._ready.get(descriptor):
                    ready()
            if switch.due_s < math.inf:
                self._deliver(switch.due(time.monotonic()))

    def _watch(self, descriptor: int, ready: Callable[[], None]) -> None:
        self._ready[descriptor] = ready
        self._epoll.register(descriptor, select.EPOLLIN)

    def _forget(self, descriptor: int) -> None:
        del self._ready[descriptor]
        self._epoll.unregister(descriptor)

    def _carry(self, plug: Plug) -> None:
        """Take what a pod has sent, so many packets at once; the rest has its turn after the other pods."""
        read, take, plugs, device, port = os.read, self._switch.take, self._plugs, plug.device, plug.port
        now_s = time.monotonic()
        try:
            for _ in range(AT_ONCE):
                packet = read(device, PACKET_BYTES)
                target = take(port, packet, now_s)
                if target is not None and (other := plugs.get(target.name)):
                    _write(other, packet)
        except BlockingIOError:
            pass
        except OSError:  # the device has gone with its namespace
            self._unplug(plug)

    def _deliver(self, arrived: Iterable[tuple[Port, bytes]]) -> None:
        for port, packet in arrived:
            if plug := self._plugs.get(port.name):
                _write(plug, packet)

    def _unplug(self, plug: Plug) -> None:
        self._forget(plug.device)
        os.close(plug.device)
        if self._plugs.get(plug.port.name) is plug:
            del self._plugs[plug.port.name]

    def _accept(self) -> None:
        with contextlib.suppress(BlockingIOError):
            line, _ = self._listener.accept()
            line.setblocking(False)
            self._watch(line.fileno(), lambda: self._hear(line))

    def _hear(self, line: socket.socket) -> None:
        """Do what one message says, and answer."""
        try:
            data, devices, _, _ = socket.recv_fds(line, _MESSAGE_BYTES, 1)
            if data:
                line.send(json.dumps(self._do(line, json.loads(data), devices)).encode())
                return
        except OSError:
            pass  # it has gone
        self._forget(line.fileno())
        self._over = self._over or line is self._stays_for
        line.close()

    def _do(self, line: socket.socket, told: dict[str, Any], devices: list[int]) -> dict[str, Any]:
        now_s = time.monotonic()
        match told:
            case {"do": "join", "name": str(name), "address": str(address)} if devices:
                self._join(name, address, devices[0])
            case {"do": "rule", "from": str(source), "to": str(target), "rule": dict(rule)}:
                self._deliver(self._switch.rule(source, target, Rule(**rule), now_s))
            case {"do": "heal", "name": str(name)}:
                self._deliver(self._switch.heal(name, now_s))
            case {"do": "traffic"}:
                return {name: _counted(port) for name, port in self._switch.ports.items()}
            case {"do": "stay"}:
                self._stays_for = line
            case _:
                return {"fault": f"not understood: {told}"}
        return {}

    def _join(self, name: str, address: str, device: int) -> None:
        """Plug a pod in; a device that it had before goes, and with it the namespace of its former life."""
        if former := self._plugs.get(name):
            self._unplug(former)
        os.set_blocking(device, False)
        plug = self._plugs[name] = Plug(device, self._switch.port(name, socket.inet_aton(address)))
        self._watch(device, lambda: self._carry(plug))


def _write(plug: Plug, packet: bytes) -> None:
    try:
        os.write(plug.device, packet)
    except OSError as error:
        if error.errno not in _GONE and not isinstance(error, BlockingIOError):
            raise
        plug.port.dropped += 1


def _counted(port: Port) -> dict[str, int]:
    return {name: value for name, value in asdict(port).items() if isinstance(value, int)}


def main() -> None:
    """Relay until the test has gone."""
    parser = argparse.ArgumentParser("relay", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--socket", required=True, help="where to listen for pods and their test")
    path = parser.parse_args().socket
    with contextlib.suppress(OSError):
        os.nice(_NICE)
    relay = Relay(path)
    print(f"ready relay {path}", flush=True)
    try:
        relay.run()
    finally:
        Path(path).unlink(missing_ok=True)


if __name__ == "__main__":
    main()
