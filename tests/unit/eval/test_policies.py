"""Policies and sweeps: a fixed silence and the bare model decide when they should, and the frontier is one."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.vad.endpointing import EndpointingSettings
from tests.eval import policies
from tests.eval.folder import TurnClip
from tests.eval.sweep import Sweep
from tests.eval.tape import Answer, Run, Tape
from tests.eval.turns import Score

CLIP = TurnClip("a.wav", "someone", 3.0, ((1.0, 1.4),))


def run(begin_ms: float, length_ms: int) -> Run:
    """Return a silence, heard in windows of 32 ms."""
    silent = tuple(float(ms) for ms in range(32, length_ms + 1, 32))
    return Run(begin_ms, tuple(begin_ms + ms for ms in silent), silent)


def taped(*answers: Answer) -> Tape:
    """Return a turn with a pause of 400 ms at 1 s and its end at 3 s."""
    return Tape(CLIP, (), (), (run(1_000, 400), run(3_000, 3_000)), answers, 0.0, 6_000.0)


def test_a_fixed_silence_cuts_what_is_longer_and_ends_that_late() -> None:
    """200 ms cuts the pause off and ends 224 ms late (whole windows); 500 ms does not, and ends 512 ms late."""
    short, long, never = policies.silence_only(taped(), (200, 500, 9_000))
    assert short == Score((True,), 0, 224.0)
    assert long == Score((False,), 0, 512.0)
    assert never.missed


def test_the_bare_model_acts_above_its_threshold_and_else_at_the_timeout() -> None:
    """Sure of the end, unsure in the pause: a threshold between tells them apart."""
    tape = taped(Answer(1_224, 1_250, 0.3), Answer(3_224, 3_250, 0.9))
    settings = [(0.5, 200.0, 800.0), (0.2, 200.0, 800.0), (0.95, 200.0, 800.0), (0.5, 400.0, 800.0)]
    between, below, above, later = policies.model_alone(tape, settings)
    assert between == Score((False,), 0, 250.0)  # as soon as the answer is there
    assert below == Score((True,), 0, 250.0)
    assert above == Score((False,), 0, 800.0)
    assert later == Score((False,), 0, 416.0)


def test_the_bare_models_last_word_counts() -> None:
    """It takes back what it said before the delay was over; an answer after the person went on counts for nothing."""
    tape = taped(Answer(1_384, 1_450, 0.9), Answer(3_224, 3_250, 0.9), Answer(3_608, 3_640, 0.1))
    first, last = policies.model_alone(tape, [(0.5, 300.0, 1_024.0), (0.5, 700.0, 1_024.0)])
    assert first == Score((False,), 0, 320.0)
    assert last == Score((False,), 0, 1_024.0)


def test_what_is_tried_begins_with_what_ships_and_makes_sense() -> None:
    """No setting twice, the bounds in order, the same ones in every run."""
    tried = policies.variants(7)
    assert tried[0] == EndpointingSettings()
    assert len(tried) == len(set(tried)) > 300
    assert all(one.min_pause_ms <= one.max_pause_ms for one in tried)
    assert tried == policies.variants(7)
    assert set(policies.near(tried[:3], 7)) != set(tried[:3])


def sweep(*rows: tuple[int, float]) -> Sweep:
    """Return settings that cut so many of ten pauses off, at so much latency, on each of two turns."""
    scores = [[Score((True,) * cut + (False,) * (10 - cut), 0, latency)] * 2 for cut, latency in rows]
    return Sweep.of(scores, ["a", "b"])


def test_latency_at_a_cut_off_rate_is_the_least_that_keeps_it() -> None:
    """And the other way round; out of reach is None."""
    figures = sweep((0, 900.0), (1, 700.0), (1, 650.0), (4, 400.0)).figures(0)
    assert figures["latency_ms_at_cutoff"] == {"0.05": 900.0, "0.10": 650.0}
    assert figures["cutoff_at_latency_ms"] == {"300": None, "600": 0.4}
    assert sweep((4, 400.0)).figures(0)["latency_ms_at_cutoff"] == {"0.05": None, "0.10": None}


@given(st.lists(st.tuples(st.integers(0, 10), st.floats(100, 3_000)), min_size=1, max_size=20))
def test_nothing_beats_the_frontier(rows: list[tuple[int, float]]) -> None:
    """More cut-offs buy less waiting, and each setting is beaten or matched by one on the frontier."""
    found = sweep(*rows)
    best = [rows[number] for number in found.frontier()]
    assert all(one[0] < two[0] and one[1] > two[1] for one, two in pairwise(best))
    assert all(any(b[0] <= row[0] and b[1] <= row[1] + 1e-6 for b in best) for row in rows)


def test_settings_chosen_on_one_half_are_met_on_the_other() -> None:
    """A setting that only looks good where it was chosen shows its price."""
    lucky = [Score((False,) * 10, 0, 200.0), Score((True,) * 10, 0, 200.0)]
    steady = [Score((False,) * 10, 0, 600.0), Score((False,) * 10, 0, 600.0)]
    met = Sweep.of([lucky, steady], ["one", "two"]).crossed(["a", "b"])
    assert met["0.05"] == {"cutoff_rate": 0.5, "mean_latency_ms": 400.0}
    assert Sweep.of([lucky], ["one", "two"]).crossed(["a", "b"])["0.05"] is None


def test_turns_without_an_end_count_for_cut_offs_only() -> None:
    """Their latency is not a number, and no other figure becomes none."""
    found = Sweep.of([[Score((True,), 0, None), Score((False,), 0, 500.0)]], ["a", "b"])
    rate, latency = found.totals(np.ones((1, 2)))
    assert (rate[0, 0], latency[0, 0]) == (0.5, pytest.approx(500.0))
