"""Who reaches whom: only neighbours on the ring, and only the broker the model. Asked from inside each container."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.containers.conftest import Ring

pytestmark = pytest.mark.timeout(7200)

PORTS = {"ingress": 7700, "vad": 7701, "broker": 7702, "egress": 7703, "engine": 8765, "valkey": 6379}
NEIGHBOURS = {
    "ingress": {"vad", "egress", "valkey"},
    "vad": {"ingress", "broker", "valkey"},
    "broker": {"vad", "egress", "valkey", "engine"},
    "egress": {"broker", "ingress", "valkey"},
    "engine": {"broker"},
}
REACH_OUTSIDE = {"ingress", "broker"}
"""The door, which is published, and who may call a model in the cloud."""


def _addresses(ring: Ring) -> dict[str, str]:
    """Return every address of every container, with whose it is."""
    found = {}
    for service, port in PORTS.items():
        about = json.loads(ring.engine.run("inspect", ring.container(service)))[0]
        for network in about["NetworkSettings"]["Networks"].values():
            found[f"{network['IPAddress']}:{port}"] = service
    return found


def _reached(ring: Ring, service: str, addresses: Mapping[str, str]) -> set[str]:
    command = [ring.engine.program, "exec", "--interactive", ring.container(service), "python", "-", *addresses]
    code = Path(__file__).with_name("reach.py").read_text()
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin", **ring.engine.env}
    done = subprocess.run(command, input=code, env=env, text=True, capture_output=True, timeout=300, check=True)
    return {addresses[line] for line in done.stdout.split()}


@pytest.mark.parametrize("service", sorted(NEIGHBOURS))
def test_neighbours(ring: Ring, service: str) -> None:
    """A service reaches its neighbours, and none of the others at any of their addresses."""
    assert _reached(ring, service, _addresses(ring)) - {service} == NEIGHBOURS[service]


@pytest.mark.parametrize("service", sorted(NEIGHBOURS))
def test_outside(ring: Ring, service: str) -> None:
    """Who has no business beyond this machine does not get there: not even to this machine's own other address."""
    with socket.create_server(("0.0.0.0", 0)) as listener:
        own = _own_address()
        if not own:
            pytest.skip("this machine has no address but the loopback's")
        address = f"{own}:{listener.getsockname()[1]}"
        reached = bool(_reached(ring, service, {address: "outside"}))
    assert reached == (service in REACH_OUTSIDE)


def test_published(ring: Ring) -> None:
    """Only ingress takes calls from outside its networks: at its two doors, on the loopback."""
    for service in PORTS:
        about = json.loads(ring.engine.run("inspect", ring.container(service)))[0]
        bound = {
            (place["HostIp"], place["HostPort"])
            for places in (about["NetworkSettings"]["Ports"] or {}).values()
            for place in places or ()
        }
        doors = {("127.0.0.1", str(ring.port)), ("127.0.0.1", str(ring.websocket_port))}
        assert bound == (doors if service == "ingress" else set())


@pytest.mark.parametrize("service", ["ingress", "vad", "broker", "egress", "engine", "valkey"])
def test_hardened(ring: Ring, service: str) -> None:
    """Each runs read-only, without capabilities, without a way to new privileges, not as root."""
    about = json.loads(ring.engine.run("inspect", ring.container(service)))[0]
    status = ring.engine.run("exec", ring.container(service), "cat", "/proc/self/status")
    facts = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    assert about["HostConfig"]["ReadonlyRootfs"]
    assert int(facts["CapEff"], 16) == int(facts["CapBnd"], 16) == 0
    assert facts["NoNewPrivs"].strip() == "1"
    assert facts["Uid"].split()[0] == "10001"


def _own_address() -> str:
    """Return the address by which this machine would leave; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return ""
        address: str = probe.getsockname()[0]
    return "" if address.startswith("127.") else address
