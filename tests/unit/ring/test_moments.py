"""An interruption in the logs of all stages: each tells its step, under one name and the same number."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from parley.v1 import stream_pb2
from services.broker.account import Account
from services.broker.agent import read_broker_agents
from services.broker.meter import Meter
from services.common.settings import Environment
from services.vad.narrator import Narrator
from services.vad.tally import Tally
from tests.unit.ring.scripted_model import Plan
from tests.unit.ring.scripted_vad import Act
from tests.unit.ring.simulation import Simulation


def test_each_stage_tells_its_step(caplog: pytest.LogCaptureFixture) -> None:
    """Told once, however many ways the cancel takes; and the broker knows how long the person waited for silence."""
    caplog.set_level(logging.INFO)
    simulation = Simulation((Act(0, "turn"), Act(900, "cancel"), Act(700, "turn")), [Plan(items=(48_000,))])
    registry, tally = CollectorRegistry(), Tally()
    registry.register(tally)
    simulation._listening.watch(Narrator("s", tally).take)
    simulation.ingress.name = "s"
    opened = stream_pb2.StreamOpen(session="s", traceparent=f"00-{'c' * 32}-00f067aa0ba902b7-01")
    agent = read_broker_agents(Environment({})).find("")
    with Account(Meter(registry), lambda line: None, agent, opened, simulation.broker.core) as account:
        simulation.broker._account = account
        simulation.run()

    lines: list[tuple[str, dict[str, Any]]] = [
        (record.name.removeprefix("parley."), record.fields) for record in caplog.records if hasattr(record, "fields")
    ]
    told = [(stage, known["event"]) for stage, known in lines if known.get("seq") == 1]
    assert told[0] == ("vad", "interrupted")
    assert sorted(told[1:]) == [
        ("broker", "buffers cleared"),
        ("egress", "buffers cleared"),
        ("ingress", "buffers cleared"),
        ("ingress", "client silent"),
    ]
    created = [known for stage, known in lines if known.get("event") == "response created"]
    assert [(known["turn"], known["reply"]) for known in created] == [(1, 1), (2, 2)]
    ended = [known["turn"] for stage, known in lines if known.get("event") == "turn ended"]
    assert ended == [1, 2]
    stories = {known["turn"]: known for _, known in lines if known.get("event") == "turn over"}
    assert stories[1]["parley.interrupted_by"] == "speech"
    assert not stories[2]["parley.interrupted"]
    assert all(" words" not in record.message for record in caplog.records)
    assert registry.get_sample_value("parley_interruptions_total", {"cause": "speech"}) == 1
    of_agent = {"agent": agent.name}
    assert registry.get_sample_value("parley_barge_in_stop_latency_seconds_count", of_agent) == 1
    assert registry.get_sample_value("parley_response_latency_seconds_count", of_agent) == 2
