"""That the manifests and the services speak of the same things: variables, ports, names, files."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from parley.v1 import conversation_service_pb2 as client
from services.broker.settings import BrokerSettings
from services.common import health, health_state, usage
from services.common.settings import CommonSettings, Environment
from services.common.usage import Usage
from services.engine.settings import Settings as EngineSettings
from services.ingress.limits import Limits
from services.ingress.operator_settings import OperatorSettings
from services.ingress.route import IngressSettings
from services.ingress.websocket import HEALTH_PATH, PATH
from tests.k8s import combination
from tests.k8s.manifests import (
    RING,
    Document,
    containers,
    of_kind,
    one,
    pod_of,
    ports,
    secrets,
    selects,
    title,
    variables,
)
from tests.k8s.rendering import ROOT, combined, overlay

OF_THE_POD = {"POD_NAMESPACE", "POD_IP"}
OF_LIBRARIES = {"MALLOC_ARENA_MAX", "OMP_NUM_THREADS", "OTEL_EXPORTER_OTLP_ENDPOINT"}
"""What glibc, onnxruntime and OpenTelemetry read by themselves."""

SECRET = "0123456789abcdef"


def sets() -> tuple[tuple[Document, ...], ...]:
    """Return manifests in which every component is, once at least."""
    second = combination.Combination(("redis-external", "openai", "open-doors", "tls-doors", *combination.OPTIONAL))
    return overlay("production"), overlay("local"), combined(combination.FULLEST), combined(second)


def known(service: str) -> set[str]:
    """Return the variables that a service says it has when it is asked for help."""
    said: Usage = importlib.import_module(f"services.{service}.__main__").USAGE
    return {variable.name for variable in (*said.variables, *usage.LOG)}


def mounted(documents: tuple[Document, ...], name: str, folder: Path) -> dict[str, str]:
    """Return a Deployment's environment as the process sees it. What is mounted under /run/parley lies in `folder`."""
    there = {"POD_NAMESPACE": "parley", "POD_IP": "10.244.1.10"}
    for config in of_kind(documents, "ConfigMap"):
        if config["metadata"]["name"].startswith("parley-redis-"):
            there["PARLEY_REDIS_URL"] = config["data"]["url"]
    seen: dict[str, str] = {}
    for variable, value in variables(one(documents, "Deployment", name)).items():
        text = there[variable] if value is None else value
        for other, is_now in seen.items():
            text = text.replace(f"$({other})", is_now)
        assert "$(" not in text, f"{variable} names a variable that comes after it"
        seen[variable] = _file(folder, text) if text.startswith("/run/parley/") else text
    return seen


