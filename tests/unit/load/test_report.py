"""The report: written whole or not at all, and readable without figures that could not be had."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from tests.load import report
from tests.load.__main__ import parse, plan
from tests.load.crowd import Costs
from tests.load.figures import Figures, judge
from tests.load.outcome import is_held, problems
from tests.load.talk import TalkPlan
from tests.load.tape import DeviceTape, Tapes


def nothing_happened() -> Figures:
    """Judge a step in which nobody said anything."""
    costs = Costs(
        cpu_s={"vad": 1.0, "redis": 0.5}, load_cpu_s=0.3, others_cpu_s=0.2, memory_mb={"vad": 50.0}, seconds=10
    )
    devices = [DeviceTape(mic_sent_s=[0.02 * n for n in range(500)]) for _ in range(2)]
    found = judge(Tapes(devices, [], [], 0.0, 10.0), costs)
    return found | {"rss_mb_per_session": {"vad": 1.0}}


def test_costs_are_shared_out_over_conversation_seconds() -> None:
    """1.5 s of CPU over two conversations of 10 s are 75 ms a second each, 1.5 ms a frame."""
    found = nothing_happened()
    assert found["cpu_s_per_conversation_s"] == {"vad": 0.05, "redis": 0.025, "total": 0.075}
    assert found["frame_cost_us"]["total"] == 1500.0
    assert (found["load_share"], found["others_cpu_s_per_s"]) == (0.2, 0.02)


def test_a_step_without_figures_is_shown_and_holds_nothing() -> None:
    """Where nothing was measured the table has a dash, and the number of conversations does not count as held."""
    found = nothing_happened()
    shown = report.table({"sessions": {"2": found}, "conversations_per_core": None})
    assert "added uplink, ms, p99" in shown
    assert "–" in shown
    assert not is_held(found)
    assert problems(found) == []


def test_the_talk_has_a_table_of_its_own() -> None:
    """The whole and each stage for each number of conversations, the goals, and whose voice it was."""
    step = {
        "end_of_speech_to_first_sample_heard_ms": {"p50": 612.0, "p95": 905.0},
        "stages_ms": {"vad.endpoint": {"p50": 390.0, "p95": 450.0}, "elsewhere": {"p50": None, "p95": None}},
        "counts": {"answers": 9, "cut_off_turns": 1},
        "goal_is_met": True,
        "others_cpu_s_per_s": 0.01,
    }
    engine = {"commit_to_first_audio_ms": {"p50": 42.0, "p95": 60.0}, "goal_ms": 300.0, "turns": 5}
    talk = {"voice": "some people", "goal_ms": 800.0, "sessions": {"1": step}, "engine": engine}
    shown = report.table({"sessions": {}, "talk": talk})
    rows = {line[:46].strip(): line[46:].split() for line in shown.splitlines()}
    assert "some people" in shown
    assert rows["end of speech to first sample heard, ms, p50"] == ["612.0"]
    assert rows["p50 up to 800 ms"] == ["yes"]
    assert (rows["vad.endpoint, p95"], rows["elsewhere, p50"]) == (["450.0"], ["–"])
    assert "42.0 / 60.0 (p50 up to 300 ms; 5 questions, by itself)" in shown


def test_what_was_lost_is_a_problem() -> None:
    """Each fault is named with its number."""
    found = nothing_happened()
    found["frames_dropped"] = 3
    found["counts"]["unanswered_turns"] = 2
    assert problems(found) == ["unanswered turns: 2", "frames dropped: 3"]


def test_a_report_is_written_whole(tmp_path: Path) -> None:
    """The file holds the report, and nothing else stays behind."""
    report.save({"sessions": {}}, tmp_path / "out.json")
    assert json.loads((tmp_path / "out.json").read_text()) == {"sessions": {}}
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]
    with pytest.raises(OSError, match="No such file"):
        report.save({}, tmp_path / "missing" / "out.json")


def options(tmp_path: Path, *more: str) -> argparse.Namespace:
    """Parse a command line."""
    return parse(["--out", str(tmp_path / "x.json"), *more])


def test_the_command_line_makes_the_plan(tmp_path: Path) -> None:
    """By default four steps, a search and a talk; quick is short; a profile has a file of its own, and no talk."""
    whole, quick = plan(options(tmp_path)), plan(options(tmp_path, "--quick"))
    assert (list(whole.sessions), whole.seconds, whole.search_s) == ([1, 5, 10, 20], 30.0, 15.0)
    assert whole.talk is not None
    assert whole.talk.expected_s < 110
    assert whole.expected_s - whole.talk.expected_s < 300
    assert (quick.sessions, quick.seconds, quick.search_s) == ([2], 6.0, 0.0)
    profiled = plan(options(tmp_path, "--profile", "vad", "--sessions", "3,1"))
    assert (profiled.profile, profiled.sessions, profiled.talk) == (tmp_path / "x.vad.prof", [1, 3], None)


def test_the_talk_can_be_had_alone_left_out_or_spoken_by_a_synthesiser(tmp_path: Path) -> None:
    """Each by an option of its own."""
    alone, without = plan(options(tmp_path, "--only-talk")), plan(options(tmp_path, "--no-talk"))
    assert (alone.sessions, alone.search_s, without.talk) == ([], 0.0, None)
    assert plan(options(tmp_path, "--synthetic-talk")).talk == TalkPlan(synthetic=True)
    with pytest.raises(SystemExit):
        options(tmp_path, "--only-talk", "--no-talk")


@pytest.mark.parametrize("wrong", [("--sessions", "0"), ("--sessions", "a,b"), ("--seconds", "0"), ("--seconds", "x")])
def test_a_wrong_value_is_refused_in_words(
    tmp_path: Path, wrong: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The command says what it wants instead."""
    with pytest.raises(SystemExit):
        options(tmp_path, *wrong)
    assert "must be" in capsys.readouterr().err


def test_a_place_that_does_not_exist_is_refused_before_five_minutes_have_passed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The folder is checked at once."""
    with pytest.raises(SystemExit):
        parse(["--out", str(tmp_path / "none" / "x.json")])
    assert "there is no folder" in capsys.readouterr().err
