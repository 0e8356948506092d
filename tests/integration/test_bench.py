"""The bench as it is run: it measures a real ring for a few seconds, writes what it promises, and stops when told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local.child import ROOT

SERVICES = {"ingress", "vad", "broker", "egress", "redis"}
STAGES = {
    "vad.endpoint",
    "broker.commit",
    "model.first_audio",
    "egress.first_frame",
    "client.first_sample",
    "elsewhere",
}

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the bench reads /proc")


def bench(out: Path, *options: str) -> subprocess.Popen[str]:
    """Start the bench."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "protos" / "gen")))}
    command = [sys.executable, "-m", "tests.load", "--out", str(out), *options]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=pipe, stderr=pipe, text=True)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a quick bench writes, once for all tests."""
    out = tmp_path_factory.mktemp("bench") / "figures.json"
    said, errors = bench(out, "--quick").communicate(timeout=200)
    assert out.exists(), said + errors
    found: dict[str, Any] = json.loads(out.read_text())
    assert "added uplink, ms, p99" in said
    assert "end of speech to first sample heard, ms, p50" in said
    return found


def test_every_figure_that_was_promised_is_there(report: dict[str, Any]) -> None:
    """The keys are those that others read."""
    (figures,) = report["sessions"].values()
    assert list(report["sessions"]) == ["2"]
    assert "conversations_per_core" in report
    for name in ("added_uplink_ms", "added_downlink_ms", "interrupt_to_flushed_ms"):
        assert set(figures[name]) == {"p50", "p99"}
    assert set(figures["end_of_speech_to_first_sample_ms"]) == {"p50", "p90"}
    assert set(figures["cpu_s_per_conversation_s"]) == SERVICES | {"total"}
    assert set(figures["rss_mb_per_session"]) == SERVICES | {"total"}
    assert {"frames_late", "frames_dropped", "load_share"} <= set(figures)


def test_the_conversations_took_place(report: dict[str, Any]) -> None:
    """People spoke and were answered, both ways were measured, nothing was lost, and it cost something."""
    (figures,) = report["sessions"].values()
    assert report["problems"] == []
    assert figures["counts"]["turns"] >= 2
    assert figures["counts"]["live_appends"] > 0
    assert figures["counts"]["deltas"] > 0
    assert figures["frames_dropped"] == 0
    assert 0 < figures["added_uplink_ms"]["p50"] <= figures["added_uplink_ms"]["p99"]
    assert figures["cpu_s_per_conversation_s"]["total"] > 0
    assert report["load_share"] > 0


def test_people_talk_with_the_engine_and_their_wait_is_told_by_stages(report: dict[str, Any]) -> None:
    """Recorded people were answered by the ring's own engine; each stage is told; the engine cost something."""
    talk = report["talk"]
    (step,) = talk["sessions"].values()
    assert talk["voice"].startswith("the recordings of the bench")
    assert (talk["goal_ms"], talk["speculates"]) == (800.0, "on")
    assert step["counts"]["answers"] > 0
    assert set(step["end_of_speech_to_first_sample_heard_ms"]) == {"p50", "p95"}
    assert set(step["stages_ms"]) == STAGES
    assert step["stages_ms"]["vad.endpoint"]["p50"] >= 380
    assert set(step["cpu_s_per_conversation_s"]) == SERVICES | {"engine", "total"}
    assert step["cpu_s_per_conversation_s"]["engine"] > 0
    assert talk["engine"]["turns"] == 2
    assert talk["engine"]["commit_to_first_audio_ms"]["p50"] > 0


def test_ctrl_c_ends_it_in_good_order(tmp_path: Path) -> None:
    """Told to stop while it measures, it says so, writes nothing, and ends with 130."""
    running = bench(tmp_path / "figures.json", "--quick")
    assert running.stdout is not None
    while line := running.stdout.readline():
        if "conversations for" in line:
            break
    running.send_signal(signal.SIGINT)
    said, errors = running.communicate(timeout=60)
    assert (running.returncode, "Stopped" in said, errors) == (130, True, "")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_no_voice_is_told_in_words(tmp_path: Path) -> None:
    """No traceback: what is missing, and what is wanted."""
    running = bench(tmp_path / "figures.json", "--quick", "--data", str(tmp_path))
    _, errors = running.communicate(timeout=60)
    assert running.returncode == 1
    assert "wants a folder with manifests" in errors
    assert "Traceback" not in errors
