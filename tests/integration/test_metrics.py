"""Metrics and the turn log of a real broker process: what is scraped and written is what the model said it used."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families

from local.child import ROOT
from local.redis_server import RedisServer
from parley.v1 import broker_service_pb2 as broker_wire
from parley.v1 import broker_service_pb2_grpc as broker_rpc
from parley.v1 import egress_service_pb2_grpc as egress_rpc
from parley.v1 import session_pb2 as session
from parley.v1 import stream_pb2 as wire
from services.broker.money import Ledger, Prices
from services.common.metrics import AT_ONCE
from services.common.rpc import bind, channel, serve, server
from services.common.store import Store, connect
from tests.fakes.realtime import Call, Drop, FakeRealtime, Reply
from tests.integration.broker_ring import SPEECH, Egress, Vad

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PRICES = {
    "text_in": 4.0,
    "text_cached": 0.4,
    "text_out": 24.0,
    "audio_in": 32.0,
    "audio_cached": 0.4,
    "audio_out": 64.0,
}
TRANSCRIBED_MINUTE = 0.6
MODEL = {"agent": "default", "model": "m-1"}
NOON, MADE_UP = Call("noon", '{"a": 1, "b": 2}', "call_1"), Call("made_up", "{}", "call_2")
AGENT = """
    tools:
      functions:
        - name: noon
          description: Says whether it is noon.
          python: tests.unit.broker.tools.foreign_tools:add
          parameters: {type: object, required: [a], properties: {a: {type: integer}, b: {type: integer}}}
    session:
      silence_s: 0
"""
SERVER = f"""
    base_url: ${{FAKE_URL}}
    auth: none
    model: m-1
    transcription_model: t-1
    prices:
      m-1: {json.dumps({**PRICES, "currency": "EUR"})}
      t-1: {json.dumps({"transcribed_minute": TRANSCRIBED_MINUTE, "currency": "EUR"})}
"""


@dataclass
class Process:
    """A broker that runs, between peers that the test plays."""

    address: str
    metrics: str
    egress_address: str
    egress: Egress
    turn_log: Path
    store: Store
    process: asyncio.subprocess.Process

    @asynccontextmanager
    async def session(self, name: str = "s1", *, dial: int = 1) -> AsyncIterator[Vad]:
        """Hold a session with it; a later dial goes on with one that there is."""
        route = wire.Route(egress=self.egress_address)
        parent = f"00-{TRACE}-00f067aa0ba902b7-01"
        opened = wire.StreamOpen(
            protocol=1, session=name, lease=1, dial=dial, route=route, traceparent=parent, resumes=dial > 1
        )
        async with channel(self.address) as dialled:
            vad = Vad(broker_rpc.BrokerServiceStub(dialled).Respond())
            await vad.say(open=opened)
            try:
                yield vad
            finally:
                await vad.leave()

    async def scrape(self) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
        """Fetch everything, as Prometheus would: by the sample's name and its labels."""
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(f"http://{self.metrics}/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
        for family in text_string_to_metric_families(answer.text):
            for sample in family.samples:
                found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
        return found

    async def value(self, name: str, **labels: str) -> float:
        """Fetch one figure; 0 where there is none."""
        return (await self.scrape()).get(name, {}).get(tuple(sorted(labels.items())), 0.0)

    async def until(self, name: str, wanted: float, **labels: str) -> None:
        """Wait until a figure is this. Raises TimeoutError."""
        async with asyncio.timeout(10):
            while await self.value(name, **labels) != wanted:  # noqa: ASYNC110 - another process counts
                await asyncio.sleep(0.02)

    async def can_be_scraped(self) -> bool:
        """Tell whether there is a place for one more scrape."""
        try:
            return bool(await self.scrape())
        except httpx.TransportError:
            return False

    async def stop(self) -> int:
        """Stop it as a supervisor does; return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(15):
            return await self.process.wait()

    def lines(self, event: str) -> list[dict[str, Any]]:
        """Read the lines of the turn log."""
        lines = [json.loads(line) for line in self.turn_log.read_text().splitlines()]
        return [line for line in lines if line["event"] == event]


async def start(env: dict[str, str]) -> asyncio.subprocess.Process:
    """Start a broker with this environment and nothing else."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.broker",
        env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'protos' / 'gen'}", **env},
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@asynccontextmanager
async def broker(fake: FakeRealtime, folder: Path, **env: str) -> AsyncIterator[Process]:
    """A broker process for this model, its prices and a tool, with metrics and a turn log."""
    for name, text in (("agents/default.yaml", AGENT), ("servers/dear.yaml", SERVER)):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(dedent(text))
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(fake)
        redis = await stack.enter_async_context(RedisServer())
        store = Store(connect(redis.url))
        stack.push_async_callback(store.close)
        egress, egress_server = Egress(), server()
        serve(egress_server, egress_rpc.add_EgressServiceServicer_to_server, egress)
        egress_address = bind(egress_server, "127.0.0.1:0")
        await egress_server.start()
        stack.push_async_callback(egress_server.stop, 0)
        process = await start(
            {
                "PARLEY_LISTEN": "127.0.0.1:0",
                "PARLEY_REDIS_URL": redis.url,
                "PARLEY_AGENTS": str(folder / "agents"),
                "PARLEY_SERVERS": str(folder / "servers"),
                "PARLEY_MODEL_SERVER": "dear",
                "FAKE_URL": fake.url,
                "PARLEY_METRICS_LISTEN": "127.0.0.1:0",
                "PARLEY_TURN_LOG": str(folder / "turns.jsonl"),
                **env,
            }
        )
        assert process.stdout is not None
        door = (await process.stdout.readline()).decode().split()
        ready = (await process.stdout.readline()).decode().split()
        assert (door[:2], ready[:2]) == (["door", "metrics"], ["ready", "broker"]), await process.communicate()
        running = Process(ready[2], door[2], egress_address, egress, folder / "turns.jsonl", store, process)
        try:
            yield running
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()
    assert fake.violations == []


