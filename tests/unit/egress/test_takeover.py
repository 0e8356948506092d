"""Takeovers around playout: listeners and brokers come and go, and no sample or word is lost, or played twice."""

from __future__ import annotations

import pytest

from parley.v1 import audio_pb2 as audio
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import egress_service_pb2 as wire
from services.egress.playout import Playout
from tests.unit.egress.sounds import HZ, Listener, cancel, give, piece, words

LEAD = 2_400
"""The default lead, 100 ms."""


def wanted(reply: int, position: int) -> audio.Playhead:
    """Return the next sample that a listener wants."""
    return audio.Playhead(reply=reply, position=position)


def played(reply: int, position: int, *, ended: bool = False) -> audio.Playback:
    """Return a playback report."""
    return audio.Playback(reply=reply, position=position, ended=ended)


def spoken(playout: Playout, reply: int, samples: int, *, ended: bool = True) -> None:
    """Give a reply whole, with a word each tenth of a second, and its last line."""
    give(playout, reply, samples, ended=False)
    for index in range(samples // 2_400):
        playout.caption(words(reply, index * 2_400, f"{index} "))
    if ended:
        playout.caption(words(reply, samples, "the whole line", final=True))
        playout.end(audio.ReplyEnded(reply=reply, samples=samples))


def texts(listener: Listener) -> list[str]:
    """Return the words that a listener was shown."""
    return [caption.text.strip() for _, caption in listener.captions]


# Another listener.


def test_a_new_ingress_goes_on_from_its_next_sample() -> None:
    """What the old one had been sent and not played is sent again, and the end as well."""
    listener = Listener(Playout())
    listener.playout.join_listener(wanted(0, 0))
    give(listener.playout, 1, 4_800)
    listener.listen(0, 0.15)
    assert listener.ended == [1]
    fresh = Listener(listener.playout)
    fresh.received[1] = 1_000
    listener.playout.join_listener(wanted(1, 1_000))
    fresh.listen(5.0, 5.3)
    assert fresh.received == {1: 4_800}
    assert fresh.ended == [1]
    assert len(fresh.pieces[0][1].pcm) == 2 * LEAD, "it has a lead of its own"


def test_resuming_an_unknown_reply_changes_nothing() -> None:
    """A client may ask for one that was cancelled meanwhile."""
    listener = Listener(Playout())
    give(listener.playout, 2, 4_800)
    listener.playout.join_listener(wanted(1, 700))
    listener.listen(0, 0.3)
    assert listener.received == {2: 4_800}


def test_time_stands_still_while_nobody_listens() -> None:
    """Ten seconds away, and the reply goes on at the very sample, with every word that was not shown."""
    playout = Playout()
    listener = Listener(playout)
    playout.join_listener(wanted(0, 0))
    spoken(playout, 1, 2 * HZ)
    listener.listen(0, 0.97)
    before = texts(listener)
    playout.join_listener(wanted(1, listener.received[1]))
    listener.listen(11.0, 12.2)
    assert listener.received == {1: 2 * HZ}
    assert listener.ended == [1]
    assert texts(listener) == [*(str(index) for index in range(20)), "the whole line"]
    assert len(before) == 10
    heard_again = [at_s for at_s, _ in listener.captions[len(before) :]]
    assert heard_again[0] == pytest.approx(11.0, abs=0.02)


def test_what_went_into_the_void_is_given_again() -> None:
    """An ingress that was frozen took samples and words along: the next one wants them from an earlier place."""
    playout = Playout()
    frozen, fresh = Listener(playout), Listener(playout)
    playout.join_listener(wanted(0, 0))
    spoken(playout, 1, 2 * HZ)
    spoken(playout, 2, HZ // 2)
    frozen.listen(0, 2.6)
    assert frozen.ended == [1, 2]
    playout.join_listener(wanted(1, 24_000))
    fresh.received[1] = 24_000
    fresh.listen(4.0, 6.0)
    assert fresh.received == {1: 2 * HZ, 2: HZ // 2}
    assert fresh.ended == [1, 2]
    first = [caption.position for _, caption in fresh.captions if caption.reply == 1]
    assert first == [*range(24_000 - LEAD, 2 * HZ, LEAD), 2 * HZ], "the words lag the samples by the lead"
    assert len([caption for _, caption in fresh.captions if caption.reply == 2]) == 6


def test_a_reply_that_was_sent_whole_is_not_sent_again() -> None:
    """The client is further on; its report of the end, lost with the old ingress, is not needed either."""
    playout = Playout()
    listener = Listener(playout)
    playout.join_listener(wanted(0, 0))
    give(playout, 1, 4_800)
    give(playout, 2, HZ)
    listener.listen(0, 0.5)
    playout.join_listener(wanted(2, listener.received[2]))
    listener.listen(3.0, 4.0)
    assert listener.received == {1: 4_800, 2: HZ}
    playout.played(played(2, HZ, ended=True), 4.0)
    assert len(playout._replies) == 0


# Another broker.


def test_a_broker_learns_what_is_held() -> None:
    """What was heard to its end, what was cut off and where, and what is being said; oldest first, with all words."""
    playout = Playout()
    listener = Listener(playout)
    assert playout.join_broker() == wire.Held()
    spoken(playout, 1, 4_800)
    spoken(playout, 2, 48_000, ended=False)
    listener.listen(0, 0.5)
    playout.played(played(1, 4_800, ended=True), 0.5)
    playout.played(played(2, 2_000), 0.5)
    playout.interrupt(cancel(9, floor=2))
    silent = wire.Played(reply=2, position=2_500, flushed_seq=9)
    playout.silent(silent)
    spoken(playout, 3, 9_600)
    listener.listen(0.5, 0.6)
    playout.played(played(3, 1_000), 0.6)
    held = playout.join_broker()
    assert (held.seq, held.floor, held.newest_reply, held.silent) == (9, 2, 3, silent)
    told = [
        (each.reply, each.turn, each.samples, each.played, each.complete, each.ended, each.dead)
        for each in held.replies
    ]
    assert told == [
        (1, 1, 4_800, 4_800, True, True, False),
        (2, 2, 48_000, 2_500, False, False, True),
        (3, 3, 9_600, 1_000, True, False, False),
    ]
    assert [len(each.captions) for each in held.replies] == [3, 20, 5]
    assert held.replies[2].captions[-1].final


def test_only_the_newest_of_what_is_over_is_remembered() -> None:
    """Memory is bounded, and without sound."""
    playout = Playout()
    for reply in range(1, 31):
        give(playout, reply, 4_800)
        playout.interrupt(cancel(reply, floor=reply))
    held = playout.join_broker()
    assert [each.reply for each in held.replies] == list(range(23, 31))
    assert all(each.samples == 4_800 for each in held.replies)
    assert sum(len(reply._pcm) for reply in playout._replies.known()) == 0


def test_a_broker_that_repeats_itself_changes_nothing() -> None:
    """Everything of the living replies, of the dead and of those that were heard: each is played and shown once."""
    playout = Playout()
    listener = Listener(playout)
    playout.join_listener(wanted(0, 0))
    spoken(playout, 1, 4_800)
    spoken(playout, 2, 4_800)
    spoken(playout, 3, HZ)
    listener.listen(0, 0.7)
    playout.played(played(1, 4_800, ended=True), 0.3)
    playout.interrupt(cancel(1, floor=2))
    playout.caption(words(2, 1_000, "what was heard", final=True))
    playout.join_broker()
    playout.interrupt(cancel(1, floor=2))
    for reply, samples in ((1, 4_800), (2, 4_800), (3, HZ)):
        spoken(playout, reply, samples)
    playout.caption(words(2, 1_000, "what was heard", final=True))
    listener.listen(0.7, 2.0)
    assert listener.received == {1: 4_800, 2: 4_800, 3: HZ}
    assert listener.ended == [1, 2, 3]
    assert len(texts(listener)) == len(set(zip(texts(listener), (c.reply for _, c in listener.captions), strict=True)))
    assert texts(listener).count("what was heard") == 1


def test_playout_goes_on_while_there_is_no_broker() -> None:
    """What was given is played; the half of a reply waits for whoever goes on with it, at the very sample."""
    playout = Playout()
    listener = Listener(playout)
    spoken(playout, 1, HZ // 2, ended=False)
    listener.listen(0, 2)
    assert listener.received == {1: HZ // 2}
    assert listener.ended == []
    playout.join_broker()
    give(playout, 1, HZ)
    listener.listen(2, 3)
    assert listener.received == {1: HZ}
    assert listener.ended == [1]


def test_half_a_reply_that_nobody_goes_on_with_holds_no_other_up() -> None:
    """The new broker asked the model to go on, in a reply of its own: the old one ends where it broke off."""
    playout = Playout()
    listener = Listener(playout)
    spoken(playout, 1, HZ // 2, ended=False)
    listener.listen(0, 1)
    playout.join_broker()
    give(playout, 2, 4_800)
    listener.listen(1, 1.5)
    assert listener.ended == [1, 2]
    assert listener.received == {1: HZ // 2, 2: 4_800}


def test_who_goes_on_with_half_a_reply_after_all_is_heard() -> None:
    """The same broker by another stream began something else first; what it gives then is played behind it."""
    playout = Playout()
    listener = Listener(playout)
    give(playout, 1, 4_800, ended=False)
    listener.listen(0, 1)
    playout.join_broker()
    give(playout, 2, 4_800)
    listener.listen(1, 1.1)
    playout.feed(piece(1, 4_800, 4_800), 1.1)
    listener.listen(1.1, 2)
    assert listener.received == {1: 9_600, 2: 4_800}
    assert not playout.join_broker().replies[0].complete


# Another egress.


@pytest.mark.parametrize("is_listener_first", [True, False])
def test_a_new_egress_goes_on_in_the_middle(is_listener_first: bool) -> None:
    """The broker gives from the last sample played, ingress wants the next one: that is what comes, with its words."""
    playout = Playout()
    listener = Listener(playout)
    listener.received = {2: 12_000}

    def listen() -> None:
        playout.join_listener(wanted(2, 12_000))

    def speak() -> None:
        playout.join_broker()
        spoken(playout, 1, 4_800)  # heard, as far as the client goes; the broker had not been told
        playout.begin(wire.ReplyStarted(reply=2, turn=7))
        for index in range(10):
            playout.caption(words(2, index * 2_400, f"{index} "))
        playout.caption(words(2, HZ, "the whole line", final=True))
        playout.feed(piece(2, 7_000, HZ - 7_000), 0)
        playout.end(audio.ReplyEnded(reply=2, samples=HZ))
        give(playout, 3, 4_800)

    for step in (listen, speak) if is_listener_first else (speak, listen):
        step()
    listener.listen(0, 1.5)
    assert listener.received == {2: HZ, 3: 4_800}
    assert listener.ended == [2, 3]
    assert texts(listener) == ["4", "5", "6", "7", "8", "9", "the whole line"]
    playout.played(played(2, 13_000), 0.5)
    assert listener.reports == [], "the egress that played its beginning has told of the turn"
    assert playout.join_broker().replies[0].ended


# Cancels of a vad that was replaced.


def test_a_cancel_that_comes_late_is_fenced_off() -> None:
    """Nothing is held up by it, and it is counted."""
    listener = Listener(Playout())
    listener.playout.gate.fence(20)
    listener.playout.shut(cancel(4))
    give(listener.playout, 1, 4_800)
    listener.listen(0, 0.5)
    assert listener.ended == [1]
    assert listener.playout.counters["cancels_fenced_off"] == 1


def test_a_cancel_that_nobody_else_knew_of_is_lifted() -> None:
    """It shut the gate, and its vad died before it told anybody: the reply goes on, it was not heard to be stopped."""
    listener = Listener(Playout())
    give(listener.playout, 1, 4_800)
    listener.playout.shut(cancel(4))
    listener.playout.gate.fence(20)
    listener.listen(0, 0.5)
    assert listener.ended == []
    listener.playout.lift()
    listener.listen(5, 5.5)
    assert listener.ended == [1]
    assert listener.playout.counters["cancels_lifted"] == 1


def test_a_person_s_words_are_not_taken_for_the_assistant_s() -> None:
    """They belong to no reply, and nothing is known of what was shown of them."""
    playout = Playout()
    playout.join_broker()
    playout.caption(client.Caption(who=client.Caption.WHO_USER, text="hello"))
    assert len(list(playout.poll(0))) == 1
    assert playout.join_broker() == wire.Held()
