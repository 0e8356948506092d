"""Figures: intervals that hold what they claim, voice activity by the book, echo and cost that add up, a table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.eval import confidence, cost, echo, pictures, report, table, voicing
from tests.eval.audio import active_rms
from tests.eval.folder import OverlapClip, VadClip
from tests.eval.listener import Spent
from tests.eval.overlap import Heard
from tests.eval.scene import Setting, staged
from tests.eval.voicing import Voiced
from tests.unit.eval.scripted import ScriptedModels, save, tones

FIVE = [f"speaker-{n}" for n in range(5)]


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(FIVE)), min_size=1, max_size=40))
def test_an_interval_holds_its_share(found: list[tuple[bool, str]]) -> None:
    """0 ≤ low ≤ share ≤ high ≤ 1, and the same in every run."""
    hits, groups = [hit for hit, _ in found], [group for _, group in found]
    share = confidence.share(hits, groups, 3)
    low, high = share["ci"]
    if low is not None:
        assert 0 <= low <= high <= 1
    assert share == confidence.share(hits, groups, 3)
    if share["value"] in (0.0, 1.0):
        assert low <= share["value"] <= high


def test_clips_of_one_speaker_are_not_independent() -> None:
    """Five speakers who differ are less sure than as many clips that don't belong together."""
    hits = [speaker < 3 for speaker in range(5) for _ in range(20)]
    by_speaker = confidence.share(hits, [FIVE[n // 20] for n in range(100)], 0)
    by_clip = confidence.share(hits, [str(n) for n in range(100)], 0)
    assert by_speaker["cluster"] == "speaker"
    assert by_speaker["ci"][1] - by_speaker["ci"][0] > 2 * (by_clip["ci"][1] - by_clip["ci"][0])


def test_one_voice_is_resampled_by_its_clips_and_says_so() -> None:
    """And where all went well the interval is Wilson's: 61 of 61 is no certainty."""
    share = confidence.share([True] * 61, ["one man"] * 61, 0)
    assert share == {"value": 1.0, "ci": [0.9408, 1.0], "cluster": "clip"}


def voiced(probability: list[float], speech: list[bool], group: str) -> Voiced:
    """Return a clip's windows."""
    clip = VadClip(f"{group}.wav", group, ())
    return Voiced(clip, np.array(probability), np.array(speech), np.zeros(len(speech), dtype=bool))


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=2, max_size=60))
def test_the_roc_auc_is_the_share_of_pairs_in_order(found: list[tuple[int, bool]]) -> None:
    """As counted pair by pair over all clips together, ties half."""
    half = len(found) // 2
    clips = [
        voiced([p / 10 for p, _ in some], [s for _, s in some], str(n))
        for n, some in enumerate((found[:half], found[half:]))
    ]
    pairs = [(a > b) + (a == b) / 2 for a, is_speech in found if is_speech for b, other in found if not other]
    figures = voicing.figures(clips, 0)
    assert figures["roc_auc"] == (pytest.approx(sum(pairs) / len(pairs), abs=1e-4) if pairs else None)


def test_f1_is_taken_at_the_shipped_threshold() -> None:
    """Two found, one missed, one false: 2 · 2 / (2 · 2 + 2)."""
    figures = voicing.figures([voiced([0.9, 0.8, 0.1, 0.9, 0.2], [True, True, True, False, False], "a")], 0)
    assert figures["f1_default"] == pytest.approx(0.6667)
    assert (figures["clips"], figures["windows"]) == (1, 5)


def test_windows_near_an_edge_do_not_count_with_a_collar(tmp_path: Path) -> None:
    """Segments are labelled to the quarter of a second."""
    path = save(tmp_path, "a.wav", tones((1.0, 0.0), (1.0, 0.3), (1.0, 0.0)))
    found = voicing.voicing(ScriptedModels(), Setting(tmp_path), VadClip(path, "a", ((1.1, 2.1),)))
    figures = voicing.figures([found], 0)
    assert figures["roc_auc"] < figures["roc_auc_collar"] == 1.0
    assert found.by_edge.sum() == pytest.approx(4 * 0.25 / 0.032, abs=2)


def test_noise_lies_under_all_of_a_scene_at_its_level(tmp_path: Path) -> None:
    """Lead and tail included, the same noise at every level, and never the clip itself."""
    clip, noise = save(tmp_path, "a.wav", tones((1.0, 0.2))), save(tmp_path, "n.wav", tones((0.7, 0.4)))
    clean = staged(Setting(tmp_path), clip, 1.0, 1.0)
    for snr_db in (10.0, 5.0):
        added = staged(Setting(tmp_path, 0, snr_db, (clip, noise)), clip, 1.0, 1.0) - clean
        assert 20 * np.log10(0.1414 / np.sqrt(np.square(added[:16_000]).mean())) == pytest.approx(snr_db, abs=0.3)
        assert np.sqrt(np.square(added[-16_000:]).mean()) > 0


def test_the_echo_is_as_loud_as_asked_and_never_the_persons_own_voice(tmp_path: Path) -> None:
    """Of two voices the other one leaks, at the level given."""
    ann, ben = save(tmp_path, "ann.wav", tones((0.5, 0.3))), save(tmp_path, "ben.wav", tones((0.9, 0.1)))
    leak = echo.Leak(Setting(tmp_path), ((ann, "ann"), (ben, "ben")), (), 0.1, -20.0)
    sound = leak.sound("some", 5.0, but="ann")
    assert len(sound) == 80_000
    assert active_rms(sound) == pytest.approx(0.01, rel=0.01)
    only_ben = echo.Leak(Setting(tmp_path), ((ben, "ben"),), (), 0.1, -20.0).sound("some", 5.0)
    assert (sound == only_ben).all()


def test_no_false_cancel_in_ten_minutes_is_not_none_for_ever() -> None:
    """The rule of three: up to 0.3 a minute."""
    figures = echo.figures([echo.Alone(30.0, 0, 1)] * 20, [], 0)
    assert (figures["minutes"], figures["false_cancels_per_minute"]) == (10.0, 0.0)
    assert figures["false_cancels_per_minute_ci"] == [0.0, 0.3]
    assert (figures["ducks_per_minute"], figures["missed_stops"]) == (2.0, None)


def test_missed_stops_are_those_not_yielded_to() -> None:
    """One of four."""
    clips = [OverlapClip("a", str(n), "stop", "yield", 0.0, 1.0) for n in range(4)]
    figures = echo.figures([echo.Alone(60.0, 2, 3)], [Heard(clip, yielded=n > 0) for n, clip in enumerate(clips)], 0)
    assert (figures["missed_stops"], figures["stops"], figures["false_cancels_per_minute"]) == (0.25, 4, 2.0)


def test_cost_is_weighed_by_the_sound_it_was_for() -> None:
    """Core and judgements together, over all sound; nothing heard costs None."""
    figures = cost.figures([Spent(90.0, 0.27)], [Spent(10.0, 0.03, 0.2, 10)], 0.25)
    assert (figures["cpu_ms_per_audio_second"], figures["cpu_ms_per_judgement"]) == (5.0, 20.0)
    assert (figures["cpu_ms_while_assistant_speaks"], figures["cpu_ms_in_turns"]) == (3.0, 23.0)
    assert cost.figures([], [], None)["cpu_ms_per_audio_second"] is None


@pytest.mark.parametrize(("value", "expected"), [(0.96, "✓"), (0.95, "✓"), (0.92, "~"), (0.5, "✗"), (None, " ")])
def test_a_mark_says_goal_least_or_neither(value: float | None, expected: str) -> None:
    """Goal 0.95, at least 0.90."""
    assert table.mark(value, 0.95, 0.90, upwards=True) == expected


def test_the_table_tells_little_of_little() -> None:
    """Parts that were not run are not there; what nobody decided is a dash."""
    nothing: dict[str, Any] = {"p50": None, "p95": None}
    one = {"clips": 3, "expect": "ignore", "yielded": 0.0, "yielded_ci": [0.0, 0.56], "decision_ms": nothing}
    told = table.table({"overlap": {"noise": {**one, "duck_ms": nothing}}, "overlap_pooled": {}})
    assert "noise" in told
    assert "1.000 [0.44, 1.00]" in told
    assert "–" in told
    assert "End of turn" not in told
    assert table.table({}) == ""


def test_figures_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """What cannot be written as JSON leaves the file before as it was, and nothing beside it."""
    out = tmp_path / "figures.json"
    report.save({"a": 1}, out)
    with pytest.raises(ValueError, match="JSON"):
        report.save({"a": float("nan")}, out)
    assert json.loads(out.read_text()) == {"a": 1}
    assert list(tmp_path.iterdir()) == [out]


def test_nothing_is_drawn_of_nothing(tmp_path: Path) -> None:
    """A part that was not run has no picture."""
    assert pictures.draw({"cost": {}}, (), tmp_path / "figures.json") == []
