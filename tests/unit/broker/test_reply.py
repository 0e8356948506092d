"""The reply: one run of samples, the items along it, and what the model must forget when it is cut off."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.broker.reply import AHEAD_SAMPLES, PIECE_SAMPLES, Reply
from services.common.audio import REPLY_HZ

MS = 24


def reply_of(*lengths_ms: int, done: bool = True) -> Reply:
    """A reply of items a, b, … of these lengths, all sent; the last one is done if `done`."""
    reply = Reply(1, 1, aligned=True)
    for name, ms in zip("abcdef", lengths_ms, strict=False):
        reply.item(name)
        if ms:
            reply.add_audio(name, 0, bytes(ms * MS * 2))
    for item in reply.items[:-1] + reply.items[-1:] * done:
        item.is_done = True
    while reply.forward():
        pass
    return reply


def cuts(reply: Reply, position: int) -> dict[str, int | None]:
    """What the model must forget, by item."""
    return {cut.item.id: cut.heard_ms for cut in reply.cuts(position)}


def test_only_the_item_under_the_playhead_is_cut() -> None:
    """Items heard whole stay, later ones go."""
    assert cuts(reply_of(100, 200, 300), 150 * MS) == {"b": 50, "c": None}


def test_nothing_heard_deletes_everything() -> None:
    """Not even a truncation to 0: the model refuses that before it has audio."""
    assert cuts(reply_of(100, 200), 0) == {"a": None, "b": None}
    assert cuts(reply_of(100), MS - 1) == {"a": None}


def test_the_exact_end_of_an_item_keeps_it() -> None:
    """At the seam of two items the first was heard whole, the second not at all."""
    assert cuts(reply_of(100, 200), 100 * MS) == {"b": None}
    assert cuts(reply_of(100, 200), 300 * MS) == {}


def test_an_item_still_being_generated_is_cut_even_when_all_of_it_was_heard() -> None:
    """More of it may exist at the model by now."""
    assert cuts(reply_of(100, 200, done=False), 300 * MS) == {"b": 200}


def test_milliseconds_are_rounded_down() -> None:
    """A truncation never claims more than was heard."""
    assert cuts(reply_of(100), 50 * MS + MS - 1) == {"a": 50}


def test_an_item_without_audio_goes() -> None:
    """A message that never sounded was not heard."""
    assert cuts(reply_of(100, 0), 100 * MS) == {"b": None}


@given(st.lists(st.integers(0, 400), min_size=1, max_size=4), st.integers(-10, 50_000), st.booleans())
def test_a_cut_never_reaches_beyond_what_was_received(lengths: list[int], position: int, done: bool) -> None:
    """For any items and any position: each cut is shorter than its item's audio and than what was heard of it."""
    reply = reply_of(*lengths, done=done)
    for cut in reply.cuts(position):
        if cut.heard_ms is not None:
            assert 0 < cut.heard_ms * MS <= min(cut.item.samples, position - cut.item.start)


def test_an_item_begun_early_starts_where_its_first_sample_does() -> None:
    """A server may announce the second item, and send its words, while the first one still sounds."""
    reply = reply_of(100, done=False)
    second = reply.item("b")
    second.words.add("unheard", 0)
    reply.add_audio("a", 0, bytes(100 * MS * 2))
    assert reply.heard_text(200 * MS) == ""
    reply.add_audio("b", 0, bytes(100 * MS * 2))
    assert second.start == 200 * MS
    assert reply.items[0].is_done, "the first is over where the second sounds"


def test_samples_cut_in_half_are_joined() -> None:
    """A model that cuts its audio anywhere makes no noise."""
    reply = Reply(1, 1, aligned=True)
    pcm = bytes(range(200))
    for start in range(0, 200, 7):
        reply.add_audio("a", 0, pcm[start : start + 7])
    assert reply.forward() == (0, pcm)


def test_audio_goes_on_in_pieces_and_no_further_than_egress_holds() -> None:
    """One huge delta becomes many messages, up to the lead over what was played; playing makes room."""
    reply = Reply(1, 1, aligned=True)
    reply.add_audio("a", 0, bytes((AHEAD_SAMPLES + 5 * REPLY_HZ) * 2))
    sizes = []
    while piece := reply.forward():
        sizes.append(len(piece[1]) // 2)
    assert sum(sizes) == AHEAD_SAMPLES
    assert max(sizes) <= PIECE_SAMPLES
    reply.note_played(2 * REPLY_HZ, 1.0)
    piece = reply.forward()
    assert piece is not None
    assert piece[0] == AHEAD_SAMPLES


def test_reports_never_go_back_nor_beyond_what_was_sent() -> None:
    """The playhead only grows, and a client can't have played what it was never given."""
    reply = reply_of(1000)
    reply.note_played(500 * MS, 1.0)
    reply.note_played(400 * MS, 1.1)
    assert reply.played == 500 * MS
    reply.note_played(10**9, 1.2)
    assert reply.played == 1000 * MS


def test_the_estimate_goes_on_from_the_last_report() -> None:
    """Unreported is unheard; a report from after the interrupt counts in full; nothing passes what was sent."""
    reply = reply_of(1000)
    assert reply.estimate(5.0) == 0
    reply.note_played(400 * MS, 1.0)
    assert reply.estimate(1.1) == 500 * MS
    assert reply.estimate(0.5) == 400 * MS
    assert reply.estimate(99.0) == 1000 * MS


def test_what_was_played_is_not_kept() -> None:
    """A long reply's memory follows its playhead; one let go of keeps its length and nothing else."""
    reply = reply_of(60_000)
    reply.note_played(50_000 * MS, 1.0)
    assert len(reply._pcm) == 10_000 * MS * 2
    reply.let_go()
    assert len(reply._pcm) == 0
    assert reply.received == 60_000 * MS
    assert reply.forward() is None


def test_the_text_heard_of_several_items_is_joined() -> None:
    """Whole items in full, the cut one up to its last whole word."""
    reply = Reply(1, 1, aligned=True)
    for name, words in (("a", ["Well,", " then."]), ("b", ["One", " two", " three"])):
        for word in words:
            reply.item(name).words.add(word, reply.item(name).samples)
            reply.add_audio(name, 0, bytes(100 * MS * 2))
        reply.items[-1].is_done = True
    assert reply.text == "Well, then. One two three"
    assert reply.heard_text(200 * MS) == "Well, then."
    assert reply.heard_text(360 * MS) == "Well, then. One two"
    assert reply.heard_text(500 * MS) == reply.text
