"""That the network policies allow the edges of the ring, and nothing else: every pair, at every port that there is."""

from __future__ import annotations

import pytest

from tests.k8s.combination import Combination
from tests.k8s.manifests import Document, of_kind, one, pod_of, ports
from tests.k8s.reach import Edge, Peer, Reach, peers_of
from tests.k8s.rendering import combined, overlay

STRANGERS = [
    Peer("neighbour", "10.244.3.1", "parley", {"app": "neighbour"}),
    Peer("other", "10.244.3.2", "default", {"app.kubernetes.io/name": "vad", "app.kubernetes.io/part-of": "parley"}),
    Peer("dns", "10.244.3.3", "kube-system", {"k8s-app": "kube-dns"}),
    Peer("kube-proxy", "10.244.3.4", "kube-system", {"k8s-app": "kube-proxy"}),
    Peer("collector", "10.244.3.5", "observability", {"app": "collector"}),
    Peer("prometheus", "10.244.3.6", "monitoring", {"app.kubernetes.io/name": "prometheus"}),
    Peer("gateway", "10.244.3.7", "envoy-gateway-system", {"app": "envoy"}),
    Peer("world", "203.0.113.7"),
    Peer("your network", "10.1.2.3"),
    Peer("your other network", "192.168.7.8"),
    Peer("metadata", "169.254.169.254"),
    Peer("your redis", "192.0.2.10"),
]
"""Whoever else there is: a pod of somebody's in the same namespace, one elsewhere that calls itself ours, and so on."""

PORTS = [
    *(
        (port, "TCP")
        for port in (22, 53, 80, 443, 4317, 4318, 6379, 6443, 7700, 7701, 7702, 7703, 7780, 7790, 8765, 9464)
    ),
    (53, "UDP"),
]

RING = ("ingress", "vad", "broker", "egress")
PODS = (*RING, "redis", "engine")

EDGES_OF_THE_RING = {
    Edge("ingress", "vad", 7701),
    Edge("ingress", "egress", 7703),
    Edge("ingress", "ingress", 7700),
    Edge("vad", "broker", 7702),
    Edge("broker", "egress", 7703),
    Edge("broker", "world", 443),
    Edge("broker", "your redis", 443),  # an address that is not private: of the world, as far as a policy knows
    *(Edge(name, "dns", 53, protocol) for name in PODS for protocol in ("TCP", "UDP")),
    Edge("neighbour", "dns", 53, "TCP"),
    Edge("neighbour", "dns", 53, "UDP"),
    *(Edge(name, "collector", port) for name in RING for port in (4317, 4318)),
    *(Edge("prometheus", name, 9464) for name in (*RING, "engine")),
}
"""What stands in every cluster. A pod of somebody's may look names up: that is all that the namespace gives away."""


def edges(documents: tuple[Document, ...]) -> set[Edge]:
    """Return all that these documents' policies allow, among their own pods and strangers."""
    return Reach(of_kind(documents, "NetworkPolicy")).edges([*peers_of(documents), *STRANGERS], PORTS)


def test_with_a_redis_and_an_engine_of_the_namespace() -> None:
    """The ring's edges; Redis for the ring, the engine for the broker; the doors for whoever can send a packet here."""
    documents = combined(Combination(("redis-trial", "engine", "auth", "network-policies", "tracing", "monitoring")))
    anybody = [*(stranger.name for stranger in STRANGERS if stranger.name != "neighbour")]
    assert edges(documents) == {
        *EDGES_OF_THE_RING,
        *(Edge(name, "redis", 6379) for name in RING),
        Edge("broker", "engine", 8765),
        *(Edge(name, "ingress", port) for name in anybody for port in (7700, 7780)),
    }


def test_in_production() -> None:
    """The ring's edges; one address for Redis; the doors for the gateway alone."""
    without = {"redis", "engine"}
    assert edges(overlay("production")) == {
        *(edge for edge in EDGES_OF_THE_RING if not {edge.caller, edge.called} & without),
        *(Edge(name, "your redis", 6379) for name in RING),
        Edge("gateway", "ingress", 7700),
        Edge("gateway", "ingress", 7780),
    }


def test_without_policies_all_is_open() -> None:
    """What is worked out is the policies' doing: without any, a stranger reaches vad."""
    documents = combined(Combination(("redis-trial", "engine", "auth")))
    vad = next(peer for peer in peers_of(documents) if peer.name == "vad")
    assert Reach([]).allows(STRANGERS[0], vad, 7701)


@pytest.mark.parametrize("name", PODS)
def test_policies_name_ports_that_there_are(name: str) -> None:
    """Each port at which a policy lets somebody in is one that the pod has."""
    documents = combined(Combination(("redis-trial", "engine", "auth", "network-policies", "tracing", "monitoring")))
    deployment = one(documents, "Deployment", name)
    me = next(peer for peer in peers_of(documents) if peer.name == name)
    allowed = {edge.port for edge in edges(documents) if edge.called == me.name}
    assert allowed == set(ports(deployment).values()) - {7790}, (
        "the health port is the kubelet's, which no policy stops"
    )
    assert not pod_of(deployment).get("hostNetwork")
