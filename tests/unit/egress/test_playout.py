"""Playout: never more than the lead ahead, words with their sound, nothing dead, nothing lost, nothing kept."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parley.v1 import audio_pb2 as audio
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import egress_service_pb2 as wire
from services.egress.playout import Playout
from services.egress.reply import ReplyBuffer
from tests.unit.egress.sounds import HZ, Listener, cancel, give, pcm, piece, words

LEAD = 2_400
"""The default lead, 100 ms."""


def played(reply: int, position: int, *, ended: bool = False) -> audio.Playback:
    """Return a playback report."""
    return audio.Playback(reply=reply, position=position, ended=ended)


def _living(playout: Playout, number: int) -> ReplyBuffer:
    reply = playout._replies.get(number)
    assert reply is not None
    return reply


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(1, 12_000)), min_size=1, max_size=8),
    st.lists(st.sampled_from((10, 10, 10, 13, 200)), min_size=1, max_size=5),
)
def test_the_lead_is_never_exceeded(pieces: list[tuple[int, int]], steps_ms: list[int]) -> None:
    """Whatever the model's pace and however late we are polled, a listener that plays what it has is never more than
    the lead behind what it was sent; and everything arrives, in order.
    """
    playout = Playout()
    listener = Listener(playout)
    now_ms, heard, end, index = 0, 0.0, 0, 0
    due = [(sum(gap for gap, _ in pieces[: count + 1]), samples) for count, (_, samples) in enumerate(pieces)]
    while now_ms < 10_000 and (due or heard < end or end not in listener.received.values()):
        while due and due[0][0] <= now_ms:
            playout.feed(piece(1, end, due[0][1]), now_ms / 1000)
            end += due.pop(0)[1]
            if not due:
                playout.end(audio.ReplyEnded(reply=1, samples=end))
        listener.poll(now_ms / 1000)
        received = listener.received.get(1, 0)
        assert received - heard <= LEAD + 1
        step_ms = steps_ms[index % len(steps_ms)]
        index += 1
        now_ms += step_ms
        heard = min(heard + step_ms * HZ / 1000, received)
    assert listener.received == {1: end}
    assert listener.ended == [1]


def test_a_reply_begins_with_the_lead_and_ends_on_time() -> None:
    """At once 100 ms, then pieces of 60 ms, and the end with the last sample, a lead before it is heard."""
    listener = Listener(Playout())
    give(listener.playout, 1, HZ)
    listener.listen(0, 1)
    assert len(listener.pieces[0][1].pcm) == 2 * LEAD
    assert 14 <= len(listener.pieces) <= 18
    assert listener.pieces[-1][0] == pytest.approx(0.9, abs=0.05)
    assert listener.ended == [1]


def test_words_come_with_their_sound() -> None:
    """A caption goes out when its position is heard, not when its audio is sent, and never before."""
    listener = Listener(Playout())
    for index in range(5):
        listener.playout.caption(words(1, index * 4_800))
    give(listener.playout, 1, HZ)
    listener.playout.caption(words(1, HZ, "the whole line", final=True))
    listener.listen(0, 1.2)
    assert len(listener.captions) == 6
    for at_s, caption in listener.captions:
        assert 0 <= at_s - caption.position / HZ < 0.02


def test_words_beyond_the_end_come_with_the_end() -> None:
    """Where a transcript runs ahead, the guess may lie behind the last sample: then the words come with the report."""
    listener = Listener(Playout())
    give(listener.playout, 1, 4_800)
    listener.playout.caption(words(1, 99_000, "late words"))
    listener.listen(0, 1)
    assert listener.captions == []
    listener.playout.played(played(1, 4_800, ended=True), 1.0)
    listener.poll(1.0)
    assert [caption.text for _, caption in listener.captions] == ["late words"]


def test_a_person_s_words_go_out_at_once() -> None:
    """They were heard long ago; not even a shut gate holds them back."""
    listener = Listener(Playout())
    listener.playout.shut(cancel(1))
    listener.playout.caption(client.Caption(who=client.Caption.WHO_USER, text="stop"))
    listener.poll(0)
    assert [caption.text for _, caption in listener.captions] == ["stop"]


def test_replies_follow_each_other() -> None:
    """The second begins when the first has been heard, with a lead of its own; none overtakes one that has begun."""
    listener = Listener(Playout())
    give(listener.playout, 2, 4_800)
    listener.poll(0)
    give(listener.playout, 1, 4_800)
    listener.poll(0.05)
    assert list(listener.received) == [2], "a reply that has begun is not overtaken"
    listener = Listener(Playout())
    give(listener.playout, 1, 4_800)
    give(listener.playout, 2, 4_800)
    listener.listen(0, 1)
    assert listener.ended == [1, 2]
    second = next(at_s for at_s, sent in listener.pieces if sent.reply == 2)
    assert second == pytest.approx(0.2, abs=0.011)


def test_a_stall_of_the_model_is_waited_for() -> None:
    """The reply goes on with a full lead when more comes, and the next reply does not slip in between."""
    listener = Listener(Playout())
    give(listener.playout, 1, 4_800, ended=False)
    give(listener.playout, 2, 4_800)
    listener.listen(0, 1)
    assert listener.received == {1: 4_800}
    listener.playout.feed(piece(1, 4_800, 9_600), 1.0)
    listener.poll(1.0)
    assert listener.received == {1: pytest.approx(4_800 + LEAD, abs=1)}


def test_a_cancel_in_band_drops_the_dead_and_keeps_the_living() -> None:
    """What is at or below the floor is forgotten, also when it comes later; what is above is played whole."""
    listener = Listener(Playout())
    give(listener.playout, 1, 48_000)
    listener.poll(0)
    give(listener.playout, 2, 4_800)
    listener.playout.interrupt(cancel(1, floor=1))
    listener.playout.feed(piece(1, 48_000, 4_800), 0.01)
    listener.playout.caption(words(1, 0))
    listener.listen(0.01, 0.5)
    assert listener.received == {1: LEAD, 2: 4_800}
    assert listener.captions == []
    assert listener.playout.counters["samples_cancelled"] == 48_000 - LEAD
    assert listener.playout.counters["messages_of_dead_replies"] == 1


def test_a_dead_reply_s_last_line_goes_out() -> None:
    """It says what was heard, and so it comes after the cancel."""
    listener = Listener(Playout())
    give(listener.playout, 1, 48_000)
    listener.playout.interrupt(cancel(1, floor=1))
    listener.playout.caption(words(1, 2_000, "what was heard", final=True))
    listener.poll(0)
    assert [caption.text for _, caption in listener.captions] == ["what was heard"]


def test_the_topic_holds_everything_until_the_floor_is_known() -> None:
    """While the gate is shut nothing comes out; the reply that lives after all loses no sample."""
    listener = Listener(Playout())
    give(listener.playout, 1, 48_000)
    listener.poll(0)
    listener.playout.shut(cancel(1))
    give(listener.playout, 2, 9_600)
    listener.listen(0.01, 0.5)
    assert listener.received == {1: LEAD}
    listener.playout.interrupt(cancel(1, floor=1))
    listener.playout.shut(cancel(1))
    listener.listen(0.5, 1.2)
    assert listener.received == {1: LEAD, 2: 9_600}
    assert listener.ended == [2]


def test_memory_is_let_go_as_it_is_played() -> None:
    """A minute's reply is held from the last report on, and not at all once it was played to its end."""
    playout = Playout()
    listener = Listener(playout)
    give(playout, 1, 60 * HZ)
    for second in range(60):
        listener.listen(second, second + 0.99, step_s=0.03)
        playout.played(played(1, second * HZ), second)
        held = len(_living(playout, 1)._pcm) / 2 / HZ
        assert held <= 60 - second + 2.1
    listener.listen(60, 60.1)
    playout.played(played(1, 60 * HZ, ended=True), 60.2)
    assert len(playout._replies) == 0
    assert playout.is_idle
    assert playout.held_samples == 0


