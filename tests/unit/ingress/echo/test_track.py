"""Where the speaker is: stamps that step, jitter, stall, jump or guess become a reference that runs on evenly."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from parley.v1 import audio_pb2 as audio
from services.ingress.echo.track import AWAITED, KEPT, Stretch, Track

FRAME = 320
MS = 16


def stamp(reply: int, position: int, *, estimated: bool = False) -> audio.Playhead:
    """Return a stamp whose position counts at 16 kHz."""
    return audio.Playhead(reply=reply, position=position * 3 // 2, estimated=estimated)


def followed(jitter: list[int], start: int = 0) -> Track:
    """Let a reply play from `start` of the clock on, each stamp off by so many samples."""
    track = Track()
    for index, off in enumerate(jitter):
        track.stamp(start + index * FRAME, stamp(1, max(index * FRAME + off, 0)))
    return track


@given(st.lists(st.integers(-10 * MS, 10 * MS), min_size=60, max_size=200))
def test_jitter_is_not_followed_far(jitter: list[int]) -> None:
    """However stamps jitter by up to 10 ms, the track is never more than 20 ms from the truth."""
    track = Track()
    for index, off in enumerate(jitter):
        track.stamp(index * FRAME, stamp(1, max(index * FRAME + off, 0)))
        assert abs(track.position(index * FRAME) - index * FRAME) <= 20 * MS


@given(st.lists(st.integers(-3 * MS, 3 * MS), min_size=10, max_size=100))
def test_small_jitter_moves_nothing(jitter: list[int]) -> None:
    """Within 3 ms the reference runs on without one step: every stretch is whole."""
    track = followed([0, *jitter])
    clock = len(jitter) * FRAME
    assert list(track.stretches(clock, FRAME)) == [Stretch(1, clock, FRAME)]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 20_000)), max_size=60), st.integers(-KEPT, 8_000))
def test_whatever_a_client_stamps_every_sample_is_accounted_for(stamps: list[tuple[int, int]], ahead: int) -> None:
    """Nonsense included: what is asked for comes back in order, whole, and never as a negative position of a reply."""
    track = Track()
    for index, (reply, position) in enumerate(stamps):
        clock = index * FRAME
        track.stamp(clock, stamp(reply, position) if reply else audio.Playhead())
        start = max(clock + ahead, clock - KEPT, 0)
        stretches = list(track.stretches(start, FRAME))
        assert sum(stretch.samples for stretch in stretches) == FRAME
        assert all(stretch.samples > 0 for stretch in stretches)


def test_a_lasting_difference_is_followed() -> None:
    """A device that is 12 ms later from some moment on: within a second the track is there."""
    track = followed([0] * 50 + [-12 * MS] * 50)
    assert abs(track.position(99 * FRAME) - (99 * FRAME - 12 * MS)) <= 5 * MS


def test_a_jump_needs_two_witnesses() -> None:
    """One stamp 100 ms away changes nothing; the second that says the same is followed at once."""
    once = followed([0] * 10 + [100 * MS] + [0] * 3)
    assert once.position(13 * FRAME) == 13 * FRAME
    twice = followed([0] * 10 + [100 * MS] * 2)
    assert twice.position(11 * FRAME) == 11 * FRAME + 100 * MS


def test_a_guess_is_followed_more_slowly() -> None:
    """A guessed stamp that is 100 ms off, twice, is still only a guess."""
    track = Track()
    for index in range(12):
        off = 100 * MS if index >= 10 else 0
        track.stamp(index * FRAME, stamp(1, index * FRAME + off, estimated=True))
    assert abs(track.position(11 * FRAME) - 11 * FRAME) < 30 * MS


def test_a_new_reply_is_known_to_have_begun_before_its_first_stamp() -> None:
    """The stamp of a frame in whose middle it began says how long ago that was."""
    track = Track()
    track.stamp(0, audio.Playhead())
    track.stamp(FRAME, stamp(4, 160))
    assert track.began == FRAME - 160
    assert list(track.stretches(0, FRAME)) == [Stretch(0, 0, 160), Stretch(4, 0, 160)]
    track.stamp(2 * FRAME, stamp(4, 480))
    assert track.began is None


def test_a_reply_taken_up_in_its_middle_has_not_begun_there() -> None:
    """After a pause, or when the first stamps were lost."""
    track = Track()
    track.stamp(0, stamp(2, 30_000))
    assert track.began is None
    assert list(track.stretches(0, FRAME)) == [Stretch(2, 30_000, FRAME)]


def test_silence_begins_with_the_stamp_that_says_so() -> None:
    """And what was audible before it can still be asked for."""
    track = followed([0] * 10)
    track.stamp(10 * FRAME, audio.Playhead())
    assert not track.audible
    assert list(track.stretches(9 * FRAME, 2 * FRAME)) == [Stretch(1, 9 * FRAME, FRAME), Stretch(0, 10 * FRAME, FRAME)]


def test_a_position_that_stands_still_is_silence_until_it_moves() -> None:
    """A speaker that has run dry: after 60 ms it counts as silent, and then goes on where it stood."""
    track = followed([0] * 10)
    for index in range(10, 20):
        track.stamp(index * FRAME, stamp(1, 9 * FRAME))
    assert not track.audible
    track.stamp(20 * FRAME, stamp(1, 10 * FRAME))
    assert track.audible
    assert track.position(20 * FRAME) == 10 * FRAME
    assert track.began is None


def test_a_reply_that_is_expected_counts_from_there_until_a_stamp_says_better() -> None:
    """Before its first stamp it is there to be asked for; then the stamp holds, earlier or later."""
    track = Track()
    track.stamp(0, audio.Playhead())
    track.expect(3, 2 * FRAME)
    track.stamp(FRAME, audio.Playhead())
    assert list(track.stretches(FRAME, 2 * FRAME)) == [Stretch(0, FRAME, FRAME), Stretch(3, 0, FRAME)]
    assert not track.audible
    track.stamp(3 * FRAME, stamp(3, 640))
    assert track.began == FRAME
    assert list(track.stretches(0, 2 * FRAME)) == [Stretch(0, 0, FRAME), Stretch(3, 0, FRAME)]


def test_what_is_expected_in_vain_is_given_up() -> None:
    """300 ms after its time, or at once when it was flushed."""
    late, flushed = Track(), Track()
    for track in (late, flushed):
        track.stamp(0, audio.Playhead())
        track.expect(3, FRAME)
    flushed.expect_nothing()
    late.stamp(FRAME + AWAITED, audio.Playhead())
    assert list(late.stretches(FRAME, FRAME)) == [Stretch(3, 0, FRAME)]
    late.stamp(2 * FRAME + AWAITED, audio.Playhead())
    for track in (late, flushed):
        assert list(track.stretches(FRAME, FRAME)) == [Stretch(0, FRAME, FRAME)]
