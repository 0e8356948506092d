"""Latencies: by the client's own clock, from what vad says and what the client's speaker has done, in any order."""

from __future__ import annotations

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import egress_service_pb2 as egress
from parley.v1 import session_pb2 as session
from services.broker.latencies import Latencies, Response, Stop

MS = 16
"""Samples of the microphone in a millisecond."""


def ended(turn: int, at_ms: int, *, tentative: bool = False) -> broker.RespondRequest:
    """The person's last sound was then."""
    return broker.RespondRequest(turn_ended=broker.TurnEnded(turn=turn, end_offset=at_ms * MS, tentative=tentative))


def cancel(
    seq: int,
    onset_ms: int,
    decided_ms: int,
    cause: session.Interrupt.Cause.ValueType = session.Interrupt.CAUSE_WORD,
    kind: session.Interrupt.Kind.ValueType = session.Interrupt.KIND_CANCEL,
) -> broker.RespondRequest:
    """A verdict of vad's."""
    onset, decided = onset_ms * MS, decided_ms * MS
    return broker.RespondRequest(
        interrupt=session.Interrupt(seq=seq, kind=kind, cause=cause, onset_offset=onset, decided_offset=decided)
    )


def played(reply: int, at_ms: int, *, heard_ms: int = 0, flushed_seq: int = 0, is_ended: bool = False) -> egress.Played:
    """The client's speaker has played so much of a reply at that moment of its microphone's clock."""
    return egress.Played(
        reply=reply, position=heard_ms * 24, mic_offset=at_ms * MS, flushed_seq=flushed_seq, ended=is_ended
    )


def answering() -> Latencies:
    """Turn 1 has ended at 1 s, and reply 1 answers it."""
    made = Latencies()
    made.hear(ended(1, 900, tentative=True))
    made.hear(ended(1, 1_000))
    made.begin(egress.ReplyStarted(reply=1, turn=1))
    return made


def test_an_answer_is_heard_from_its_first_sample_on() -> None:
    """What was played of it when the client told of it is subtracted; later reports tell nothing new."""
    made = answering()
    assert made.played(played(1, 1_850, heard_ms=50)) == Response(1, 800.0)
    assert made.played(played(1, 2_050, heard_ms=250)) is None
    made.begin(egress.ReplyStarted(reply=2, turn=1))
    assert made.played(played(2, 9_000)) is None, "the person has an answer already"


def test_what_answers_nobody_was_not_waited_for() -> None:
    """A greeting, a reply of another broker's, a clock that was set."""
    made = answering()
    made.begin(egress.ReplyStarted(reply=2, turn=0))
    assert made.played(played(2, 3_000)) is None
    assert made.played(played(7, 3_000)) is None
    assert made.played(played(1, 500)) is None


def test_a_turn_that_goes_on_is_measured_from_its_last_end() -> None:
    """What was heard of its first answer does not count."""
    made = answering()
    made.played(played(1, 1_500))
    made.hear(ended(1, 3_000))
    made.begin(egress.ReplyStarted(reply=2, turn=1))
    assert made.played(played(2, 3_600)) == Response(1, 600.0)


def test_silence_is_measured_from_the_decision_and_from_the_first_sound() -> None:
    """Whichever of the cancel and the client's answer comes first."""
    for is_early in (False, True):
        made = answering()
        made.played(played(1, 1_800))
        verdict, answer = cancel(3, 4_000, 4_300), played(1, 4_345, heard_ms=2_500, flushed_seq=3)
        told = [made.played(answer), made.hear(verdict)] if is_early else [made.hear(verdict), made.played(answer)]
        assert told == [None, Stop(1, 45.0, 345.0)]
        assert made.played(played(1, 4_345, flushed_seq=3)) is None, "it is told once"


def test_a_key_has_no_first_sound() -> None:
    """Nobody's ear heard anything set in."""
    made = answering()
    made.played(played(1, 1_800))
    made.hear(cancel(3, 4_300, 4_300, session.Interrupt.CAUSE_CLIENT))
    assert made.played(played(1, 4_320, flushed_seq=3)) == Stop(1, 20.0, None)


def test_what_was_silent_already_is_not_stopped() -> None:
    """A reply that had ended, or had not begun; a duck; a turn that goes on."""
    made = answering()
    made.hear(cancel(3, 4_000, 4_300))
    assert made.played(played(1, 4_320, flushed_seq=3)) is None
    made.played(played(1, 4_400))
    made.played(played(1, 5_000, is_ended=True))
    made.hear(cancel(4, 5_100, 5_200))
    assert made.played(played(1, 5_220, flushed_seq=4)) is None
    for number, (kind, cause) in enumerate(
        (
            (session.Interrupt.KIND_DUCK, session.Interrupt.CAUSE_SPEECH),
            (session.Interrupt.KIND_CANCEL, session.Interrupt.CAUSE_TURN_RESUMED),
        ),
        5,
    ):
        made = answering()
        made.played(played(1, 1_800))
        made.hear(cancel(number, 4_000, 4_300, cause, kind))
        assert made.played(played(1, 4_320, flushed_seq=number)) is None
