"""Reach: who may speak to whom, worked out from the NetworkPolicies the way Kubernetes defines them.

A pod that some policy selects for a direction may do in it only what one of these allows; a connection needs both
ends to allow it. What no policy selects is free.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from tests.k8s.manifests import Document, of_kind, selects, title

NAMESPACE_NAME: Final = "kubernetes.io/metadata.name"


@dataclass(frozen=True)
class Peer:
    """A pod, or, without a namespace, an address outside of the cluster."""

    name: str
    address: str
    namespace: str = ""
    labels: dict[str, str] = field(default_factory=dict, hash=False)


class Edge(NamedTuple):
    """One may call another at a port."""

    caller: str
    called: str
    port: int
    protocol: str = "TCP"


class Reach:
    """What a set of policies allows."""

    def __init__(self, policies: Iterable[Document]) -> None:
        self._policies = list(policies)
        for policy in self._policies:
            assert policy["spec"].get("policyTypes"), f"{title(policy)} leaves its directions to be guessed"

    def allows(self, caller: Peer, called: Peer, port: int, protocol: str = "TCP") -> bool:
        """Tell whether `caller` may open a connection to `called`."""
        return self._lets("Egress", caller, called, port, protocol) and self._lets(
            "Ingress", called, caller, port, protocol
        )

    def edges(self, peers: Iterable[Peer], ports: Iterable[tuple[int, str]]) -> set[Edge]:
        """Return all that is allowed between two different peers, one of whom a policy may concern."""
        everyone, doors = list(peers), list(ports)
        concerned = {policy["metadata"]["namespace"] for policy in self._policies}
        return {
            Edge(caller.name, called.name, port, protocol)
            for caller in everyone
            for called in everyone
            for port, protocol in doors
            if concerned & {caller.namespace, called.namespace} and self.allows(caller, called, port, protocol)
        }

    def _lets(self, direction: str, mine: Peer, other: Peer, port: int, protocol: str) -> bool:
        selecting = [policy for policy in self._policies if _concerns(policy, direction, mine)]
        if not selecting:
            return True
        side = "to" if direction == "Egress" else "from"
        return any(
            _takes_port(rule, port, protocol) and _takes_peer(rule.get(side), other, policy["metadata"]["namespace"])
            for policy in selecting
            for rule in policy["spec"].get(direction.lower(), ())
        )


def _concerns(policy: Document, direction: str, peer: Peer) -> bool:
    spec = policy["spec"]
    return (
        direction in spec["policyTypes"]
        and peer.namespace == policy["metadata"]["namespace"]
        and selects(spec["podSelector"], peer.labels)
    )


def _takes_port(rule: Document, port: int, protocol: str) -> bool:
    doors = rule.get("ports")
    return not doors or any(door["port"] == port and door.get("protocol", "TCP") == protocol for door in doors)


def _takes_peer(allowed: list[Document] | None, peer: Peer, namespace: str) -> bool:
    return not allowed or any(_is_of(one, peer, namespace) for one in allowed)


def _is_of(allowed: Document, peer: Peer, namespace: str) -> bool:
    if "ipBlock" in allowed:
        address, block = ipaddress.ip_address(peer.address), allowed["ipBlock"]
        return address in ipaddress.ip_network(block["cidr"]) and not any(
            address in ipaddress.ip_network(excepted) for excepted in block.get("except", ())
        )
    if not peer.namespace:
        return False
    if "namespaceSelector" in allowed:
        if not selects(allowed["namespaceSelector"], {NAMESPACE_NAME: peer.namespace}):
            return False
    elif peer.namespace != namespace:
        return False
    return selects(allowed.get("podSelector", {}), peer.labels)


def peers_of(documents: Iterable[Document]) -> list[Peer]:
    """Return a pod of each Deployment, and of each a second one."""
    deployments = of_kind(documents, "Deployment")
    return [
        Peer(
            deployment["metadata"]["name"],
            f"10.244.{copy}.{10 + number}",
            deployment["metadata"]["namespace"],
            deployment["spec"]["template"]["metadata"]["labels"],
        )
        for copy in (1, 2)
        for number, deployment in enumerate(deployments)
    ]
