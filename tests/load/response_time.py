"""Response time: from the last sample that a person spoke to the first of the reply that they heard, and where it went.

The ring reports the stages itself (`TurnReport`), each by the clock of the service that waited. What they leave of the
whole is `elsewhere`: the ways between them, and the difference between where the person's last sound was and where vad
heard the silence begin.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from services.common import names
from tests.load.crowd import FRAME_S, Costs
from tests.load.figures import Figures, conversation_s, cpu, faults, percentiles, said
from tests.load.interruption import begin_of_next, moment
from tests.load.tape import DeviceTape, Tapes

STAGES: Final = (
    names.VAD_ENDPOINT,
    names.BROKER_COMMIT,
    names.MODEL_FIRST_AUDIO,
    names.EGRESS_FIRST_FRAME,
    names.CLIENT_FIRST_SAMPLE,
)
ELSEWHERE: Final = "elsewhere"
GOAL_MS: Final = 800.0
"""What half of the answers are to stay under."""

FEWEST: Final = 8
"""Answers without which a median says nothing of a goal."""


@dataclass
class Responses:
    """What was found, in milliseconds per answered turn: the whole, and each of its stages that was reported."""

    whole_ms: list[float] = field(default_factory=list)
    stages_ms: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in (*STAGES, ELSEWHERE)})
    unreported: int = 0
    """Answers whose stages the ring did not report."""
    cut_off: int = 0
    """Turns in which a reply was heard before they had ended."""


def judge(tapes: Tapes, costs: Costs) -> Figures:
    """Judge one step of the talk."""
    found = Responses()
    for device in tapes.devices:
        judge_responses(device, tapes.begun_s, tapes.ended_s, found)
    turns, talked_s = said(tapes), conversation_s(tapes)
    return {
        "end_of_speech_to_first_sample_heard_ms": percentiles(found.whole_ms, 50, 95),
        "stages_ms": {name: percentiles(values, 50, 95) for name, values in found.stages_ms.items()},
        **cpu(costs, talked_s),
        "counts": {
            "turns": len(turns),
            "answers": len(found.whole_ms),
            "answers_without_stages": found.unreported,
            "cut_off_turns": found.cut_off,
            "unanswered_turns": sum(device.unanswered for device in tapes.devices),
            "stale_pieces": sum(device.stale_pieces for device in tapes.devices),
        },
        "frames": round(talked_s / FRAME_S),
        "faults": faults(tapes),
    }


def judge_responses(device: DeviceTape, begun_s: float, ended_s: float, found: Responses) -> None:
    """Add the turns that ended during the measured window to what was `found`."""
    heard = sorted((at_s, reply) for reply, at_s in device.heard_s.items())
    for index, turn in enumerate(device.utterances):
        start_s, end_s = moment(device, turn.start), moment(device, turn.end)
        if not begun_s < end_s < ended_s:
            continue
        if any(start_s < at_s < end_s for at_s, _ in heard):
            found.cut_off += 1
            continue
        until_s = begin_of_next(device, index)
        if (first := next((entry for entry in heard if end_s <= entry[0] < until_s), None)) is not None:
            _note(found, (first[0] - end_s) * 1000, device.stages_ms.get(first[1]))


def _note(found: Responses, whole_ms: float, stages_ms: dict[str, float] | None) -> None:
    found.whole_ms.append(whole_ms)
    if stages_ms is None:
        found.unreported += 1
        return
    for name in STAGES:
        found.stages_ms[name].append(stages_ms.get(name, 0.0))
    found.stages_ms[ELSEWHERE].append(whole_ms - sum(stages_ms.get(name, 0.0) for name in STAGES))


def is_met(step: Figures) -> bool | None:
    """Say whether the goal was met; None: too few were answered to say."""
    if step["counts"]["answers"] < FEWEST:
        return None
    median_ms: float = step["end_of_speech_to_first_sample_heard_ms"]["p50"]
    return median_ms <= GOAL_MS
