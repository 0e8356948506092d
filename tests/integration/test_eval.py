"""The evaluation as it is run: the whole command on synthesised speech, and what it says of bad input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local.child import ROOT
from tests.eval.synthetic import build

PARTS = {"overlap", "turns", "vad", "noisy", "echo", "cost"}
RATES = {"latency_ms_at_cutoff": {"0.05", "0.10"}, "cutoff_at_latency_ms": {"300", "600"}}
POINT = {"cutoff_rate", "mean_latency_ms", "p50_latency_ms", "p90_latency_ms"}


def evaluate(out: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "protos" / "gen")))}
    command = [sys.executable, "-m", "tests.eval", "--out", str(out), *options]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=110, check=False)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """One run of everything, for all tests."""
    out = tmp_path_factory.mktemp("evaluation") / "figures.json"
    done = evaluate(out, "--jobs", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    return out, done


@pytest.fixture(scope="module")
def figures(ran: tuple[Path, subprocess.CompletedProcess[str]]) -> dict[str, Any]:
    """What it wrote."""
    found: dict[str, Any] = json.loads(ran[0].read_text())
    return found


def holds_turns(turns: dict[str, Any]) -> bool:
    """Say whether the promised keys of turns are there."""
    policies = [turns, turns["silence_only"], turns["smart_turn_alone"]]
    return {"ends", "holds"} <= set(turns) and all(
        set(policy["operating_point"]) >= POINT and all(set(policy[key]) == names for key, names in RATES.items())
        for policy in policies
    )


def holds_overlap(overlap: dict[str, Any]) -> bool:
    """Say whether the promised keys of overlap are there."""
    keys = {"clips", "expect", "yielded", "ducked", "decision_ms", "duck_ms"}
    return bool(overlap) and all(
        set(kind) >= keys and {"p50", "p95"} <= set(kind["decision_ms"]) & set(kind["duck_ms"])
        for kind in overlap.values()
    )


def test_every_figure_that_was_promised_is_there(figures: dict[str, Any]) -> None:
    """The keys are those that others read."""
    assert set(figures) >= PARTS
    assert set(figures["vad"]) >= {"clips", "roc_auc", "f1_default"}
    assert holds_turns(figures["turns"])
    assert holds_overlap(figures["overlap"])
    assert set(figures["noisy"]) == {"10", "5"}
    assert all(holds_turns(at["turns"]) and holds_overlap(at["overlap"]) for at in figures["noisy"].values())
    assert set(figures["echo"]) == {"-30", "-15"}
    for level in figures["echo"].values():
        assert set(level) >= {"minutes", "false_cancels_per_minute", "missed_stops"}
    assert set(figures["cost"]) >= {"cpu_ms_per_audio_second", "rss_mb_per_session"}


def test_the_clips_were_heard(figures: dict[str, Any]) -> None:
    """Nothing was left out, phrases were yielded to, ends were found, and it cost something."""
    assert figures["run"]["left_out"] == 0
    assert figures["overlap"]["phrase"]["yielded"] > 0.5
    assert figures["turns"]["operating_point"]["missed"] == 0
    assert figures["turns"]["operating_point"]["p50_latency_ms"] > 100
    assert figures["vad"]["roc_auc"] > 0.9
    assert figures["cost"]["cpu_ms_per_audio_second"] > 0


def test_a_person_gets_a_table_progress_and_pictures(ran: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """The table goes to standard output, progress to standard error, three curves beside the figures."""
    out, done = ran
    for title in ("While the assistant speaks", "End of turn", "Voice activity", "With noise at 10 dB", "Cost"):
        assert title in done.stdout
    assert "overlap at 5 dB" in done.stderr
    assert {path.name for path in out.parent.glob("*.png")} == {
        f"figures-{name}.png" for name in ("turns", "overlap", "vad")
    }
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in out.parent.glob("*.png"))


def test_the_same_seed_comes_to_the_same_decisions(tmp_path: Path) -> None:
    """Another run, another number of processes: the same verdicts, the same noise. Only computing times differ."""
    root = build(tmp_path / "data")
    (root / "manifests" / "turns.csv").unlink()
    runs = []
    for jobs in ("1", "2"):
        out = tmp_path / f"{jobs}.json"
        done = evaluate(out, "--data", str(root), "--jobs", jobs, "--only", "overlap,noisy", "--limit", "3")
        assert done.returncode == 0, done.stderr
        found = json.loads(out.read_text())
        heard = [found["overlap"], found["noisy"]["10"]["overlap"], found["noisy"]["5"]["overlap"]]
        runs.append([{kind: (one["yielded"], one["causes"]) for kind, one in some.items()} for some in heard])
    assert runs[0] == runs[1]
    assert len(runs[0][0]) == 6


def test_a_manifest_with_bad_rows_is_used_as_far_as_it_goes(tmp_path: Path) -> None:
    """Each bad row is told by file and line and counted; the missing manifests are said to be skipped."""
    root = build(tmp_path / "data")
    for name in ("overlap", "noise", "turns"):
        (root / "manifests" / f"{name}.csv").unlink()
    with (root / "manifests" / "vad.csv").open("a") as file:
        file.write("audio/nowhere.flac,0.0-1.0,synthetic,CC0-1.0\naudio/vad-0.wav,later,synthetic,CC0-1.0\n")
    out = tmp_path / "figures.json"
    done = evaluate(out, "--data", str(root), "--jobs", "1")
    assert done.returncode == 0, done.stderr
    assert "Skipped: manifests/turns.csv is not there." in done.stderr
    assert "Left out: manifests/vad.csv line 4: audio/nowhere.flac: there is no such file." in done.stderr
    assert "Left out: manifests/vad.csv line 5: segments is 'later'" in done.stderr
    found = json.loads(out.read_text())
    assert (found["vad"]["clips"], found["run"]["left_out"]) == (2, 2)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--data", "/nowhere/at/all"), "is no folder"),
        (("--data", str(ROOT / "docs")), "holds nothing that can be scored"),
        (("--only", "everything"), "are known"),
        (("--jobs", "none"), "must be a whole number"),
    ],
)
def test_bad_arguments_are_told_in_words(tmp_path: Path, options: tuple[str, str], said: str) -> None:
    """Exit code 2, no traceback, and nothing is written."""
    done = evaluate(tmp_path / "figures.json", *options)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
