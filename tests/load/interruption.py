"""Interruption and answer: from vad's decision to the silent client, and from the person's last sound to the reply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from parley.v1 import session_pb2
from tests.load.tape import DeviceTape, ModelTape, Verdict
from tests.load.voice import FRAME_SAMPLES, HZ

_TRUNCATED_WITHIN_S: Final = 1.0


@dataclass
class Interruptions:
    """What was found, in milliseconds per interrupt."""

    to_flushed_ms: list[float] = field(default_factory=list)
    to_truncate_ms: list[float] = field(default_factory=list)
    unanswered: int = 0
    """Interrupts that the client was never told of."""


def judge_interruptions(
    verdicts: Sequence[Verdict],
    devices: Mapping[str, tuple[DeviceTape, ModelTape]],
    begun_s: float,
    ended_s: float,
) -> Interruptions:
    """Judge the cancels published during the measured window; `devices` are both tapes by the session's id.

    The decision's moment is that at which the microphone frame it was made on was sent: what is counted holds the
    way up, the decision itself, and the way back.
    """
    found = Interruptions()
    for verdict in verdicts:
        interrupt = session_pb2.Interrupt.FromString(verdict.payload)
        tapes = devices.get(interrupt.session)
        if tapes is None or interrupt.kind != session_pb2.Interrupt.KIND_CANCEL or not begun_s < verdict.at_s < ended_s:
            continue
        device, model = tapes
        frame = min(max(interrupt.decided_offset - 1, 0) // FRAME_SAMPLES, len(device.mic_sent_s) - 1)
        decided_s = device.mic_sent_s[frame]
        if (flushed_s := device.flushed_s.get(interrupt.seq)) is None:
            found.unanswered += 1
            continue
        found.to_flushed_ms.append((flushed_s - decided_s) * 1000)
        truncated = (at_s for at_s in model.truncated_s if decided_s < at_s < decided_s + _TRUNCATED_WITHIN_S)
        if (truncated_s := next(truncated, None)) is not None:
            found.to_truncate_ms.append((truncated_s - decided_s) * 1000)
    return found


@dataclass
class Answers:
    """What was found, in milliseconds per utterance; turns and barge-ins apart, for a barge-in is cut and settled."""

    after_turn_ms: list[float] = field(default_factory=list)
    after_barge_in_ms: list[float] = field(default_factory=list)
    cut_off: int = 0
    """Turns that were answered before they had ended."""


def judge_answers(device: DeviceTape, begun_s: float, ended_s: float) -> Answers:
    """Judge the utterances that ended during the measured window."""
    found = Answers()
    begins = {piece.reply: piece.at_s for piece in reversed(device.pieces)}
    firsts = sorted(begins.values())
    for index, said in enumerate(device.utterances):
        start_s, end_s = moment(device, said.start), moment(device, said.end)
        if not (begun_s < end_s < ended_s):
            continue
        if any(start_s < at_s < end_s for at_s in firsts):
            found.cut_off += 1
            continue
        until_s = begin_of_next(device, index)
        if (first_s := next((at_s for at_s in firsts if end_s <= at_s < until_s), None)) is not None:
            (found.after_barge_in_ms if said.is_barge_in else found.after_turn_ms).append((first_s - end_s) * 1000)
    return found


def begin_of_next(device: DeviceTape, index: int) -> float:
    """Return when the person spoke again after their utterance `index`; infinity if they did not."""
    utterances = device.utterances
    return moment(device, utterances[index + 1].start) if index + 1 < len(utterances) else float("inf")


def moment(device: DeviceTape, sample: int) -> float:
    """Return when a microphone sample was captured: a frame is sent when its last sample has been."""
    frame = max(sample - 1, 0) // FRAME_SAMPLES
    if frame >= len(device.mic_sent_s):
        return float("inf")
    return device.mic_sent_s[frame] - ((frame + 1) * FRAME_SAMPLES - sample) / HZ
