"""Figures: one step's tapes and costs as the numbers of the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from tests.load import downlink, interruption, uplink
from tests.load.crowd import FRAME_S, Costs
from tests.load.tape import DeviceTape, ModelTape, Response, Tapes, Utterance
from tests.load.voice import FRAME_SAMPLES

Figures = dict[str, Any]
FAULTS: Final = ("unanswered_turns", "unflushed_interrupts", "unaligned_turns", "stale_pieces")
"""Counts that must be 0 for a step to have gone well, besides `faults` and `frames_dropped`."""

_MOST_FAULTS_TOLD: Final = 5


def percentiles(values: Sequence[float], *wanted: int) -> dict[str, float | None]:
    """Return {"p50": …} of some values, rounded to hundredths; None where there are no values."""
    if not values:
        return {f"p{p}": None for p in wanted}
    return {f"p{p}": round(float(np.percentile(values, p)), 2) for p in wanted}


def judge(tapes: Tapes, costs: Costs) -> Figures:
    """Judge one step."""
    pairs = _pairs(tapes)
    window = tapes.begun_s, tapes.ended_s
    responses = {response.serial: response for model in tapes.models for response in model.responses}
    up = [uplink.judge_uplink(device, model, *window) for device, model in pairs]
    down = [downlink.judge_downlink(device, responses, *window) for device in tapes.devices]
    cuts = interruption.judge_interruptions(tapes.verdicts, {pair[0].session: pair for pair in pairs}, *window)
    answers = [interruption.judge_answers(device, *window) for device in tapes.devices]
    lost_in = sum(found.lost_samples for found in up) // FRAME_SAMPLES
    lost_out = sum(found.lost_samples for found in down) // downlink.FRAME_SAMPLES
    live, to_client = _all(found.added_ms for found in up), _all(found.added_ms for found in down)
    after = _all(found.after_turn_ms for found in answers)
    counts = _counts(tapes, responses)
    counts |= {
        "live_appends": len(live),
        "backlog_appends": sum(found.backlog_appends for found in up),
        "unaligned_turns": sum(found.unaligned_turns for found in up),
        "deltas": len(to_client),
        "interrupts": len(cuts.to_flushed_ms),
        "unflushed_interrupts": cuts.unanswered,
        "answers": len(after),
        "cut_off_turns": sum(found.cut_off for found in answers),
        "frames_out": sum(found.frames for found in down),
        "frames_lost_in": lost_in,
        "frames_lost_out": lost_out,
    }
    barge_ins = _all(found.after_barge_in_ms for found in answers)
    return {
        "added_uplink_ms": percentiles(live, 50, 99),
        "added_downlink_ms": percentiles(to_client, 50, 99),
        "interrupt_to_flushed_ms": percentiles(cuts.to_flushed_ms, 50, 99),
        "interrupt_to_truncate_ms": percentiles(cuts.to_truncate_ms, 50, 99),
        "end_of_speech_to_first_sample_ms": percentiles(after, 50, 90),
        "end_of_barge_in_to_first_sample_ms": percentiles(barge_ins, 50, 90),
        "frames_late": sum(found.frames_late for found in down),
        "frames_dropped": lost_in + lost_out,
        **cpu(costs, conversation_s(tapes)),
        "memory_mb": {name: round(mb, 2) for name, mb in costs.memory_mb.items()},
        "counts": counts,
        "faults": faults(tapes),
    }


def _pairs(tapes: Tapes) -> list[tuple[DeviceTape, ModelTape]]:
    """Match both ends of each conversation by the serials that the client heard."""
    owners = {response.serial: model for model in tapes.models for response in model.responses}
    heard = ((device, next((p.serial for p in device.pieces if p.serial in owners), 0)) for device in tapes.devices)
    return [(device, owners[serial]) for device, serial in heard if serial]


def _counts(tapes: Tapes, responses: dict[int, Response]) -> dict[str, int]:
    utterances = said(tapes)
    return {
        "turns": sum(not utterance.is_barge_in for utterance in utterances),
        "barge_ins": sum(utterance.is_barge_in for utterance in utterances),
        "ignored_barge_ins": sum(device.ignored_barge_ins for device in tapes.devices),
        "unanswered_turns": sum(device.unanswered for device in tapes.devices),
        "replies": len(responses),
        "stale_pieces": sum(device.stale_pieces for device in tapes.devices),
    }


def said(tapes: Tapes) -> list[Utterance]:
    """Return everything that was said, in and around the measured window."""
    return [utterance for device in tapes.devices for utterance in device.utterances]


def conversation_s(tapes: Tapes) -> float:
    """Count the seconds of conversation in the measured window, by the microphone frames sent: some may break off."""
    begun_s, ended_s = tapes.begun_s, tapes.ended_s
    frames = sum(sum(begun_s <= at_s < ended_s for at_s in device.mic_sent_s) for device in tapes.devices)
    return max(frames, 1) * FRAME_S


def cpu(costs: Costs, talked_s: float) -> Figures:
    """Return what each process used for a second of conversation, of so many, and what else ran."""
    frames = talked_s / FRAME_S
    ring_s = sum(costs.cpu_s.values())
    per_service = {name: round(cpu_s / talked_s, 5) for name, cpu_s in costs.cpu_s.items()}
    return {
        "cpu_s_per_conversation_s": {**per_service, "total": round(ring_s / talked_s, 5)},
        "frame_cost_us": {**_microseconds(costs.cpu_s, frames), "total": round(ring_s / frames * 1e6, 1)},
        "load_cpu_s_per_conversation_s": round(costs.load_cpu_s / talked_s, 5),
        "load_share": round(costs.load_cpu_s / ring_s, 3) if ring_s else None,
        "others_cpu_s_per_s": round(costs.others_cpu_s / costs.seconds, 3),
        "others_beside_load_cpu_s_per_s": round(costs.others_beside_load_cpu_s / costs.seconds, 3),
    }


def _microseconds(cpu_s: Mapping[str, float], frames: float) -> dict[str, float]:
    return {name: round(seconds / frames * 1e6, 1) for name, seconds in cpu_s.items()}


def faults(tapes: Tapes) -> list[str]:
    """Name what went wrong, each kind once."""
    noted = [tape.faults for tape in tapes.devices] + [tape.faults for tape in tapes.models]
    told = Counter(fault for some in noted for fault in some)
    return [f"{fault} ({times}×)" for fault, times in told.most_common(_MOST_FAULTS_TOLD)]


def _all(values: Iterable[list[float]]) -> list[float]:
    return [value for some in values for value in some]