def test_a_reply_is_over_when_a_later_one_sounds() -> None:
    """The report of its end may be lost with an ingress: they are played one after another, so it was heard whole."""
    playout = Playout()
    listener = Listener(playout)
    give(playout, 1, 4_800)
    give(playout, 2, 4_800)
    playout.caption(words(1, 99_000, "late words"))
    listener.listen(0, 0.5)
    playout.played(played(2, 0), 0.5)
    assert [reply.number for reply in playout._replies] == [2]
    listener.poll(0.5)
    assert [caption.text for _, caption in listener.captions] == ["late words"]


def test_a_turn_is_reported_once_with_its_stages() -> None:
    """The first report of playback completes the turn's account: what was waited for where."""
    playout = Playout()
    listener = Listener(playout)
    stage = client.TurnReport.Stage(name="vad.endpoint", ms=250)
    playout.begin(wire.ReplyStarted(reply=1, turn=7, stages=[stage]))
    playout.feed(piece(1, 0, 4_800), 1.0)
    listener.poll(1.01)
    playout.played(played(1, 0), 1.04)
    playout.played(played(1, 480), 1.06)
    listener.poll(1.06)
    (report,) = listener.reports
    assert (report.turn, report.reply) == (7, 1)
    assert [(s.name, round(s.ms)) for s in report.stages] == [
        ("vad.endpoint", 250),
        ("egress.first_frame", 10),
        ("client.first_sample", 30),
    ]


def test_the_lead_is_the_client_s_choice_within_bounds() -> None:
    """60 to 2000 ms; 0 asks for the default of 100."""
    for wanted_ms, samples in ((0, 2_400), (10, 1_440), (250, 6_000), (9_999, 48_000)):
        playout = Playout(wanted_ms)
        playout.feed(audio.ReplyAudio(reply=1, pcm=pcm(0, 3 * HZ)), 0)
        (first,) = playout.poll(0)
        assert isinstance(first, audio.ReplyAudio)
        assert len(first.pcm) == 2 * samples


def test_it_is_idle_only_when_time_brings_nothing() -> None:
    """The ticker passes over what is idle, so nothing that is due may be."""
    playout = Playout()
    assert playout.is_idle
    playout.caption(words(1, 0))
    assert playout.is_idle, "words without a sound wait for it"
    playout.feed(piece(1, 0, 4_800), 0)
    assert not playout.is_idle
    list(playout.poll(0))
    assert not playout.is_idle
    playout.interrupt(cancel(1, floor=1))
    assert playout.is_idle
