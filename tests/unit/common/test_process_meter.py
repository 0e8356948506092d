"""The process meter: what is scraped is how things stand, whatever the stage."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from services.common.errors import FullFault
from services.common.process_meter import ProcessMeter
from services.common.room import Room
from tests.unit.common.ticks import Ticks, ticks

__all__ = ["ticks"]


def scraped(registry: CollectorRegistry) -> dict[str, float]:
    """Return every sample, by its name and label."""
    found = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        for sample in family.samples:
            label = "".join(f"[{value}]" for value in sample.labels.values())
            found[sample.name + label] = sample.value
    return found


def test_figures_are_those_of_the_moment() -> None:
    """Nothing need be told to it: it looks where things are counted."""
    registry, room, tally = CollectorRegistry(), Room("vad", 1), Counter[str]()
    sessions, parked = ["a"], ["b", "c"]
    ProcessMeter(registry, room, tally, parked=lambda: len(parked), sessions=lambda: len(sessions))
    before = scraped(registry)
    assert (before["parley_sessions_active"], before["parley_sessions_parked"], before["parley_places"]) == (
        1,
        2,
        1,
    )
    assert before["parley_sessions_refused_total[full]"] == before["parley_sessions_refused_total[late]"] == 0
    assert before["parley_cancelled_reads_total"] == before["parley_trunks_broken_total"] == 0
    with pytest.raises(FullFault):
        room.admit(1, resumes=False)
    sessions.clear()
    parked.pop()
    tally.update(cancelled_reads=3, trunks_broken=1, strands_broken=20)
    after = scraped(registry)
    assert (after["parley_sessions_active"], after["parley_sessions_parked"]) == (0, 1)
    assert after["parley_sessions_refused_total[full]"] == 1
    assert after["parley_cancelled_reads_total"] == 3
    assert after["parley_trunk_streams_broken_total"] == 20


def test_a_stage_may_count_its_sessions_itself() -> None:
    """The broker does, by agent; two figures of one name would be none."""
    registry = CollectorRegistry()
    ProcessMeter(registry, Room("broker", 1), Counter(), parked=lambda: 0)
    assert not any(name.startswith("parley_sessions_active") for name in scraped(registry))


async def test_it_watches_the_loop(ticks: Ticks) -> None:
    """The clock is looked at twenty times a second; once a second tasks are counted, and what sessions have counted."""
    registry, events = CollectorRegistry(), Counter(adopted=2)
    meter = ProcessMeter(registry, Room("vad", 1), Counter(), parked=lambda: 0, events=lambda: events)
    running = asyncio.create_task(meter.run())
    await ticks.advance(2.01)
    found = scraped(registry)
    assert found["parley_tasks"] == len(asyncio.all_tasks())
    assert found["parley_loop_lag_seconds_count"] == 40
    assert found["parley_events_total[adopted]"] == 2
    events.update(adopted=1, takeovers_vad=1)
    await ticks.advance(1.0)
    found = scraped(registry)
    assert (found["parley_events_total[adopted]"], found["parley_events_total[takeovers_vad]"]) == (3, 1)
    running.cancel()


async def test_drops_and_buffers_are_looked_at_each_second(ticks: Ticks) -> None:
    """Of each kind of buffer all together, and the worst; a reason that may come is there at 0 before it does."""
    registry, drops, waiting = CollectorRegistry(), Counter(slow_client=0), {"to_client": [1, 7, 2], "to_vad": []}
    meter = ProcessMeter(
        registry, Room("ingress", 1), Counter(), parked=lambda: 0, drops=lambda: drops, buffers=lambda: waiting
    )
    assert scraped(registry)["parley_dropped_frames_total[slow_client]"] == 0
    drops["slow_client"] += 3
    running = asyncio.create_task(meter.run())
    await ticks.advance(1.1)
    told = scraped(registry)
    assert told["parley_dropped_frames_total[slow_client]"] == 3
    assert (told["parley_buffer_messages[to_client]"], told["parley_buffer_fullest_messages[to_client]"]) == (10, 7)
    assert (told["parley_buffer_messages[to_vad]"], told["parley_buffer_fullest_messages[to_vad]"]) == (0, 0)
    assert told["parley_log_lines_dropped_total"] >= 0
    running.cancel()
