"""The model's own ear: its word counts in the pause it is about, and decides nothing by itself."""

from __future__ import annotations

import pytest

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import session_pb2 as session
from services.vad.completeness import SEMANTIC_STOPPED, SILENCE_STOPPED
from services.vad.model_ear import SLACK_SAMPLES, ModelEar
from tests.unit.vad.test_turn_taking import QUIET, SPEECH, Scene, answered_turn

STARTED = broker.ModelBoundary.KIND_SPEECH_STARTED
STOPPED = broker.ModelBoundary.KIND_SPEECH_STOPPED


def boundary(kind: broker.ModelBoundary.Kind.ValueType, mic_offset: int) -> broker.ModelBoundary:
    """Return a boundary."""
    return broker.ModelBoundary(kind=kind, mic_offset=mic_offset)


def test_an_ear_that_weighs_words_is_worth_more() -> None:
    """The broker says which of the two it is."""
    ear = ModelEar()
    ear.take(broker.ModelBoundary(kind=STOPPED, mic_offset=40_000, semantic=True), 48_000)
    assert ear.worth_since(32_000) == SEMANTIC_STOPPED


@pytest.mark.parametrize(
    ("heard", "counts"),
    [
        ([], False),
        ([(STARTED, 16_000)], False),
        ([(STOPPED, 40_000)], True),
        ([(STOPPED, 32_000)], True),
        ([(STOPPED, 32_000 - SLACK_SAMPLES)], True),
        ([(STOPPED, 32_000 - SLACK_SAMPLES - 1)], False),
        ([(STOPPED, 40_000), (STARTED, 44_000)], False),
        ([(STOPPED, 20_000), (STARTED, 30_000), (STOPPED, 40_000)], True),
        ([(broker.ModelBoundary.KIND_UNSPECIFIED, 40_000)], False),
    ],
    ids=[
        "nothing",
        "began",
        "in the pause",
        "at the last sound",
        "a syllable early",
        "earlier",
        "began again",
        "anew",
        "?",
    ],
)
def test_what_counts_is_where_it_was_heard(
    heard: list[tuple[broker.ModelBoundary.Kind.ValueType, int]], counts: bool
) -> None:
    """The person's last sound was at 2 s; it is 3 s now."""
    ear = ModelEar()
    for kind, mic_offset in heard:
        ear.take(boundary(kind, mic_offset), now=48_000)
    assert (ear.worth_since(32_000) > 0) is counts


def test_an_end_in_the_future_is_one_now() -> None:
    """A server whose clock is wrong does not end every pause to come."""
    ear = ModelEar()
    ear.take(boundary(STOPPED, 2**63), now=48_000)
    assert ear.worth_since(48_000) == SILENCE_STOPPED
    assert not ear.worth_since(48_000 + SLACK_SAMPLES + 1)


def waited_ms(*boundaries: tuple[int, broker.ModelBoundary.Kind.ValueType, int], complete: float = 0.6) -> float:
    """Return how long a pause was waited for; each boundary is told so long after its beginning, about so long ago."""
    scene = Scene(complete)
    scene.hears(QUIET, 500)
    scene.hears(SPEECH, 1000)
    silent_ms = 0
    for after_ms, kind, ago_ms in boundaries:
        scene.hears(QUIET, after_ms - silent_ms)
        silent_ms = after_ms
        scene.does(scene.core.model_boundary(boundary(kind, 16 * (1_500 + after_ms - ago_ms))))
    scene.hears(QUIET, 1_600 - silent_ms)
    (ended,) = scene.all(broker.TurnEnded)
    return ended.waited_ms


def test_its_end_makes_ours_sooner() -> None:
    """By as much as it is worth, and no more; until it comes, its silence says nothing."""
    alone = waited_ms()
    assert alone - 600 * 0.3 - 40 <= waited_ms((400, STOPPED, 0)) <= alone - 600 * 0.3 + 40
    assert waited_ms((400, STARTED, 1_000)) == alone


def test_its_end_is_taken_back() -> None:
    """By a beginning in the same pause; and one that is about an earlier pause is none."""
    alone = waited_ms()
    assert waited_ms((340, STOPPED, 0), (400, STARTED, 0)) == alone
    assert waited_ms((400, STOPPED, 1_200)) == alone


def test_its_end_does_not_overrule_ours() -> None:
    """A person who obviously stopped in mid-sentence is waited for."""
    assert waited_ms((400, STOPPED, 0), complete=0.02) >= 1_480


def test_its_end_in_one_pause_says_nothing_about_the_next() -> None:
    """When the person goes on, it was wrong."""
    scenes = []
    for told in (True, False):
        scene = Scene(0.6)
        scene.hears(QUIET, 500)
        scene.hears(SPEECH, 1000)
        scene.hears(QUIET, 340)
        if told:
            scene.does(scene.core.model_boundary(boundary(STOPPED, 16 * 1_840)))
        scene.hears(SPEECH, 600)
        scene.hears(QUIET, 1_600)
        scenes.append(scene)
    told_ms, untold_ms = (scene.all(broker.TurnEnded)[-1].waited_ms for scene in scenes)
    assert len(scenes[0].all(broker.TurnEnded)) == 1
    assert told_ms == untold_ms


@pytest.mark.parametrize("kind", [STARTED, STOPPED])
def test_it_has_no_say_over_a_reply(kind: broker.ModelBoundary.Kind.ValueType) -> None:
    """Whatever it hears while the assistant speaks, it neither ducks, cancels nor begins a turn."""
    scene = Scene()
    answered_turn(scene)
    before = len(scene.events)
    scene.does(scene.core.model_boundary(boundary(kind, scene.offset)))
    scene.hears(QUIET, 1000)
    assert not [event for event in scene.events[before:] if isinstance(event, session.Interrupt | broker.SpeechStarted)]


def test_a_hum_over_a_reply_is_judged_as_ever() -> None:
    """Told that speech began in the middle of it, the rule decides the same at the same sample."""
    verdicts = []
    for told in (True, False):
        scene = Scene()
        answered_turn(scene)
        scene.hears(SPEECH, 200)
        if told:
            scene.does(scene.core.model_boundary(boundary(STARTED, scene.offset)))
        scene.hears(QUIET, 600)
        verdicts.append([(v.kind, v.cause, v.decided_offset) for v in scene.all(session.Interrupt)])
    assert verdicts[0] == verdicts[1] != []
