"""Interrupts and answers: measured from the frame they were decided on, and from the last sound of the person."""

from __future__ import annotations

import pytest

from parley.v1 import session_pb2
from tests.load.interruption import judge_answers, judge_interruptions
from tests.load.tape import ModelTape, Piece, Utterance, Verdict
from tests.unit.load import tapes

CANCEL = session_pb2.Interrupt.KIND_CANCEL


def verdict(seq: int, decided_offset: int, at_s: float = 102.01, kind: int = CANCEL) -> Verdict:
    """Give a decision as it comes over the topic."""
    interrupt = session_pb2.Interrupt(session="s", seq=seq, decided_offset=decided_offset)
    interrupt.kind = session_pb2.Interrupt.Kind.ValueType(kind)
    return Verdict(at_s, interrupt.SerializeToString())


def test_an_interrupt_is_measured_from_the_frame_it_was_decided_on() -> None:
    """Decided with the last sample of frame 99, sent at 101.98: flushed 30 ms, truncated 50 ms later."""
    device, model = tapes.device_tape(), ModelTape(truncated_s=[101.0, 102.03])
    device.flushed_s[4] = 102.01
    found = judge_interruptions([verdict(4, 32_000)], {"s": (device, model)}, 100.0, 110.0)
    assert found.to_flushed_ms == pytest.approx([30.0])
    assert found.to_truncate_ms == pytest.approx([50.0])


def test_an_interrupt_that_the_client_never_heard_of_is_counted() -> None:
    """No flush: a fault. Releases, other sessions and what came outside the window do not count."""
    others = [verdict(5, 100, kind=session_pb2.Interrupt.KIND_RELEASE), verdict(6, 100, at_s=99.0)]
    tape = tapes.device_tape()
    found = judge_interruptions([verdict(4, 32_000), *others], {"s": (tape, ModelTape())}, 100.0, 110.0)
    assert (found.unanswered, found.to_flushed_ms) == (1, [])
    assert judge_interruptions([verdict(4, 32_000)], {}, 100.0, 110.0).unanswered == 0


def test_an_answer_is_measured_from_the_last_sound() -> None:
    """A turn whose last sound is half a frame before the end of frame 99 ended 10 ms before that was sent."""
    device = tapes.device_tape()
    device.utterances = [Utterance(16_000, 32_000 - 160, False), Utterance(64_000, 66_000, True)]
    device.pieces = [Piece(102.5, 1, 0, 960, 1), Piece(102.6, 1, 960, 960, 1), Piece(105.0, 2, 0, 960, 2)]
    found = judge_answers(device, 100.0, 110.0)
    assert found.after_turn_ms == pytest.approx([102_500 - 101_970])
    assert len(found.after_barge_in_ms) == 1
    assert found.cut_off == 0


def test_a_turn_answered_before_its_end_was_cut_off() -> None:
    """A reply that begins while the person speaks is no fast answer."""
    device = tapes.device_tape()
    device.utterances = [Utterance(16_000, 32_000, False)]
    device.pieces = [Piece(101.5, 1, 0, 960, 1)]
    found = judge_answers(device, 100.0, 110.0)
    assert (found.cut_off, found.after_turn_ms) == (1, [])
