"""The dashboard and the alert rules ask for what services really serve, and docs/metrics.md has all of it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from services.broker.meter import Meter
from services.common import metrics
from services.common.process_meter import ProcessMeter
from services.common.room import Room
from services.egress.held_replies import HeldReplies
from services.egress.speakings import Speakings
from services.engine.meter import EngineMeter
from services.ingress.meter import LostLeases, buffers, drops
from services.vad.tally import Tally

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "deploy" / "observability"
ALERTS = FOLDER / "prometheus" / "alerts.yaml"
DASHBOARD = FOLDER / "grafana" / "dashboards" / "parley.json"
OF_PROMETHEUS = {"up": set[str]()}
OF_THE_SCRAPE = {"job", "instance", "service", "le"}
"""Labels that Prometheus adds; docs/metrics.md tells who runs it to name the service so."""


def registries() -> list[CollectorRegistry]:
    """Every registry that a service serves, with nothing counted yet."""
    ingress, vad, broker, egress, engine = (metrics.registry() for _ in range(5))
    ingress.register(LostLeases(lambda: 0))
    vad.register(Tally())
    meter = Meter(broker)
    meter.tool_calls.labels("tool", "done")
    egress.register(HeldReplies(lambda: 0))
    EngineMeter(engine)
    speakings = Speakings()
    asked: dict[str, dict[str, Any]] = {
        "ingress": {"drops": lambda: drops({}, []), "buffers": lambda: buffers([])},
        "egress": {"drops": speakings.drops, "buffers": speakings.buffers},
    }
    named = {"ingress": ingress, "vad": vad, "broker": broker, "egress": egress, "engine": engine}
    for name, registry in named.items():
        sessions = None if name == "broker" else lambda: 0
        ProcessMeter(registry, Room(name, 1), Counter(), parked=lambda: 0, sessions=sessions, **asked.get(name, {}))
    return list(named.values())


def served() -> dict[str, set[str]]:
    """Every metric's name, as a query has it, with its labels as docs/metrics.md documents them."""
    found: dict[str, set[str]] = dict(OF_PROMETHEUS)
    for registry in registries():
        for family in registry.collect():
            name = f"{family.name}_total" if family.type == "counter" else family.name
            names = [name, *(f"{name}_{part}" for part in ("bucket", "count", "sum") if family.type == "histogram")]
            labels = documented().get(name, set())
            found.update(dict.fromkeys(names, labels))
    return found


def documented() -> dict[str, set[str]]:
    """The rows of docs/metrics.md: each metric with its labels."""
    rows = re.findall(r"^\| `(parley_\w+)` \| ([^|]*) \|", (ROOT / "docs" / "metrics.md").read_text(), re.MULTILINE)
    return {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in rows}


def queries() -> dict[str, str]:
    """Every PromQL expression there is, by where it stands."""
    found = {
        f"alert {rule['alert']}": rule["expr"]
        for group in yaml.safe_load(ALERTS.read_text())["groups"]
        for rule in group["rules"]
    }
    dashboard = json.loads(DASHBOARD.read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            found[f"panel {panel['title']} {target['refId']}"] = target["expr"]
    return found


def test_every_query_asks_for_what_is_served() -> None:
    """By name, and by labels that the metric has."""
    known = served()
    for where, query in queries().items():
        selectors = re.findall(r"\b((?:parley|process)_\w+|up)\b(?:\{([^}]*)\})?", query)
        assert selectors, where
        for name, matchers in selectors:
            assert name in known, f"{where}: nobody serves {name}"
            for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers):
                assert label in known[name] | OF_THE_SCRAPE, f"{where}: {name} has no label {label}"
        labels = {label for group in re.findall(r"by \(([^)]*)\)", query) for label in re.findall(r"\w+", group)}
        of_any = set().union(*(known[name] for name, _ in selectors))
        assert labels <= of_any | OF_THE_SCRAPE, f"{where}: {labels - of_any}"


def test_queries_are_well_formed() -> None:
    """Brackets close in their order, and a rate has a range."""
    for where, query in queries().items():
        open_ = []
        for sign in query:
            if sign in "([{":
                open_.append(sign)
            elif sign in ")]}":
                assert open_, where
                assert open_.pop() + sign in ("()", "[]", "{}"), where
        assert not open_, where
        assert query.count("rate(") + query.count("increase(") == query.count("["), where


def test_the_document_has_what_every_service_serves() -> None:
    """docs/metrics.md lists each metric of our own, and none that is not there."""
    ours = {name for name in served() if name.startswith("parley_") and not re.search(r"_(bucket|count|sum)$", name)}
    assert ours == set(documented())


def test_the_rules_say_what_to_do() -> None:
    """Each alert has a summary, a severity that is known, and a page of the docs that is there."""
    names = []
    for group in yaml.safe_load(ALERTS.read_text())["groups"]:
        for rule in group["rules"]:
            names.append(rule["alert"])
            assert rule["labels"]["severity"] in ("page", "ticket")
            assert rule["annotations"]["summary"]
            assert rule["annotations"]["runbook"].startswith("docs/")
    assert len(names) == len(set(names)) > 10


def test_what_is_scraped_and_shown_is_where_the_files_say() -> None:
    """Prometheus scrapes every service, reads the rules, and takes exemplars; Grafana follows them to Jaeger."""
    prometheus = yaml.safe_load((FOLDER / "prometheus" / "prometheus.yaml").read_text())
    (job,) = prometheus["scrape_configs"]
    (found,) = job["dns_sd_configs"]
    assert (set(found["names"]), found["port"]) == ({"ingress", "vad", "broker", "egress", "engine"}, 9464)
    assert all((FOLDER / "prometheus" / name).is_file() for name in prometheus["rule_files"])
    assert job["scrape_protocols"][0].startswith("OpenMetricsText")
    grafana = FOLDER / "grafana" / "provisioning"
    sources = yaml.safe_load((grafana / "datasources" / "datasources.yaml").read_text())["datasources"]
    assert {source["uid"] for source in sources} == {"prometheus", "jaeger"}
    (destination,) = sources[0]["jsonData"]["exemplarTraceIdDestinations"]
    assert (destination["name"], destination["datasourceUid"]) == ("trace_id", "jaeger")
    dashboard = json.loads(DASHBOARD.read_text())
    numbers = [panel["id"] for panel in dashboard["panels"]]
    assert len(numbers) == len(set(numbers))
    exemplars = [
        panel["title"] for panel in dashboard["panels"] if any(t.get("exemplar") for t in panel.get("targets", []))
    ]
    assert exemplars == ["Response latency", "Barge-in: silent after …"]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="there is no promtool on the PATH to check the rules")
def test_promtool_takes_them() -> None:
    """Prometheus' own checker has nothing to say against rules and settings."""
    for command in (
        ["check", "rules", str(ALERTS)],
        ["check", "config", str(FOLDER / "prometheus" / "prometheus.yaml")],
    ):
        checked = subprocess.run(["promtool", *command], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stdout + checked.stderr
