"""Response time: from the person's last sample to the first that they heard, and its stages; by known tapes."""

from __future__ import annotations

import pytest

from tests.load.crowd import Costs
from tests.load.figures import Figures
from tests.load.response_time import ELSEWHERE, Responses, is_met, judge, judge_responses
from tests.load.tape import DeviceTape, Tapes, Utterance
from tests.unit.load import tapes

STAGES = {
    "vad.endpoint": 400.0,
    "broker.commit": 1.0,
    "model.first_audio": 50.0,
    "egress.first_frame": 2.0,
    "client.first_sample": 70.0,
}


def talker(*heard_s: float) -> DeviceTape:
    """Give a device whose person spoke from 101 to 102 s; replies 1, 2 … were first heard at these moments."""
    device = tapes.device_tape()
    device.utterances = [Utterance(16_320, 32_320, is_barge_in=False)]
    device.heard_s = dict(enumerate(heard_s, 1))
    device.stages_ms = dict.fromkeys(device.heard_s, STAGES)
    return device


def judged(device: DeviceTape, begun_s: float = 100.0, ended_s: float = 110.0) -> Responses:
    """Judge one device."""
    found = Responses()
    judge_responses(device, begun_s, ended_s, found)
    return found


def test_an_answer_is_measured_to_the_first_sample_heard_and_split_into_its_stages() -> None:
    """Heard 550 ms after the last sample: 523 are explained by the ring's own report, 27 are not."""
    found = judged(talker(102.55))
    assert found.whole_ms == pytest.approx([550.0])
    assert {name: values[0] for name, values in found.stages_ms.items()} == pytest.approx({**STAGES, ELSEWHERE: 27.0})


def test_a_turn_that_was_answered_too_early_is_counted_and_not_measured() -> None:
    """A reply was heard while the person spoke: what came after it is no measure of a wait."""
    found = judged(talker(101.5, 102.9))
    assert (found.whole_ms, found.cut_off) == ([], 1)


def test_replies_to_other_turns_are_not_taken_for_answers() -> None:
    """One heard before the turn, and one after the person has spoken again, do not count; nor does a turn outside."""
    device = talker(100.5, 104.0)
    device.utterances.append(Utterance(16_000 * 3, 16_000 * 4, is_barge_in=False))
    assert judged(device, ended_s=103.5).whole_ms == []
    assert judged(talker(102.55), begun_s=103.0).whole_ms == []


def test_an_answer_without_a_report_is_counted() -> None:
    """The whole is known all the same."""
    device = talker(102.55)
    device.stages_ms = {}
    found = judged(device)
    assert found.whole_ms == pytest.approx([550.0])
    assert found.unreported == 1
    assert found.stages_ms[ELSEWHERE] == []


def figures(talkers: int, heard_s: float) -> Figures:
    """Judge so many devices that were answered alike."""
    costs = Costs(cpu_s={"engine": 2.0}, seconds=10.0)
    return judge(Tapes([talker(heard_s) for _ in range(talkers)], [], [], 100.0, 110.0), costs)


def test_the_goal_is_met_missed_or_not_to_be_judged() -> None:
    """Half of the answers within 800 ms; of fewer than eight nothing is said."""
    assert is_met(figures(8, 102.8)) is True
    assert is_met(figures(8, 102.9)) is False
    assert is_met(figures(7, 102.8)) is None
    assert is_met(figures(0, 102.8)) is None


def test_a_step_has_its_figures_counts_and_costs() -> None:
    """Two people, each answered once."""
    found = figures(2, 102.7)
    assert found["end_of_speech_to_first_sample_heard_ms"] == {"p50": 700.0, "p95": 700.0}
    assert found["stages_ms"]["vad.endpoint"] == {"p50": 400.0, "p95": 400.0}
    assert (found["counts"]["turns"], found["counts"]["answers"], found["faults"]) == (2, 2, [])
    assert found["cpu_s_per_conversation_s"]["engine"] == pytest.approx(2.0 / 20, rel=0.01)
