"""The rules of k8s/, one by one: each test's docstring is the rule. They hold for the ring with every component.

The overlay `local` may break those of size, and says so in its own files.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.k8s.combination import FULLEST
from tests.k8s.manifests import (
    NAME,
    PARLEY,
    RING,
    Document,
    containers,
    of_kind,
    one,
    pod_of,
    ports,
    selects,
    title,
    variables,
    walk,
)
from tests.k8s.rendering import combined, overlay

SETS: list[Callable[[], tuple[Document, ...]]] = [
    pytest.param(lambda: overlay("production"), id="production"),
    pytest.param(lambda: combined(FULLEST), id="fullest"),
]
EVERYWHERE = [*SETS, pytest.param(lambda: overlay("local"), id="local")]

everywhere = pytest.mark.parametrize("documents", EVERYWHERE)
beyond_one_node = pytest.mark.parametrize("documents", SETS)
Documents = Callable[[], tuple[Document, ...]]

LONGEST_GRACE_S = {"ingress": 1860, "egress": 1860, "vad": 60, "broker": 120}


def deployments(documents: Documents) -> list[Document]:
    """Return every Deployment."""
    return of_kind(documents(), "Deployment")


def ring(documents: Documents) -> list[Document]:
    """Return the Deployments of the ring."""
    return [one(documents(), "Deployment", name) for name in RING]


# Who a pod is, and what it may do.


@everywhere
def test_namespace_takes_nothing_that_is_not_restricted(documents: Documents) -> None:
    """The namespace enforces Pod Security's `restricted`, audits and warns by it."""
    (namespace,) = of_kind(documents(), "Namespace")
    for mode in ("enforce", "audit", "warn"):
        assert namespace["metadata"]["labels"][f"pod-security.kubernetes.io/{mode}"] == "restricted"


@everywhere
def test_every_pod_has_an_account_of_its_own_without_token(documents: Documents) -> None:
    """Each pod runs under a ServiceAccount of its own name, and neither of them mounts a token."""
    for deployment in deployments(documents):
        name, pod = deployment["metadata"]["name"], pod_of(deployment)
        assert pod["serviceAccountName"] == name
        assert pod["automountServiceAccountToken"] is False
        assert one(documents(), "ServiceAccount", name)["automountServiceAccountToken"] is False


@everywhere
def test_nobody_may_ask_anything_of_the_cluster(documents: Documents) -> None:
    """There are no roles, and no bindings of any."""
    assert of_kind(documents(), "Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding") == []


@everywhere
def test_pods_are_nobody(documents: Documents) -> None:
    """User and group 10001, never root, under the runtime's default seccomp profile."""
    for deployment in deployments(documents):
        context = pod_of(deployment)["securityContext"]
        assert context["runAsNonRoot"] is True
        assert (context["runAsUser"], context["runAsGroup"], context["fsGroup"]) == (10001, 10001, 10001)
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}


