"""The rules for pods, one by one: each test's docstring is the rule."""

from __future__ import annotations

from tests.k8s.cases import Documents, beyond_one_node, deployments, everywhere, ring
from tests.k8s.manifests import RING, containers, of_kind, one, pod_of, title, variables


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
    """Links to Services are off: a Service called PARLEY_… must not become a setting."""
    assert all(pod_of(deployment)["enableServiceLinks"] is False for deployment in deployments(documents))


@everywhere
def test_secrets_are_files(documents: Documents) -> None:
    """No secret is an environment variable, by value or by reference, and each file is for its group alone."""
    for deployment in deployments(documents):
        for container in containers(deployment):
            assert "envFrom" not in container
            assert all("secretKeyRef" not in entry.get("valueFrom", {}) for entry in container.get("env", ()))
        for volume in pod_of(deployment)["volumes"]:
            if "secret" in volume:
                assert volume["secret"]["defaultMode"] == 0o440


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
