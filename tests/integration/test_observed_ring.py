"""What an operator sees of a conversation with a barge-in, on a real ring: histograms with exemplars, and the log."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from clients.desktop import events
from local.ring import Ring
from tests.e2e.scene import scene as open_scene
from tests.e2e.test_conversation import PHRASE, ask
from tests.fakes.eventually import eventually
from tests.fakes.realtime import Reply

pytestmark = pytest.mark.timeout(300)

STAGES = ("ingress", "vad", "broker", "egress")
SETTINGS = {
    "PARLEY_METRICS_LISTEN": "127.0.0.1:0",
    "PARLEY_LOG": "json",
    "PARLEY_MAX_LATE_MS": "0",  # one conversation is not refused, however busy the machine
}
ENV = dict.fromkeys(STAGES, SETTINGS)
ACCEPT = "application/openmetrics-text;version=1.0.0;q=0.9,text/plain;version=0.0.4;q=0.5"


async def scrape(ring: Ring, stage: str) -> dict[str, list[Any]]:
    """Fetch a stage's metrics as Prometheus does; return its samples by their names."""
    (door,) = [line.split()[2] for line in ring.logs(stage) if line.startswith("door metrics ")]
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"http://{door}/metrics", headers={"Accept": ACCEPT})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    found: dict[str, list[Any]] = {}
    for family in text_string_to_metric_families(answer.text):  # type: ignore[no-untyped-call]
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample)
    return found


def total(samples: list[Any]) -> float:
    """Add up what all labels of a metric have."""
    return float(sum(sample.value for sample in samples))


def examples(samples: list[Any]) -> set[str]:
    """Return the traces that stand at a histogram's buckets."""
    return {sample.exemplar.labels["trace_id"] for sample in samples if sample.exemplar is not None}


def told(ring: Ring, stage: str, session: str) -> list[dict[str, Any]]:
    """Return what a stage's log tells of a session's moments, in its order."""
    lines = [json.loads(line) for line in ring.logs(stage) if line.startswith("{")]
    return [line for line in lines if line.get("session") == session and "event" in line]


async def test_a_barge_in_is_seen_in_metrics_and_logs() -> None:
    """Two answers and one interruption: counted once, timed, with the turn's trace; each step told by its stage."""
    async with open_scene(ENV) as scene:
        ring = scene.ring
        async with scene.person([Reply(seconds=10), Reply(seconds=1)], ["a story", "the weather"]) as actor:
            await ask(actor)
            await actor.person.hears(1, 1_500)
            session = actor.person.session
            await ask(actor, PHRASE)
            await actor.person.sees(events.Silenced)
            await actor.person.sees(events.ReplyPlayed, reply=2)
            await asyncio.sleep(1.2)  # counters are looked at each second
            vad, ingress, egress = [await scrape(ring, stage) for stage in ("vad", "ingress", "egress")]
        await eventually(lambda: len(moments(ring, "broker", session, "turn over")) == 2, within_s=20)
        broker = await scrape(ring, "broker")

        first, second = moments(ring, "vad", session, "turn ended")
        assert [first["turn"], second["turn"]] == [1, 2]
        traces = {first["trace_id"], second["trace_id"]}
        assert len(traces) == 2

        assert total(broker["parley_response_latency_seconds_count"]) == 2
        assert examples(broker["parley_response_latency_seconds_bucket"]) <= traces
        assert examples(broker["parley_response_latency_seconds_bucket"])
        for latency in ("stop", "yield"):
            assert total(broker[f"parley_barge_in_{latency}_latency_seconds_count"]) == 1
            assert examples(broker[f"parley_barge_in_{latency}_latency_seconds_bucket"]) == {first["trace_id"]}
        assert total(vad["parley_interruptions_total"]) == 1
        assert total(vad["parley_dismissed_sounds_total"]) == 0
        assert total(ingress["parley_leases_lost_total"]) == 0
        buffers = {sample.labels["buffer"] for sample in ingress["parley_buffer_messages"]}
        assert buffers == {"to_client", "to_vad", "to_egress", "retained"}
        assert {sample.labels["reason"] for sample in egress["parley_dropped_frames_total"]} == {
            "cancelled",
            "dead_reply",
        }

        (cancel,) = moments(ring, "vad", session, "interrupted")
        assert (cancel["turn"], cancel["reply"], cancel["trace_id"]) == (1, 1, first["trace_id"])
        for stage in ("ingress", "egress", "broker"):
            (cleared,) = moments(ring, stage, session, "buffers cleared")
            assert cleared["seq"] == cancel["seq"]
        (silent,) = moments(ring, "ingress", session, "client silent")
        assert (silent["reply"], silent["seq"]) == (1, cancel["seq"])
        steps = [line["event"] for line in told(ring, "vad", session)]
        assert steps[0] == "turn ended"
        assert steps[-4:] == ["speech over reply", "interrupted", "listening again", "turn ended"]
        created = moments(ring, "broker", session, "response created")
        assert [(line["turn"], line["reply"]) for line in created][:: len(created) - 1] == [(1, 1), (2, 2)]
        stories = {line["turn"]: line for line in moments(ring, "broker", session, "turn over")}
        assert stories[1]["trace_id"] == first["trace_id"]
        assert stories[1]["parley.interrupted"]
        assert stories[1]["parley.interrupted_by"] == cancel["cause"]
        assert stories[1]["parley.stop_ms"] > 0
        assert stories[2]["parley.response_ms"] > 0
        assert "default answered after" in stories[2]["message"]
        for stage in STAGES:
            assert not any("the weather" in line or "a story" in line for line in ring.logs(stage))


def moments(ring: Ring, stage: str, session: str, event: str) -> list[dict[str, Any]]:
    """Return the lines of one moment."""
    return [line for line in told(ring, stage, session) if line["event"] == event]