@everywhere
def test_containers_can_do_nothing_but_their_work(documents: Documents) -> None:
    """Root file system read-only, every capability dropped, no escalation, not privileged."""
    for deployment in deployments(documents):
        for container in containers(deployment):
            assert container["securityContext"] == {
                "runAsNonRoot": True,
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, title(deployment)


@everywhere
def test_pods_share_nothing_with_their_node(documents: Documents) -> None:
    """No host network, processes, IPC, ports or paths."""
    for deployment in deployments(documents):
        pod = pod_of(deployment)
        assert not any(pod.get(key) for key in ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"))
        assert all("hostPath" not in volume for volume in pod.get("volumes", ()))
        assert all("hostPort" not in port for each in containers(deployment) for port in each.get("ports", ()))


@everywhere
def test_tmp_is_the_only_place_to_write(documents: Documents) -> None:
    """/tmp is an emptyDir with a bound; everything else that is mounted is read-only."""
    for deployment in deployments(documents):
        volumes = {volume["name"]: volume for volume in pod_of(deployment)["volumes"]}
        assert "sizeLimit" in volumes["tmp"]["emptyDir"]
        assert [name for name, volume in volumes.items() if "emptyDir" in volume] == ["tmp"]
        for container in containers(deployment):
            for mount in container["volumeMounts"]:
                assert mount["mountPath"] == "/tmp" or mount["readOnly"] is True, title(deployment)


@everywhere
def test_services_say_nothing_in_the_environment(documents: Documents) -> None:
    """enableServiceLinks is off: a Service called PARLEY_… must not become a setting."""
    assert all(pod_of(deployment)["enableServiceLinks"] is False for deployment in deployments(documents))


@everywhere
def test_secrets_are_files(documents: Documents) -> None:
    """No secret is an environment variable, by value or by reference, and no file of one is for others than the group."""
    for deployment in deployments(documents):
        for container in containers(deployment):
            assert "envFrom" not in container
            assert all("secretKeyRef" not in entry.get("valueFrom", {}) for entry in container.get("env", ()))
        for volume in pod_of(deployment)["volumes"]:
            if "secret" in volume:
                assert volume["secret"]["defaultMode"] == 0o440


# How it begins, and how it ends.


@everywhere
@pytest.mark.parametrize(
    ("probe", "service", "period_s", "failures"),
    [("startupProbe", "startup", 2, 60), ("readinessProbe", "readiness", 2, 1), ("livenessProbe", "liveness", 10, 3)],
)
def test_probes_ask_over_grpc(documents: Documents, probe: str, service: str, period_s: int, failures: int) -> None:
    """Each of the ring's three probes asks the plain-text health port over gRPC for the service that is named like it."""
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
    """preStop sleeps for 5 s, by the kubelet itself: no shell is needed in the image."""
    for deployment in ring(documents):
        assert all(each["lifecycle"] == {"preStop": {"sleep": {"seconds": 5}}} for each in containers(deployment))


@everywhere
def test_grace_is_longer_than_the_longest_farewell(documents: Documents) -> None:
    """Ingress and egress have 31 minutes, vad one, the broker two; and ingress's own patience ends before that."""
    for deployment in ring(documents):
        assert pod_of(deployment)["terminationGracePeriodSeconds"] == LONGEST_GRACE_S[deployment["metadata"]["name"]]
    patience_s = float(variables(one(documents(), "Deployment", "ingress"))["PARLEY_DRAIN_S"] or "nan")
    assert 60 <= patience_s <= LONGEST_GRACE_S["ingress"] - 5 - 60


@everywhere
def test_a_new_pod_is_there_before_an_old_one_goes(documents: Documents) -> None:
    """maxSurge 1 and maxUnavailable 0, and the new one must have been ready for 10 s."""
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


# Where it runs, and on what.


@everywhere
def test_pods_of_a_service_are_on_different_nodes(documents: Documents) -> None:
    """Spread by host name, each roll-out counted by itself; a full cluster is no reason not to start."""
    for deployment in ring(documents):
        (spread,) = pod_of(deployment)["topologySpreadConstraints"]
        assert (spread["topologyKey"], spread["maxSkew"]) == ("kubernetes.io/hostname", 1)
        assert spread["whenUnsatisfiable"] == "ScheduleAnyway"
        assert spread["labelSelector"] == deployment["spec"]["selector"]
        assert spread["matchLabelKeys"] == ["pod-template-hash"]


@everywhere
def test_no_cpu_limit_anywhere(documents: Documents) -> None:
    """A CPU quota comes in periods of 100 ms, which is five frames: nobody has one."""
    for deployment in deployments(documents):
        assert all("cpu" not in each["resources"]["limits"] for each in containers(deployment)), title(deployment)


@everywhere
def test_memory_is_promised_and_bounded(documents: Documents) -> None:
    """The memory limit is what was requested, so a node never has to choose whom to kill."""
    for deployment in deployments(documents):
        for container in containers(deployment):
            assert container["resources"]["limits"]["memory"] == container["resources"]["requests"]["memory"]


@beyond_one_node
def test_whole_cpus_are_requested(documents: Documents) -> None:
    """Each process of the ring has one CPU to itself: Python is one core a process."""
    for deployment in ring(documents):
        assert [each["resources"]["requests"]["cpu"] for each in containers(deployment)] == ["1"]


@everywhere
def test_libraries_do_not_spin_or_hoard(documents: Documents) -> None:
    """MALLOC_ARENA_MAX=2 everywhere in the ring, OMP_NUM_THREADS=1 in vad."""
    for deployment in ring(documents):
        assert variables(deployment)["MALLOC_ARENA_MAX"] == "2"
    assert variables(one(documents(), "Deployment", "vad"))["OMP_NUM_THREADS"] == "1"


@everywhere
def test_what_speaks_stays(documents: Documents) -> None:
    """Egress alone has a priority class, and that exists, and is nobody's default."""
    classes = {name: pod_of(one(documents(), "Deployment", name)).get("priorityClassName") for name in RING}
    assert classes == {"ingress": None, "vad": None, "broker": None, "egress": "parley-egress"}
    assert one(documents(), "PriorityClass", "parley-egress")["globalDefault"] is False


# How many.


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
    """With the component keda there is no other autoscaler; bounds, figures and pace are the same, and the query is ours."""
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


# How they find each other.


@everywhere
def test_every_service_has_a_name_for_all_its_pods(documents: Documents) -> None:
    """A headless Service of the same name, of ready pods only."""
    for deployment in ring(documents):
        service = one(documents(), "Service", deployment["metadata"]["name"])["spec"]
        assert service["clusterIP"] == "None"
        assert not service.get("publishNotReadyAddresses", False)


@everywhere
def test_services_select_exactly_their_pods(documents: Documents) -> None:
    """Every Service selects the pods of one Deployment, by ports that these name."""
    for service in of_kind(documents(), "Service"):
        selected = [
            each
            for each in deployments(documents)
            if selects({"matchLabels": service["spec"]["selector"]}, each["spec"]["template"]["metadata"]["labels"])
        ]
        assert len(selected) == 1, title(service)
        for port in service["spec"]["ports"]:
            assert ports(selected[0])[port["targetPort"]] == port["port"]


@everywhere
def test_deployments_select_their_own_pods(documents: Documents) -> None:
    """No Deployment's selector takes another's pods."""
    for deployment in deployments(documents):
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert labels[NAME] == deployment["metadata"]["name"]
        assert labels[PARLEY] == "parley"
        owners = [each for each in deployments(documents) if selects(each["spec"]["selector"], labels)]
        assert owners == [deployment]


@everywhere
def test_the_ring_is_found_by_dns_in_its_own_namespace(documents: Documents) -> None:
    """Ingress looks up the headless Services by their full names, in whatever namespace it runs."""
    known = variables(one(documents(), "Deployment", "ingress"))
    for variable, name, port in (("VADS", "vad", 7701), ("BROKERS", "broker", 7702), ("EGRESSES", "egress", 7703)):
        assert known[f"PARLEY_{variable}"] == f"dns:{name}.$(POD_NAMESPACE).svc.cluster.local:{port}"
        assert one(documents(), "Service", name)["spec"]["ports"][0]["port"] == port
    assert list(known).index("POD_NAMESPACE") < list(known).index("PARLEY_VADS")


@everywhere
def test_ingress_says_where_it_is(documents: Documents) -> None:
    """Other ingresses hand operators' calls to the pod's own address, not to the one it listens at."""
    known = variables(one(documents(), "Deployment", "ingress"))
    assert known["PARLEY_ADVERTISE"] == "$(POD_IP):7700"
    assert list(known).index("POD_IP") < list(known).index("PARLEY_ADVERTISE")


# What is in the images, and on the edge.


def test_production_pins_its_images() -> None:
    """Every image of the overlay production has a tag or a digest, and none is `latest`."""
    for deployment in of_kind(overlay("production"), "Deployment"):
        for container in containers(deployment):
            name, separator, tag = container["image"].rpartition(":")
            assert (name and separator and tag != "latest") or "@sha256:" in container["image"], container["image"]


def test_long_conversations_pass_the_gateway() -> None:
    """The WebSocket's route has no timeout, and the two routes don't share a host name, which gateways may refuse."""
    documents = overlay("production")
    websocket, grpc = one(documents, "HTTPRoute", "websocket")["spec"], one(documents, "GRPCRoute", "grpc")["spec"]
    assert [rule["timeouts"] for rule in websocket["rules"]] == [{"request": "0s", "backendRequest": "0s"}]
    assert not set(websocket["hostnames"]) & set(grpc["hostnames"])
    listeners = {each["name"]: each for each in one(documents, "Gateway", "parley")["spec"]["listeners"]}
    for route in (websocket, grpc):
        (parent,) = route["parentRefs"]
        assert [listeners[parent["sectionName"]]["hostname"]] == route["hostnames"]


def test_operators_calls_do_not_come_through_the_gateway() -> None:
    """Only clients' own service is routed from outside."""
    rules = one(overlay("production"), "GRPCRoute", "grpc")["spec"]["rules"]
    services = [match["method"]["service"] for rule in rules for match in rule["matches"]]
    assert services == ["parley.v1.ConversationService"]


@beyond_one_node
def test_certificates_last_a_day_and_name_one_service(documents: Documents) -> None:
    """Each service has a certificate of its own for 24 h, its name the only one in it, good for both ends of a call."""
    for name in RING:
        certificate = one(documents(), "Certificate", f"parley-ring-{name}")["spec"]
        assert certificate["dnsNames"] == [name]
        assert (certificate["duration"], certificate["renewBefore"]) == ("24h0m0s", "8h0m0s")
        assert {"server auth", "client auth"} <= set(certificate["usages"])
        known = variables(one(documents(), "Deployment", name))
        for variable, file in (("CERT", "tls.crt"), ("KEY", "tls.key"), ("CA", "ca.crt")):
            assert known[f"PARLEY_RING_{variable}"] == f"/run/parley/ring/{file}"
        volumes = {volume["name"]: volume for volume in pod_of(one(documents(), "Deployment", name))["volumes"]}
        assert volumes["ring"]["secret"]["secretName"] == certificate["secretName"]


@everywhere
def test_nothing_stands_open_by_accident(documents: Documents) -> None:
    """Ingress asks for tokens, of keys in a file, unless the component open-doors has said that it must not."""
    known = variables(one(documents(), "Deployment", "ingress"))
    assert (known["PARLEY_AUTH"], known.get("PARLEY_TOKEN_KEYS")) in (
        ("on", "/run/parley/tokens/keys.jsonl"),
        ("off", None),
    )
    assert variables(one(overlay("production"), "Deployment", "ingress"))["PARLEY_AUTH"] == "on"


@everywhere
def test_words_stay_where_they_were_said(documents: Documents) -> None:
    """No manifest asks for people's words in logs or traces."""
    for deployment in ring(documents):
        assert not {"PARLEY_TRACE_WORDS", "PARLEY_LOG_WORDS"} & set(variables(deployment))


@everywhere
def test_nothing_looks_like_a_password(documents: Documents) -> None:
    """No address in any manifest has a password in it."""
    for document in documents():
        for path, value in walk(document):
            for word in str(value).split():
                user = word.partition("://")[2].rpartition("@")[0]
                assert ":" not in user, f"{title(document)}{path}"
