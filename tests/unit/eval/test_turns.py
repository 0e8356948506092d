"""Turns: which decision cuts the person off, which one is the end, and how late it is."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.vad.endpointing import EndpointingSettings
from services.vad.voice import VoiceWindow
from tests.eval import endings, tape
from tests.eval.folder import TurnClip
from tests.eval.scene import Setting
from tests.eval.turns import TAIL_S, Score, known, score, turn
from tests.unit.eval.scripted import ScriptedModels, save, tones

CLIP = TurnClip("a.wav", "someone", 5.0, ((1.0, 1.5), (3.0, 4.0)))
NO_END = dataclasses.replace(CLIP, end_s=None)


@pytest.mark.parametrize(
    ("ended_ms", "expected"),
    [
        ([5_300.0], Score((False, False), 0, 300.0)),
        ([1_300.0, 5_300.0], Score((True, False), 0, 300.0)),
        ([1_600.0, 5_300.0], Score((True, False), 0, 300.0)),  # before the ear could hear that the person went on
        ([900.0, 1_300.0, 3_900.0, 5_300.0], Score((True, True), 0, 300.0)),  # twice in one pause is once
        ([2_300.0, 5_300.0], Score((False, False), 1, 300.0)),  # where no pause is listed
        ([4_900.0], Score((False, False), 0, -100.0)),  # labels are some ms late
        ([4_800.0, 5_300.0], Score((False, False), 1, 300.0)),
        ([3_500.0], Score((False, True), 0, TAIL_S * 1000, missed=True)),
        ([5_300.0, 6_000.0], Score((False, False), 0, 300.0)),  # the first one counts
    ],
)
def test_decisions_are_cut_offs_ends_or_early(ended_ms: list[float], expected: Score) -> None:
    """By where they fall."""
    assert score(CLIP, ended_ms) == expected


def test_a_clip_without_an_end_has_no_latency() -> None:
    """It is scored for its pauses alone."""
    assert score(NO_END, [1_200.0]) == Score((True, False), 0, None)


def test_the_pause_in_which_a_clip_stops_does_not_count() -> None:
    """Nobody knows whether the person went on; a pause after which speech is heard does count."""
    windows = [VoiceWindow(16_000 + 16 * at_ms, 0.9) for at_ms in range(32, 2_000, 32)]
    assert known(NO_END, [1_200.0, 2_300.0], windows) == [1_200.0]
    assert known(CLIP, [1_200.0, 2_300.0], windows) == [1_200.0, 2_300.0]


@given(st.lists(st.floats(0, 8_000, allow_subnormal=False), max_size=8).map(sorted))
def test_shares_stay_shares(ended_ms: list[float]) -> None:
    """However often a turn is taken for over, no more pauses are cut than there are."""
    found = score(CLIP, ended_ms)
    assert 0 <= found.cuts <= found.holds
    assert found.latency_ms is not None
    assert found.latency_ms >= -150


def test_figures_of_a_policy() -> None:
    """Cut-offs over pauses, an unlisted one counted as one more; latencies of the clips that have an end."""
    scores = [Score((True, False), 0, 300.0), Score((False,), 1, 500.0), Score((), 0, None)]
    figures = endings.figures(scores, ["a", "b", "c"], 0)
    assert figures["cutoff_rate"] == 0.5
    assert (figures["mean_latency_ms"], figures["p50_latency_ms"], figures["p90_latency_ms"]) == (400.0, 400.0, 480.0)
    assert (figures["cut"], figures["early"], figures["missed"]) == (1, 1, 0)
    assert figures["cutoff_rate_ci"][0] <= 0.5 <= figures["cutoff_rate_ci"][1]


def test_no_turns_are_no_figures() -> None:
    """Nothing to divide by is None, not an error."""
    figures = endings.figures([Score((), 0, None)], ["a"], 0)
    assert (figures["cutoff_rate"], figures["mean_latency_ms"], figures["p90_latency_ms"]) == (None, None, None)


@pytest.mark.parametrize("complete", [0.02, 0.5, 0.98])
def test_a_replayed_policy_ends_the_turn_when_the_production_core_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, complete: float
) -> None:
    """The tape of a turn that no pause ended, replayed with the shipped settings, comes to the same as the core."""
    monkeypatch.setattr("tests.eval.listener.time.thread_time", lambda: 0.0)
    path = save(tmp_path, "a.wav", tones((0.3, 0.0), (1.5, 0.3), (0.15, 0.0), (1.5, 0.3), (0.2, 0.0)))
    clip = TurnClip(path, "someone", 3.45, ((1.8, 1.95),))
    models, setting = ScriptedModels(complete), Setting(tmp_path)
    heard = turn(models, setting, clip).score
    assert not heard.missed
    assert heard.cuts == 0
    assert tape.replay(tape.record(models, setting, clip), EndpointingSettings()) == heard


def test_under_endless_settings_no_pause_is_long_enough() -> None:
    """Every limit is out of reach, whatever it is called; when the model is asked stays."""
    settings = tape.endless(EndpointingSettings())
    assert settings.ask_at_ms == EndpointingSettings().ask_at_ms
    assert min(settings.pause_ms(odds) for odds in (None, -9.0, 0.0, 9.0)) > 10**6
    assert settings.max_turn_ms > 10**6
