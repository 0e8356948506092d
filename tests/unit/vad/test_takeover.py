"""Takeover: whenever a vad is lost, the next one brings the broker the same speech, once, and stops what it has to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.vad.takeover_world import FRAME, FRAME_MS, TAIL, Scene, World

EDGE = 3
"""Frames at either end of what is said that windows of 32 ms may hold or not."""
EVERY = 5
"""Frames: 100 ms."""

QUESTION = Scene([("quiet", 600), ("speech", 1_200), ("quiet", 3_200), ("speech", 700), ("quiet", 700)])
BARGE_IN = Scene([("quiet", 400), ("speech", 800), ("quiet", 1_600), ("speech", 1_400), ("quiet", 1_500)], 3_000)
SECOND_THOUGHT = Scene([("quiet", 400), ("speech", 800), ("quiet", 700), ("speech", 1_000), ("quiet", 1_500)])
PAUSES = Scene([("quiet", 300), *[("speech", 600), ("quiet", 500)] * 3, ("quiet", 1_500)], 900, 0.1, tentative=True)
TYPED = Scene([("quiet", 600), ("type", 0), ("quiet", 2_400), ("speech", 700), ("quiet", 900), ("type", 0)], 800)
SCENES = {"question": QUESTION, "barge-in": BARGE_IN, "second thought": SECOND_THOUGHT, "pauses": PAUSES}


def lost_everywhere(scene: Scene, *, of_ingress: bool = False) -> Iterator[World]:
    """Play a scene once for each 100 ms of it, its vad, or its ingress, lost there, for a moment or for longer."""
    for number, frame in enumerate(range(2, scene.frames - TAIL, EVERY)):
        world = World(scene, [(frame, 30 if number % 2 else 1)], of_ingress=of_ingress).run()
        assert world.takeovers == 1
        yield world


def assert_heard_once(world: World) -> None:
    """All that was said is in turns that have ended, once."""
    for since, until in world.speech:
        times = world.times_heard(since, until)
        assert times[EDGE:-EDGE] == [1] * (len(times) - 2 * EDGE), f"speech at {since // 16} ms"


def assert_numbers_grow(world: World) -> None:
    """The verdicts that ingress has seen are numbered in their order."""
    numbers = [verdict.seq for verdict in world.ingress.verdicts]
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize("name", SCENES)
def test_a_takeover_at_any_moment_changes_nothing_that_is_said(name: str) -> None:
    """Undisturbed, and lost at each 100 ms of it: the same speech reaches the broker, once."""
    assert_heard_once(World(SCENES[name]).run())
    for world in lost_everywhere(SCENES[name]):
        assert_heard_once(world)
        assert_numbers_grow(world)


@pytest.mark.parametrize("name", ["barge-in", "second thought"])
def test_another_ingress_changes_nothing_either(name: str) -> None:
    """The vad waits, hears from there on what the client still has, and goes on under the new lease."""
    for world in lost_everywhere(SCENES[name], of_ingress=True):
        assert_heard_once(world)
        assert_numbers_grow(world)
        leases = [cancel.lease for cancel in world.broker.cancels]
        assert leases == sorted(leases)


def test_an_interruption_still_cancels() -> None:
    """Who speaks over the reply stops it, whether its vad is lost before, meanwhile or after; late, but not never."""
    for world in lost_everywhere(BARGE_IN):
        since, until = world.speech[1]
        assert [cancel for cancel in world.broker.cancels if since - FRAME <= cancel.onset_offset < until]


def test_what_is_typed_is_answered_once() -> None:
    """A typed turn that the broker has taken is not taken again; one that was lost on its way is sent again."""
    for world in lost_everywhere(TYPED):
        assert world.broker.names == {"n1", "n5"}
        assert_heard_once(world)


def test_a_model_that_hears_everything_misses_nothing() -> None:
    """Every sample goes to it once, in order, over a takeover at any moment; and so do the turns."""
    for world in lost_everywhere(replace(QUESTION, continuous=True)):
        assert world.broker.given[0][0] == 0
        assert world.broker.given[-1][1] >= (world.scene.frames - 10) * FRAME
        assert len(world.broker.turns) == 2


def test_one_takeover_after_the_other() -> None:
    """Lost every second of it, for a moment: nobody hears more than a few words in one go, and all is heard."""
    for scene in SCENES.values():
        world = World(scene, [(frame, 2) for frame in range(20, scene.frames - TAIL, 50)]).run()
        assert world.takeovers >= 4
        assert_heard_once(world)
        assert_numbers_grow(world)


STEPS = st.lists(st.tuples(st.integers(25, 90), st.integers(20, 200)), min_size=1, max_size=4)


@settings(max_examples=40, deadline=None)
@given(
    steps=STEPS,
    lost=st.lists(st.tuples(st.integers(1, 500), st.integers(1, 50)), min_size=1, max_size=3),
    reply_ms=st.sampled_from([400, 1_200, 4_000]),
    complete=st.sampled_from([0.05, 0.6, 0.97]),
    tentative=st.booleans(),
)
def test_whatever_is_said_whenever_it_is_lost(
    steps: Sequence[tuple[int, int]],
    lost: Sequence[tuple[int, int]],
    reply_ms: int,
    complete: float,
    tentative: bool,
) -> None:
    """Random phrases, pauses, replies and losses."""
    script = [("quiet", 400)]
    for speech, quiet in steps:
        script += [("speech", speech * FRAME_MS), ("quiet", quiet * FRAME_MS)]
    world = World(Scene(script, reply_ms, complete, tentative), lost).run()
    assert_heard_once(world)
    assert_numbers_grow(world)


def test_a_long_past_is_no_flood_of_questions_and_lowers_nothing() -> None:
    """Half a minute of pauses and interjections heard again in a moment: one question at most, and no duck."""
    steps = [("quiet", 300), *[("speech", 800), ("quiet", 400)] * 20, ("quiet", 2_000)]
    scene = Scene(steps, complete=0.02)
    world = World(scene, [(1_150, 5)]).run()
    assert_heard_once(world)
    assert world.vad.judge.asked <= 4
    assert world.vad.listening.intake.replayed_ms > 15_000
