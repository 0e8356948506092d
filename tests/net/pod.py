"""Runs a program in a pod: a network namespace of its own, whose one wire ends at the relay.

    python tests/net/pod.py --name vad --address 10.99.0.5/24 --relay SOCKET -- PROGRAM [ARGUMENT …]

It makes the namespace, a TUN device in it with this address, and gives that device to the relay; then it becomes the
program, under the same process id. The relay keeps the device, and with it the namespace, until another process
comes with the same name: what is sent to a dead pod meanwhile is refused, as where only the container has died.

Needs Linux and the right to make namespaces, which root has. Only the standard library is used, and no `ip`: this file
runs with `python -I -S`, and costs some 30 ms at the program's start.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import fcntl
import json
import os
import socket
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

MTU = 1500
DEVICE = "tun0"

_TUN = "/dev/net/tun"
_CLONE_NEWNET = 0x40000000  # <linux/sched.h>
_TUNSETIFF = 0x400454CA  # <linux/if_tun.h>
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
_SIOCGIFFLAGS, _SIOCSIFFLAGS = 0x8913, 0x8914  # <linux/sockios.h>
_SIOCSIFADDR, _SIOCSIFNETMASK, _SIOCSIFMTU, _SIOCSIFTXQLEN = 0x8916, 0x891C, 0x8922, 0x8943
_IFF_UP = 0x1
_WAITING_PACKETS = 5000
"""What the kernel keeps for a relay that is busy; TUN's own default is 500."""
_RELAY_ANSWERS_S = 10.0


class PodFault(Exception):
    """There can be no pod here; the message says why in plain words."""


def enter(name: str, address: str, relay: str) -> None:
    """Put the calling thread, and every thread and process it starts, into a new pod that is joined to the relay.

    Raises:
        PodFault: a namespace or a device is not to be had, or the relay does not answer.
    """
    device = make_namespace(address)
    try:
        _give_to_relay(name, address, device, relay)
    finally:
        os.close(device)


def make_namespace(address: str) -> int:
    """Put the calling thread into a new network namespace with this address (IP/bits); return the device's descriptor.

    Raises:
        PodFault: it is not to be had.
    """
    unshare()
    try:
        device = os.open(_TUN, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise PodFault(f"{_TUN} cannot be opened: {error.strerror}") from error
    try:
        fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), _IFF_TUN | _IFF_NO_PI))
        _configure(address)
    except OSError as error:
        os.close(device)
        raise PodFault(f"a TUN device cannot be set up: {error.strerror}") from error
    return device


def unshare() -> None:
    """Give the calling thread a network namespace of its own. Raises PodFault."""
    if sys.platform != "linux":
        raise PodFault("network namespaces are Linux's")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET) != 0:
        raise PodFault(f"no network namespace can be made: {os.strerror(ctypes.get_errno())} (it takes root)")


def namespace() -> int:
    """Return a descriptor of the calling thread's network namespace, for `go_to`."""
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def go_to(other: int) -> None:
    """Put the calling thread into a namespace that it has been in. Raises PodFault."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(other, _CLONE_NEWNET) != 0:
        raise PodFault(f"the way back to a namespace is shut: {os.strerror(ctypes.get_errno())}")


def _configure(address: str) -> None:
    """Bring up the loopback and the device; the route to the others comes with the address."""
    with contextlib.suppress(OSError):  # read-only in some containers: then IPv6 chatters, and the relay drops it
        Path("/proc/sys/net/ipv6/conf/all/disable_ipv6").write_text("1")
    ip, _, bits = address.partition("/")
    mask = socket.inet_ntoa(struct.pack("!I", 0xFFFFFFFF << (32 - int(bits)) & 0xFFFFFFFF))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for request, device, value in (
            (_SIOCSIFADDR, DEVICE, _ipv4(ip)),
            (_SIOCSIFNETMASK, DEVICE, _ipv4(mask)),
            (_SIOCSIFMTU, DEVICE, struct.pack("i20x", MTU)),
            (_SIOCSIFTXQLEN, DEVICE, struct.pack("i20x", _WAITING_PACKETS)),
        ):
            fcntl.ioctl(control, request, struct.pack("16s", device.encode()) + value)
        for device in ("lo", DEVICE):
            flags = fcntl.ioctl(control, _SIOCGIFFLAGS, struct.pack("16s24x", device.encode()))
            up = struct.unpack_from("H", flags, 16)[0] | _IFF_UP
            fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sH22x", device.encode(), up))


def _ipv4(ip: str) -> bytes:
    return struct.pack("=HH4s16x", socket.AF_INET, 0, socket.inet_aton(ip))


def _give_to_relay(name: str, address: str, device: int, relay: str) -> None:
    joining = json.dumps({"do": "join", "name": name, "address": address.partition("/")[0]}).encode()
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as line:
            line.settimeout(_RELAY_ANSWERS_S)
            line.connect(relay)
            socket.send_fds(line, [joining], [device])
            answer = line.recv(4096)
    except OSError as error:
        raise PodFault(f"the relay at {relay} does not answer: {error}") from error
    if "fault" in json.loads(answer or '{"fault": ""}'):
        raise PodFault(f"the relay takes no pod {name!r}: {answer.decode()}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the pod and become the program; or say that there can be pods here (--probe)."""
    parser = argparse.ArgumentParser("pod", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--probe", action="store_true", help="make a namespace and let it go: exit code 0 if that works"
    )
    parser.add_argument("--name", default="pod", help="the pod's name, for the relay's rules")
    parser.add_argument("--address", default="10.99.0.2/24", help="its address, and how many bits name the network")
    parser.add_argument("--relay", help="the relay's socket")
    parser.add_argument("program", nargs="*", help="what to run")
    options = parser.parse_args(arguments)
    try:
        if options.probe:
            os.close(make_namespace(options.address))
            return
        if not options.relay or not options.program:
            parser.error("--relay and a program are needed")
        enter(options.name, options.address, options.relay)
        os.execvp(options.program[0], options.program)
    except PodFault as fault:
        sys.exit(str(fault))
    except OSError as error:
        sys.exit(f"{options.program[0]} cannot be run: {error.strerror}")


if __name__ == "__main__":
    main()