def _file(folder: Path, path: str) -> str:
    file = folder / path.removeprefix("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    if path.endswith("/ca.crt"):
        trustme.CA().cert_pem.write_to_path(str(file))
    else:
        file.write_text(f"{SECRET}\n")
    return str(file)


class Asked(dict[str, str]):
    """An environment that remembers what was looked for in it."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return super().get(name, default)


@pytest.mark.parametrize("service", RING)
def test_service_knows_every_variable_that_it_is_given(service: str) -> None:
    """Each variable in any overlay and component is one that --help tells of; of a secret, its file."""
    for documents in sets():
        given = set(variables(one(documents, "Deployment", service))) - OF_THE_POD - OF_LIBRARIES
        files = {name for name in given if name.endswith("_FILE") and name not in known(service)}
        assert given - files <= known(service), title(one(documents, "Deployment", service))
        assert {name.removesuffix("_FILE") for name in files} <= {*known(service), "PARLEY_ENGINE_KEY"}


def test_engine_knows_every_variable_that_it_is_given() -> None:
    """The engine looks for each that the manifests set."""
    asked = Asked()
    EngineSettings.read(asked)
    given = set(variables(one(combined(combination.FULLEST), "Deployment", "engine"))) - OF_LIBRARIES
    assert given <= {*asked.names, health.VARIABLE, usage.METRICS.name, *(variable.name for variable in usage.LOG)}


def test_ingress_reads_what_it_is_given(tmp_path: Path) -> None:
    """Its own reading of the environment finds the ring's names, both doors, its address and its patience."""
    env = Environment(mounted(overlay("production"), "ingress", tmp_path))
    settings = IngressSettings.read(env)
    assert settings.common.listen == "0.0.0.0:7700"
    assert settings.websocket_listen == "0.0.0.0:7780"
    assert settings.vads == ("dns:vad.parley.svc.cluster.local:7701",)
    assert settings.brokers == ("dns:broker.parley.svc.cluster.local:7702",)
    assert settings.egresses == ("dns:egress.parley.svc.cluster.local:7703",)
    assert OperatorSettings.read(env).advertise == "10.244.1.10:7700"
    assert Limits.read(env).drain_s == 600


@pytest.mark.parametrize(("service", "port"), [("ingress", 7700), ("vad", 7701), ("broker", 7702), ("egress", 7703)])
def test_ports_are_those_at_which_the_services_listen(service: str, port: int, tmp_path: Path) -> None:
    """The port that a container names is the one its variables say, and the service's own default."""
    default: int = importlib.import_module(f"services.{service}.__main__").DEFAULT_PORT
    assert default == port
    deployment = one(overlay("production"), "Deployment", service)
    given, named = mounted(overlay("production"), service, tmp_path), ports(deployment)
    assert CommonSettings.read(Environment(given), port).listen == f"0.0.0.0:{named['grpc']}" == f"0.0.0.0:{port}"
    assert given["PARLEY_METRICS_LISTEN"] == f"0.0.0.0:{named['metrics']}"
    assert given["PARLEY_HEALTH_LISTEN"] == f"0.0.0.0:{named['health']}"


def test_engine_listens_where_it_is_looked_for(tmp_path: Path) -> None:
    """The engine's port is its Service's and the broker's, and it takes the key that it needs from a file."""
    documents = combined(combination.FULLEST)
    deployment = one(documents, "Deployment", "engine")
    settings = EngineSettings.read(mounted(documents, "engine", tmp_path))
    settings.check()
    assert settings.key == SECRET
    assert (
        settings.port
        == ports(deployment)["realtime"]
        == one(documents, "Service", "engine")["spec"]["ports"][0]["port"]
    )
    url = variables(one(documents, "Deployment", "broker"))["PARLEY_MODEL_URL"]
    assert url == f"ws://engine:{settings.port}/v1/realtime"


@pytest.mark.parametrize(("name", "server"), [("production", "openai"), ("local", "engine")])
def test_broker_has_its_models_key_from_a_file(tmp_path: Path, name: str, server: str) -> None:
    """Read as in the pod, with the folder of agents' profiles, the broker's model has the key that the Secret holds."""
    given = mounted(overlay(name), "broker", tmp_path)
    settings = BrokerSettings.read(Environment({**given, "PARLEY_AGENTS": str(ROOT / "deploy" / "agents")}))
    assert given["PARLEY_MODEL_SERVER"] == server
    assert settings.model.key == SECRET


def test_probes_ask_for_what_health_answers() -> None:
    """The three names in the probes are those that the services' health knows."""
    for deployment in (one(overlay("production"), "Deployment", name) for name in RING):
        (container,) = containers(deployment)
        asked = [container[probe]["grpc"]["service"] for probe in ("startupProbe", "readinessProbe", "livenessProbe")]
        assert asked == [health_state.STARTUP, health_state.READINESS, health_state.LIVENESS]


def test_gateway_routes_to_what_ingress_serves() -> None:
    """The WebSocket's path and the gRPC service's full name are ingress's own; its health is not shown to the world."""
    documents = overlay("production")
    (rule,) = one(documents, "HTTPRoute", "websocket")["spec"]["rules"]
    assert [match["path"]["value"] for match in rule["matches"]] == [PATH] != [HEALTH_PATH]
    (match,) = one(documents, "GRPCRoute", "grpc")["spec"]["rules"][0]["matches"]
    assert match["method"]["service"] == client.DESCRIPTOR.services_by_name["ConversationService"].full_name
    doors = {port["port"] for port in one(documents, "Service", "doors")["spec"]["ports"]}
    for route in of_kind(documents, "HTTPRoute", "GRPCRoute"):
        for backend in (each for rule in route["spec"]["rules"] for each in rule["backendRefs"]):
            assert (backend["name"], backend["port"] in doors) == ("doors", True)


def test_prometheus_finds_the_ring_and_the_engine() -> None:
    """The PodMonitor selects the pods of these five and no others, by a port that they name."""
    documents = combined(combination.FULLEST)
    monitor = one(documents, "PodMonitor", "parley")["spec"]
    found = [
        deployment
        for deployment in of_kind(documents, "Deployment")
        if selects(monitor["selector"], deployment["spec"]["template"]["metadata"]["labels"])
    ]
    assert sorted(each["metadata"]["name"] for each in found) == sorted((*RING, "engine"))
    (endpoint,) = monitor["podMetricsEndpoints"]
    assert all(endpoint["port"] in ports(each) for each in found)


def test_alert_rules_are_those_of_the_repository() -> None:
    """The PrometheusRule has the groups of deploy/observability/prometheus/alerts.yaml: change both, or none."""
    rules = yaml.safe_load((ROOT / "deploy" / "observability" / "prometheus" / "alerts.yaml").read_text())
    assert one(combined(combination.FULLEST), "PrometheusRule", "parley")["spec"] == {"groups": rules["groups"]}


def test_alert_rules_find_the_labels_that_they_ask_for() -> None:
    """The PodMonitor sets `job` and `service` as the Prometheus of compose.yaml does."""
    monitor = one(combined(combination.FULLEST), "PodMonitor", "parley")["spec"]
    config = yaml.safe_load((ROOT / "deploy" / "observability" / "prometheus" / "prometheus.yaml").read_text())
    (scrape,) = config["scrape_configs"]
    (pod,) = {
        deployment["spec"]["template"]["metadata"]["labels"][monitor["jobLabel"]]
        for deployment in of_kind(combined(combination.FULLEST), "Deployment")
    }
    assert scrape["job_name"] == pod
    (relabelling,) = monitor["podMetricsEndpoints"][0]["relabelings"]
    assert relabelling["targetLabel"] == scrape["relabel_configs"][0]["target_label"] == "service"
    assert monitor["scrapeProtocols"] == scrape["scrape_protocols"]


def test_every_file_that_a_variable_names_is_mounted() -> None:
    """A variable that holds a path under /run/parley or /etc/parley points into something that is mounted there."""
    for documents in sets():
        for deployment in of_kind(documents, "Deployment"):
            (container,) = pod_of(deployment)["containers"]
            mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
            for name, value in variables(deployment).items():
                if value and value.startswith(("/run/parley/", "/etc/parley/")):
                    assert value in mounts or value.rpartition("/")[0] in mounts, f"{title(deployment)}: {name}"


def test_only_who_needs_a_secret_has_it() -> None:
    """The tokens' keys and the doors' certificate are ingress's alone, the model's key that of who uses it."""
    for documents in sets():
        for deployment in of_kind(documents, "Deployment"):
            name = deployment["metadata"]["name"]
            allowed = {f"parley-ring-{name}", "parley-redis"} if name in RING else set()
            allowed |= {
                "ingress": {"parley-token-keys", "parley-doors"},
                "broker": {"parley-openai", "parley-engine"},
                "engine": {"parley-engine"},
            }.get(name, set())
            assert secrets(deployment) <= allowed