def reported(fake: FakeRealtime) -> session.Usage:
    """Add up what the model has said it used, from what it sent, and what that costs."""
    ledger = Ledger(Prices(**PRICES, transcribed_minute=TRANSCRIBED_MINUTE, currency="EUR"))
    for connection in fake.connections:
        for event in connection.sent_of("response.done"):
            ledger.responded(event.event["response"]["usage"])
        for event in connection.sent_of("conversation.item.input_audio_transcription.completed"):
            ledger.transcribed(event.event["usage"])
    return ledger.total


async def test_what_is_scraped_is_what_the_model_has_used(tmp_path: Path) -> None:
    """Two turns, one with a tool, one cut off: tokens of every kind, cost, tools, responses; log and Redis agree."""
    story = Reply(seconds=4.0, text="one two three four", speed=50)
    calls = Reply(seconds=0, items=0, calls=[NOON, MADE_UP])
    fake = FakeRealtime([calls, Reply(seconds=1.0, text="It is noon."), story], transcripts=["Is it noon?"])
    async with broker(fake, tmp_path) as running:
        assert await running.value("parley_sessions_active", agent="default") == 0
        await running.store.take_lease("s1", "ingress")
        assert await running.store.write_record(session.SessionRecord(session="s1", lease=1))
        async with running.session() as vad:
            await vad.ready()
            assert await running.value("parley_sessions_active", agent="default") == 1
            await vad.turn(1)
            await running.egress.ended(2)
            await running.egress.played(2, 1000, ended=True)
            await vad.turn(2)
            await running.egress.ended(3)
            await running.egress.played(3, 500)
            await vad.interrupt(1)
            await running.egress.played(3, 600, seq=1)
            await running.until("parley_model_responses_total", 3, **MODEL, outcome="completed")
            used = reported(fake)
            seconds = used.transcribed_ms / 1000
            await running.until("parley_model_transcribed_seconds_total", seconds, agent="default", model="t-1")
            found = await running.scrape()
            tokens = found["parley_model_tokens_total"]
            assert {dict(labels)["kind"]: value for labels, value in tokens.items()} == {
                kind: getattr(used, kind)
                for kind in ("text_in", "text_cached", "text_out", "audio_in", "audio_cached", "audio_out")
            }
            assert used.text_cached > 0, "the fake serves its later responses from a cache"
            assert used.audio_in > 0
            (cost,) = found["parley_model_cost_total"].items()
            assert (dict(cost[0])["currency"], round(cost[1] * 1e6)) == ("EUR", used.cost_micros)
            called = {tuple(dict(labels).values()): value for labels, value in found["parley_tool_calls_total"].items()}
            assert called == {("done", "noon"): 1, ("failed", "unknown"): 1}
            assert found["parley_tool_seconds_count"][(("tool", "noon"),)] == 1
            assert found["parley_turns_total"][(("agent", "default"),)] == 2
            await vad.say(end=wire.StreamEnd(reason=wire.StreamEnd.REASON_DONE))
            await running.egress.last_word()
        await running.until("parley_sessions_ended_total", 1, agent="default", reason="client")
        assert await running.value("parley_sessions_active", agent="default") == 0
        record = await running.store.read_record("s1")
        assert record is not None
        assert record.usage == used
        assert await running.stop() == 0
    first, second = running.lines("parley.turn")
    (whole,) = running.lines("parley.session")
    assert first["trace_id"] == second["trace_id"] == whole["trace_id"] == TRACE
    assert (first["parley.turn"], first["parley.replies"], first["parley.heard_ms"]) == (1, [2], 1000)
    tools = {(tool["gen_ai.tool.name"], tool["parley.tool.outcome"]) for tool in first["parley.tools"]}
    assert tools == {("noon", "done"), ("unknown", "failed")}
    assert set(first["parley.stages_ms"]) == {"vad.endpoint", "broker.commit", "model.first_audio"}
    assert (second["parley.turn"], second["parley.interrupted"], second["parley.heard_ms"]) == (2, True, 600)
    assert (whole["parley.turns"], whole["parley.end_reason"]) == (2, "client")
    assert whole["parley.cost_micros"] == used.cost_micros
    for name in ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "parley.transcribed_ms"):
        assert first.get(name, 0) + second.get(name, 0) == whole[name]
    assert "noon?" not in running.turn_log.read_text()


