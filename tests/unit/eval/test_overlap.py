"""Overlap: which verdict counts for a clip, and from when its time is counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from parley.v1 import audio_pb2 as audio
from parley.v1 import session_pb2
from services.common.audio import MIC_HZ, REPLY_FRAME_SAMPLES
from tests.eval import interruptions
from tests.eval.folder import OverlapClip
from tests.eval.overlap import LEAD_S, Heard, overlap
from tests.eval.scene import Setting
from tests.unit.eval.scripted import ScriptedModels, save, tones

ONSET_MS = 500
Kind = session_pb2.Interrupt


class Core:
    """A core that says verdicts at given times of the clip, in ms."""

    def __init__(self, verdicts: dict[int, Any]) -> None:
        self.verdicts = verdicts
        self.playheads: list[audio.Playhead] = []

    def feed(self, frame: audio.AudioFrame) -> list[Any]:
        """Take a frame."""
        self.playheads.append(frame.playhead)
        ended_ms = (frame.mic_offset + 320) * 1000 // MIC_HZ - round(LEAD_S * 1000)
        verdict = self.verdicts.get(ended_ms)
        return [] if verdict is None else [Kind(kind=verdict, cause=Kind.CAUSE_SPEECH)]


class VerdictModels(ScriptedModels):
    """Models with such a core."""

    def __init__(self, verdicts: dict[int, Any]) -> None:
        super().__init__()
        self.the_core = Core(verdicts)

    def core(self, voice: Any, settings: Any) -> Any:
        """Return it."""
        del voice, settings
        return self.the_core


def heard(root: Path, expect: str, verdicts: dict[int, Any]) -> tuple[Heard, Core]:
    """Hear a clip whose onset is at 500 ms."""
    path = save(root, "a.wav", tones((0.5, 0.0), (1.0, 0.2)))
    models = VerdictModels(verdicts)
    clip = OverlapClip(path, "someone", "some", expect, ONSET_MS / 1000, 1.5)
    return overlap(models, Setting(root), clip), models.the_core


def test_a_cancel_after_the_onset_yields(tmp_path: Path) -> None:
    """Its time counts from the onset, and so does the duck's."""
    found, _ = heard(tmp_path, "yield", {640: Kind.KIND_DUCK, 900: Kind.KIND_CANCEL})
    assert (found.yielded, found.ducked, found.false_start) == (True, True, False)
    assert found.duck_ms == pytest.approx(140, abs=15)
    assert found.decision_ms == pytest.approx(400, abs=15)
    assert found.causes == ["duck:speech", "cancel:speech"]


def test_a_cancel_before_the_onset_is_a_miss(tmp_path: Path) -> None:
    """Somebody else was meant: the person's word was never judged."""
    found, _ = heard(tmp_path, "yield", {400: Kind.KIND_CANCEL})
    assert (found.yielded, found.false_start, found.decision_ms) == (False, True, None)


def test_a_cancel_just_before_the_onset_still_belongs_to_it(tmp_path: Path) -> None:
    """Labels are some ms late now and then."""
    assert heard(tmp_path, "yield", {460: Kind.KIND_CANCEL})[0].yielded


def test_any_cancel_is_false_where_none_is_expected(tmp_path: Path) -> None:
    """Before the onset, too."""
    assert heard(tmp_path, "ignore", {-1000: Kind.KIND_CANCEL})[0].yielded


def test_what_is_talked_through_is_decided_by_the_release(tmp_path: Path) -> None:
    """Ducked, released, never yielded."""
    found, _ = heard(tmp_path, "ignore", {700: Kind.KIND_DUCK, 1100: Kind.KIND_RELEASE})
    assert (found.yielded, found.ducked) == (False, True)
    assert found.decision_ms == pytest.approx(600, abs=15)


def test_a_cancel_without_a_duck_is_when_it_became_quiet(tmp_path: Path) -> None:
    """The reply is not lowered later than it is ended."""
    found, _ = heard(tmp_path, "yield", {800: Kind.KIND_CANCEL})
    assert not found.ducked
    assert found.duck_ms == found.decision_ms


def test_the_reply_is_audible_before_the_clip_and_all_through(tmp_path: Path) -> None:
    """Its playhead advances a frame with each frame, from three seconds before the clip to two after it."""
    _, core = heard(tmp_path, "ignore", {})
    audible = [number for number, playhead in enumerate(core.playheads) if playhead.reply]
    assert audible == list(range((3_000 + 1_500 + 2_000) // 20))
    assert [core.playheads[n].position for n in audible[:3]] == [n * REPLY_FRAME_SAMPLES for n in range(3)]


def test_figures_of_a_kind_have_the_promised_keys(tmp_path: Path) -> None:
    """Shares, times and causes, also where nothing was decided."""
    some = [heard(tmp_path, "yield", {900: Kind.KIND_CANCEL})[0], heard(tmp_path, "yield", {})[0]]
    figures = interruptions.per_kind(some, 0)["some"]
    assert (figures["clips"], figures["expect"], figures["yielded"], figures["ducked"]) == (2, "yield", 0.5, 0.0)
    assert figures["decision_ms"]["p50"] == pytest.approx(400, abs=15)
    assert figures["causes"] == {"cancel:speech": 1}
    nothing = interruptions.per_kind(some[1:], 0)["some"]
    assert nothing["decision_ms"] == {
        "p50": None,
        "p50_ci": [None, None],
        "p95": None,
        "p95_ci": [None, None],
        "count": 0,
    }
