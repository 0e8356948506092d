"""The rules for how pods begin and end, and how many there are: each test's docstring is the rule."""

from __future__ import annotations

import pytest
import yaml

from tests.k8s.cases import Documents, beyond_one_node, deployments, everywhere, ring
from tests.k8s.combination import FULLEST
from tests.k8s.manifests import RING, Document, containers, of_kind, one, pod_of, title, variables
from tests.k8s.rendering import K8S, combined, overlay

GRACE_S = {"ingress": 1860, "egress": 1860, "vad": 60, "broker": 120}


@everywhere
@pytest.mark.parametrize(
    ("probe", "service", "period_s", "failures"),
    [("startupProbe", "startup", 2, 60), ("readinessProbe", "readiness", 2, 1), ("livenessProbe", "liveness", 10, 3)],
)
def test_probes_ask_over_grpc(documents: Documents, probe: str, service: str, period_s: int, failures: int) -> None:
    """Each of the ring's three probes asks the plain-text health port over gRPC, by a name of its own."""
    for deployment in ring(documents):
        (container,) = containers(deployment)
        assert container[probe]["grpc"] == {"port": 7790, "service": service}
        assert (container[probe]["periodSeconds"], container[probe]["failureThreshold"]) == (period_s, failures)


@everywhere
def test_everything_else_has_all_three_probes(documents: Documents) -> None:
    """The engine and the Redis for trials are asked, too."""
    for deployment in deployments(documents):
        for container in containers(deployment):
            assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(container), title(deployment)


@everywhere
def test_dns_forgets_a_pod_before_it_refuses(documents: Documents) -> None:
    """Before SIGTERM there are 5 s, counted by the kubelet itself: no shell is needed in the image."""
    for deployment in ring(documents):
        assert all(each["lifecycle"] == {"preStop": {"sleep": {"seconds": 5}}} for each in containers(deployment))


@everywhere
def test_grace_is_longer_than_the_longest_farewell(documents: Documents) -> None:
    """Ingress and egress have 31 minutes, vad one, the broker two; and ingress's own patience ends before that."""
    for deployment in ring(documents):
        assert pod_of(deployment)["terminationGracePeriodSeconds"] == GRACE_S[deployment["metadata"]["name"]]
    patience_s = float(variables(one(documents(), "Deployment", "ingress"))["PARLEY_DRAIN_S"] or "nan")
    assert 60 <= patience_s <= GRACE_S["ingress"] - 5 - 60


@everywhere
def test_a_new_pod_is_there_before_an_old_one_goes(documents: Documents) -> None:
    """One more and none less at a time, and the new one must have been ready for 10 s."""
    for deployment in ring(documents):
        assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
        assert deployment["spec"]["minReadySeconds"] >= 10


@everywhere
def test_one_pod_at_a_time_is_moved(documents: Documents) -> None:
    """Each service has a PodDisruptionBudget of its own pods: maxUnavailable 1, and an unready pod may always go."""
    for deployment in ring(documents):
        budget = one(documents(), "PodDisruptionBudget", deployment["metadata"]["name"])["spec"]
        assert (budget["maxUnavailable"], budget["unhealthyPodEvictionPolicy"]) == (1, "AlwaysAllow")
        assert budget["selector"] == deployment["spec"]["selector"]


def test_autoscalers_follow_conversations() -> None:
    """Up at once and by half of what there will be; down by one pod in five minutes, when ten have been quiet."""
    for name in RING:
        scaler = one(overlay("production"), "HorizontalPodAutoscaler", name)["spec"]
        assert scaler["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
        (metric,) = scaler["metrics"]
        assert metric["pods"]["metric"] == {"name": "parley_sessions_active"}
        assert metric["pods"]["target"]["type"] == "AverageValue"
        assert scaler["minReplicas"] >= 2
        _check_pace(scaler["behavior"])


def test_keda_does_the_same() -> None:
    """With the component keda there is no other autoscaler; bounds, figures and pace are the same."""
    documents = combined(FULLEST)
    assert of_kind(documents, "HorizontalPodAutoscaler") == []
    for name in RING:
        plain = one(overlay("production"), "HorizontalPodAutoscaler", name)["spec"]
        scaled = one(documents, "ScaledObject", name)["spec"]
        (trigger,) = scaled["triggers"]
        assert trigger["metadata"]["threshold"] == plain["metrics"][0]["pods"]["target"]["averageValue"]
        assert trigger["metadata"]["query"] == f'sum(parley_sessions_active{{namespace="parley", pod=~"{name}-.*"}})'
        assert (scaled["minReplicaCount"], scaled["maxReplicaCount"]) == (plain["minReplicas"], plain["maxReplicas"])
        _check_pace(scaled["advanced"]["horizontalPodAutoscalerConfig"]["behavior"])


def test_adapter_gives_the_metric_that_autoscalers_ask_for() -> None:
    """The rule for prometheus-adapter is of that metric, added up over a pod's series, and by namespace and pod."""
    values = yaml.safe_load((K8S / "components" / "monitoring" / "adapter-values.yaml").read_text())
    (rule,) = values["rules"]["custom"]
    assert rule["seriesQuery"].startswith("parley_sessions_active{")
    assert rule["name"]["matches"] == "parley_sessions_active"
    assert rule["metricsQuery"].startswith("sum by (")
    assert set(rule["resources"]["overrides"]) == {"namespace", "pod"}


def _check_pace(behavior: Document) -> None:
    assert behavior["scaleUp"]["stabilizationWindowSeconds"] == 0
    assert behavior["scaleUp"]["policies"] == [{"type": "Percent", "value": 100, "periodSeconds": 15}]
    assert behavior["scaleDown"]["stabilizationWindowSeconds"] == 600
    assert behavior["scaleDown"]["policies"] == [{"type": "Pods", "value": 1, "periodSeconds": 300}]


@beyond_one_node
def test_only_the_autoscaler_says_how_many(documents: Documents) -> None:
    """A Deployment that is scaled names no number, or every `apply` would undo what the autoscaler did."""
    assert all("replicas" not in deployment["spec"] for deployment in ring(documents))


@everywhere
def test_a_pod_takes_more_than_it_is_scaled_for(documents: Documents) -> None:
    """Places are at least half as many again as the autoscaler aims at: there is time for a new pod to come."""
    for deployment in ring(documents):
        name = deployment["metadata"]["name"]
        metric = one(overlay("production"), "HorizontalPodAutoscaler", name)["spec"]["metrics"][0]
        target = int(metric["pods"]["target"]["averageValue"])
        assert int(variables(deployment)["PARLEY_MAX_SESSIONS"] or 0) >= 1.3 * target