async def test_who_waited_is_in_the_histograms_with_its_trace_and_in_the_log(tmp_path: Path) -> None:
    """A scraper that asks for OpenMetrics gets the turn's trace at its bucket; the log of JSON has the same one."""
    fake = FakeRealtime([Reply(seconds=4.0, text="one two three four", speed=50)], transcripts=["Is it noon?"])
    trace = "a" * 32
    async with broker(fake, tmp_path, PARLEY_LOG="json") as running:
        async with running.session() as vad:
            await vad.ready()
            begun = broker_wire.SpeechStarted(turn=1, traceparent=f"00-{trace}-00f067aa0ba902b7-01")
            await vad.say(speech_started=begun)
            await vad.say(audio=broker_wire.TurnAudio(turn=1, pcm=SPEECH))
            await vad.say(turn_ended=broker_wire.TurnEnded(turn=1, end_offset=16_000, speech_ms=2_000))
            await running.egress.ended(1)
            await running.egress.played(1, 0, mic_offset=28_800)
            kind, cause = session.Interrupt.KIND_CANCEL, session.Interrupt.CAUSE_WORD
            cancel = session.Interrupt(seq=1, kind=kind, cause=cause, onset_offset=64_000, decided_offset=68_800)
            await vad.say(interrupt=cancel)
            await running.egress.played(1, 2_500, seq=1, mic_offset=69_520)
            await running.until("parley_barge_in_stop_latency_seconds_count", 1, agent="default")
            async with httpx.AsyncClient(trust_env=False) as client:
                accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
                answer = await client.get(f"http://{running.metrics}/metrics", headers=accept)
            assert answer.headers["content-type"].startswith("application/openmetrics-text")
            await vad.say(end=wire.StreamEnd(reason=wire.StreamEnd.REASON_DONE))
            await running.egress.last_word()
        await running.until("parley_sessions_active", 0, agent="default")
        assert await running.stop() == 0
        assert running.process.stderr is not None
        lines = [json.loads(line) for line in (await running.process.stderr.read()).splitlines()]
    samples = [sample for family in openmetrics_families(answer.text) for sample in family.samples]  # type: ignore[no-untyped-call]
    exemplars = {sample.name: sample.exemplar for sample in samples if sample.exemplar is not None}
    assert {name: (each.labels["trace_id"], round(each.value, 3)) for name, each in exemplars.items()} == {
        "parley_response_latency_seconds_bucket": (trace, 0.8),
        "parley_barge_in_stop_latency_seconds_bucket": (trace, 0.045),
        "parley_barge_in_yield_latency_seconds_bucket": (trace, 0.345),
    }
    told = {line["event"]: line for line in lines if line.get("session") == "s1" and "event" in line}
    assert list(told) == ["response created", "buffers cleared", "turn over"]
    assert told["turn over"]["trace_id"] == told["response created"]["trace_id"] == trace
    assert told["turn over"]["parley.interrupted_by"] == "word"
    assert "default answered after 800 ms" in told["turn over"]["message"]
    assert not any("noon?" in line["message"] for line in lines)


