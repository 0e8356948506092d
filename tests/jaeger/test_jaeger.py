"""A real Jaeger is given a real ring's spans, and asked for them through its HTTP API."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio

from tests.integration.traced_talk import hold
from tests.jaeger.jaeger_process import Jaeger, binary, jaeger

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        binary() is None, reason="there is no `jaeger` (version 2) on the PATH; docs/observing.md says how to get one"
    ),
]

KEEP: Final = "PARLEY_JAEGER_KEEP_S"
"""For whoever wants to look at the pages: so many seconds Jaeger stays there after the tests."""
ARRIVE_S: Final = 30
EXPECTED: Final = {
    "turn",
    "vad.endpoint",
    "broker.commit",
    "model.first_audio",
    "egress.first_frame",
    "client.first_sample",
    "client.playout",
    "interrupt.detect",
    "interrupt.fanout",
    "egress.flush",
    "client.silent",
    "broker.truncate",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def held(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Jaeger, list[dict[str, Any]]]]:
    """One conversation with a barge-in, and the traces of its two turns, the first one first."""
    folder: Path = tmp_path_factory.mktemp("jaeger")
    async with jaeger(folder) as made:
        await hold(made.otlp)
        async with asyncio.timeout(ARRIVE_S):
            while len(traces := [t for t in await made.traces("parley-broker") if _roots(t)]) < 2:  # noqa: ASYNC110 - Jaeger tells nobody
                await asyncio.sleep(0.5)
        yield made, sorted(traces, key=lambda trace: int(_roots(trace)[0]["startTime"]))
        if keep_s := float(os.environ.get(KEEP, 0)):
            print(f"\nJaeger stays at {made.query} for {keep_s:g} s")
            await asyncio.sleep(keep_s)


def _roots(trace: dict[str, Any]) -> list[dict[str, Any]]:
    return [span for span in trace["spans"] if span["operationName"] == "turn"]


def _tags(span: dict[str, Any]) -> dict[str, Any]:
    return {tag["key"]: tag["value"] for tag in span["tags"]}


async def test_every_service_is_known(held: tuple[Jaeger, list[dict[str, Any]]]) -> None:
    """Jaeger lists the stages under their names."""
    made, _ = held
    assert {"parley-ingress", "parley-vad", "parley-broker", "parley-egress"} <= set(await made.ask("/api/services"))


async def test_a_turn_is_one_trace(held: tuple[Jaeger, list[dict[str, Any]]]) -> None:
    """All stages' spans hang on one root, and Jaeger has no complaint about any of them."""
    _, (first, second) = held
    assert {span["operationName"] for span in first["spans"]} >= EXPECTED
    for trace in (first, second):
        (root,) = _roots(trace)
        for span in trace["spans"]:
            assert span is root or span["references"][0]["spanID"] == root["spanID"]
            assert not span["warnings"], span
    assert not {span["traceID"] for span in first["spans"]} & {span["traceID"] for span in second["spans"]}


async def test_a_turn_is_found_by_what_it_says(held: tuple[Jaeger, list[dict[str, Any]]]) -> None:
    """A session's turns are found by its id, and the turn says that it was interrupted."""
    made, (first, second) = held
    session = _tags(_roots(first)[0])["gen_ai.conversation.id"]
    tags = f"%7B%22gen_ai.conversation.id%22%3A%22{session}%22%7D"
    found = await made.ask(f"/api/traces?service=parley-broker&operation=turn&limit=20&lookback=1h&tags={tags}")
    assert {trace["traceID"] for trace in found} == {first["traceID"], second["traceID"]}
    assert _tags(_roots(first)[0])["parley.interrupted"] is True


async def test_turns_are_linked(held: tuple[Jaeger, list[dict[str, Any]]]) -> None:
    """From the second one leads to the first: Jaeger keeps links as references that follow from."""
    _, (first, second) = held
    references = _roots(second)[0]["references"]
    assert [(each["refType"], each["traceID"]) for each in references] == [("FOLLOWS_FROM", first["traceID"])]


async def test_the_way_to_the_answer_has_no_gap(held: tuple[Jaeger, list[dict[str, Any]]]) -> None:
    """As Jaeger has it, in microseconds: the stages from the end of speech to the first sample join."""
    _, traces = held
    stages = ("vad.endpoint", "broker.commit", "model.first_audio", "egress.first_frame", "client.first_sample")
    for trace in traces:
        by_name = {span["operationName"]: span for span in trace["spans"]}
        until = _roots(trace)[0]["startTime"]
        for name in stages:
            assert abs(by_name[name]["startTime"] - until) <= 5_000, name
            until = by_name[name]["startTime"] + by_name[name]["duration"]
