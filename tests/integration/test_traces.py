"""Traces: a real ring holds a conversation with a barge-in, and a real collector is given the whole tree of spans."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import pairwise
from statistics import median

import pytest
import pytest_asyncio

from clients.desktop import events
from tests.e2e.scene import scene
from tests.fakes import speech
from tests.fakes.realtime import Reply
from tests.integration.collector import Collector, Span, collector, hanging
from tests.integration.traced_talk import ANSWER, ASKED, QUESTION, STAGES, Talk, hold, variables

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

GAP_MS = 5.0
AGREES_MS = 5.0

ANSWERED = (
    "vad.endpoint",
    "broker.commit",
    "model.response",
    "model.first_audio",
    "egress.first_frame",
    "client.first_sample",
    "client.playout",
)
INTERRUPTED = ("interrupt.detect", "interrupt.fanout", "egress.flush", "client.silent", "broker.truncate")

Told = tuple[Collector, Talk]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def told() -> AsyncIterator[Told]:
    """One conversation, and what the collector was told of it."""
    async with collector() as made:
        held = await hold(made.endpoint)
        yield made, held


def named(spans: list[Span], name: str) -> list[Span]:
    """Return the spans of a name."""
    return [span for span in spans if span.name == name]


async def test_the_whole_tree(told: Told) -> None:
    """Two turns make two traces; the first has an interruption, with its fan-out to every stage; each knows why."""
    made, held = told
    assert [span for span in made.spans if span.error is not None] == []
    first, second = made.roots()
    assert first.trace_id != second.trace_id
    assert [root.attributes["parley.turn"] for root in (first, second)] == [1, 2]
    assert second.links == ((first.trace_id, first.span_id),), "linked to the turn before"
    for root in (first, second):
        children = made.children(root)
        assert {span.parent_id for span in children} == {root.span_id}
        assert not root.parent_id
        assert {span.attributes["gen_ai.conversation.id"] for span in [root, *children]} == {held.session}
        names = [span.name for span in children]
        for name in ANSWERED:
            assert name in names, f"{name} is missing: {names}"
        assert {span.service for span in children} <= {f"parley-{stage}" for stage in STAGES}
    cut = made.children(first)
    for name in INTERRUPTED:
        assert named(cut, name), f"{name} is missing: {[span.name for span in cut]}"
    ways = {
        span.attributes["parley.stage"]: span.attributes["parley.way"]
        for span in named(cut, "interrupt.fanout")
        if "parley.way" in span.attributes
    }
    assert set(ways) >= {"ingress", "egress"}
    assert {span.attributes["parley.stage"] for span in named(cut, "interrupt.fanout")} == {
        "ingress",
        "broker",
        "egress",
    }
    (detect,) = named(cut, "interrupt.detect")
    assert detect.attributes["parley.cause"] in ("speech", "word")
    assert detect.attributes["parley.ear.confidence"] > 0
    assert first.attributes["parley.interrupted"]
    (end,) = named(cut, "vad.endpoint")
    assert end.attributes["parley.waited_ms"] > 0
    assert {"parley.p_complete", "parley.end.needed_pause_ms", "parley.end.rhythm"} <= set(end.attributes)


async def test_no_unexplained_gap(told: Told) -> None:
    """From the end of speech to the first sample heard, the children account for all of the root but 5 ms."""
    made, _ = told
    for root in made.roots():
        children = made.children(root)
        (heard,) = named(children, "client.first_sample")
        until_s = root.start_s
        for span in children:
            if span.start_s < heard.end_s:
                assert (span.start_s - until_s) * 1000 <= GAP_MS, f"nothing before {span.name} tells what happened"
                until_s = max(until_s, span.end_s)
        assert until_s >= heard.end_s - 1e-6
        stages = [named(children, name)[0] for name in ANSWERED if name not in ("model.response", "client.playout")]
        for former, latter in pairwise(stages):
            assert abs(latter.start_s - former.end_s) * 1000 <= GAP_MS, f"from {former.name} to {latter.name}"


async def test_the_client_agrees(told: Told) -> None:
    """`client.first_sample` ends when the client's own recording has the reply's first sample, by both its clocks."""
    made, held = told
    for root in made.roots():
        (span,) = named(made.children(root), "client.first_sample")
        own = held.first_samples[span.attributes["parley.reply"]]
        assert abs(span.attributes["parley.mic_offset"] - own.mic_offset) / 16 <= AGREES_MS
        assert abs(span.end_s - own.unix_s) * 1000 <= AGREES_MS


async def test_nobodys_words(told: Told) -> None:
    """What was said stands in no span."""
    made, _ = told
    text = repr(made.spans)
    for word in (*ASKED.split(), *ANSWER.split()):
        assert f"'{word}" not in text, word
        assert f" {word} " not in text, word


async def test_a_turn_that_fails_is_an_error() -> None:
    """A collector that keeps what has errors keeps it: the root and the response say what it was; the rest is well."""
    async with collector() as made:
        async with scene(variables(made.endpoint)) as opened:
            replies = [Reply(fail="invalid_prompt", seconds=0, fail_type="invalid_request_error"), Reply(seconds=0.5)]
            async with opened.person(replies, [ASKED, ASKED]) as actor:
                actor.person.says(speech.silence(300), speech.say(QUESTION))
                await actor.person.sees(events.Caption, who=events.Who.ASSISTANT)
        (root,) = made.roots()
        wrong = {span.name: span.error for span in [root, *made.children(root)] if span.error is not None}
    assert wrong == {
        "turn": "the turn was not answered: invalid_prompt",
        "model.response": "the model's response has failed: invalid_prompt",
    }
    assert root.attributes["error.type"] == "invalid_prompt"


async def test_a_collector_that_hangs_slows_nothing(told: Told) -> None:
    """Answers take as long as with a collector that listens; the ring holds the same conversation, and ends."""
    _, listened = told
    async with hanging() as endpoint:
        hung = await hold(endpoint)
    assert len(hung.reports) == len(listened.reports)
    assert median(hung.waited_ms()) <= 2 * median(listened.waited_ms()) + 200