async def test_a_connection_made_again_and_a_vad_replaced_are_counted(tmp_path: Path) -> None:
    """The model drops the call in the middle of a reply; later vad is gone without a word, and another one comes."""
    drop = Drop(after="response.output_audio.delta", nth=3, code=1012)
    async with broker(FakeRealtime([Reply(seconds=1.0)], faults=[drop]), tmp_path) as running:
        async with running.session() as vad:
            await vad.ready()
            await vad.turn(1)
            await running.until("parley_model_reconnects_total", 1, **MODEL, outcome="reconnected")
        await running.until("parley_takeovers_total", 1, agent="default", what="parked")
        assert await running.value("parley_sessions_active", agent="default") == 1
        async with running.session(dial=2) as vad:
            await vad.ready()
            await running.until("parley_takeovers_total", 1, agent="default", what="adopted")
            await vad.say(end=wire.StreamEnd(reason=wire.StreamEnd.REASON_DONE))
            await running.until("parley_sessions_active", 0, agent="default")
        ended = (await running.scrape())["parley_sessions_ended_total"]
        assert ended == {(("agent", "default"), ("reason", "client")): 1}


async def test_a_broker_that_is_asked_to_stop_leaves_its_sessions(tmp_path: Path) -> None:
    """SIGTERM: vad and egress are told that another one goes on, and the process ends well."""
    async with broker(FakeRealtime([Reply(seconds=1.0)]), tmp_path) as running, running.session() as vad:
        await vad.ready()
        running.process.send_signal(signal.SIGTERM)
        assert (await vad.last_word()).reason == wire.StreamEnd.REASON_DRAINING
        assert (await running.egress.last_word()).reason == wire.StreamEnd.REASON_DRAINING
        assert await running.process.wait() == 0
    (whole,) = running.lines("parley.session")
    assert whole["parley.end_reason"] == "superseded"


async def test_nothing_else_is_served_and_who_dawdles_costs_nobody_anything(tmp_path: Path) -> None:
    """Other paths and methods get a plain answer; who comes beyond eight that ask nothing is sent away."""
    async with broker(FakeRealtime(), tmp_path) as running:
        host, _, port = running.metrics.rpartition(":")
        async with httpx.AsyncClient(trust_env=False, base_url=f"http://{running.metrics}") as client:
            assert (await client.get("/metrics?name=x")).status_code == 200
            elsewhere = await client.get("/")
            assert (elsewhere.status_code, "/metrics" in elsewhere.text) == (404, True)
            assert (await client.post("/metrics")).status_code == 501
        crowd = [await asyncio.open_connection(host, int(port)) for _ in range(AT_ONCE)]
        late, _ = one_too_many = await asyncio.open_connection(host, int(port))
        assert await late.read() == b""
        assert not any(reader.at_eof() for reader, _ in crowd)
        async with running.session() as vad:
            await vad.ready()
        for _, writer in [*crowd, one_too_many]:
            writer.close()
        async with asyncio.timeout(10):
            while not await running.can_be_scraped():  # noqa: ASYNC110 - another process has to notice
                await asyncio.sleep(0.02)


@pytest.mark.parametrize("door", ["PARLEY_METRICS_LISTEN", "PARLEY_TURN_LOG"])
async def test_a_door_that_can_not_be_had_is_told_at_the_start(door: str, tmp_path: Path) -> None:
    """In one line that names the variable, without a traceback, and the process ends."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        wrong = {"PARLEY_METRICS_LISTEN": f"127.0.0.1:{other.getsockname()[1]}", "PARLEY_TURN_LOG": str(tmp_path)}[door]
        process = await start({"PARLEY_LISTEN": "127.0.0.1:0", door: wrong})
        out, err = await asyncio.wait_for(process.communicate(), 30)
    assert (process.returncode, out) == (1, b"")
    (line,) = err.decode().splitlines()
    assert door in line
    assert wrong in line
