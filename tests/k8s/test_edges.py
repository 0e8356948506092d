"""The rules for who finds whom, and what the outside sees: each test's docstring is the rule."""

from __future__ import annotations

from tests.k8s.cases import Documents, beyond_one_node, deployments, everywhere, ring
from tests.k8s.manifests import (
    NAME,
    PARLEY,
    RING,
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
from tests.k8s.rendering import overlay


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
def test_full_names_are_looked_up_as_they_are(documents: Documents) -> None:
    """With Kubernetes' own five dots each full name would be tried with every ending first, every 5 s."""
    for deployment in ring(documents):
        assert pod_of(deployment)["dnsConfig"] == {"options": [{"name": "ndots", "value": "2"}]}


@everywhere
def test_ingress_says_where_it_is(documents: Documents) -> None:
    """Other ingresses hand operators' calls to the pod's own address, not to the one it listens at."""
    known = variables(one(documents(), "Deployment", "ingress"))
    assert known["PARLEY_ADVERTISE"] == "$(POD_IP):7700"
    assert list(known).index("POD_IP") < list(known).index("PARLEY_ADVERTISE")


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
