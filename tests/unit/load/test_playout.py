"""The simulated loudspeaker: it plays by the clock what has come, and says so as a client must."""

from __future__ import annotations

import pytest

from tests.load.playout import HZ, Playout


def test_a_reply_begins_after_the_prebuffer_and_goes_on_by_the_clock() -> None:
    """Nothing is audible for 60 ms; from then on the playhead is where the clock says, up to what has come."""
    playout = Playout()
    assert playout.feed(10.0, 1, 0, HZ // 2)
    assert playout.playhead(10.05) == (0, 0)
    reply, position = playout.playhead(10.16)
    assert (reply, round(position, -1)) == (1, 2_400)
    assert playout.playhead(11.0) == (1, HZ // 2)


def test_the_first_sample_each_200_ms_and_the_end_are_reported() -> None:
    """Polled every 20 ms, a reply of half a second gives four reports, the last of which says that it ended."""
    playout = Playout()
    playout.feed(0.0, 4, 0, HZ // 2)
    playout.end(4, HZ // 2)
    reports = [report for tick in range(3, 60) if (report := playout.poll(tick * 0.02)) is not None]
    assert [report.position * 1000 / HZ for report in reports] == pytest.approx([0, 200, 400, 500], abs=1)
    assert [report.ended for report in reports] == [False, False, False, True]
    assert (reports[0].reply, reports[0].buffered_ms, reports[0].underruns) == (4, 500, 0)
    assert playout.playhead(2.0) == (0, 0)


def test_a_speaker_that_ran_dry_goes_on_when_more_comes() -> None:
    """After an underrun the reply goes on from where it stood; the pause is counted."""
    playout = Playout()
    playout.feed(0.0, 1, 0, 2_400)  # 100 ms: dry at 160 ms
    playout.feed(0.5, 1, 2_400, 2_400)
    assert playout.underruns == 1
    reply, position = playout.playhead(0.55)
    assert (reply, round(position, -1)) == (1, 2_400 + 1_200)


def test_when_the_first_sample_left_is_told_whatever_came_after_it() -> None:
    """60 ms after its first piece, though it ran dry; a second reply's, when the first is over."""
    playout = Playout()
    playout.feed(0.0, 1, 0, 480)  # 20 ms: dry at 80 ms
    playout.feed(0.1, 1, 480, 480)
    playout.end(1, 960)
    playout.feed(0.11, 2, 0, 2_400)
    reports = [report for now_s in (0.11, 0.13, 0.3) if (report := playout.poll(now_s)) is not None]
    begun = {report.reply: report.begun_s for report in reports}
    assert begun == {1: pytest.approx(0.06), 2: pytest.approx(0.17)}


def test_a_flush_says_what_was_audible_and_what_it_killed_stays_dead() -> None:
    """The answer holds the playhead of the moment; late audio up to the floor is refused, a later reply plays."""
    playout = Playout()
    playout.feed(0.0, 1, 0, HZ)
    flushed = playout.flush(0.31, floor=1)
    assert (flushed[0], round(flushed[1], -1)) == (1, 6_000)
    assert playout.playhead(0.4) == (0, 0)
    assert not playout.feed(0.4, 1, HZ, 480)
    assert playout.flush(0.5, floor=1) == flushed
    assert playout.feed(0.6, 2, 0, 480)


def test_replies_are_played_one_after_another() -> None:
    """A reply that comes early waits until the one before has ended."""
    playout = Playout()
    playout.feed(0.0, 1, 0, 4_800)
    playout.end(1, 4_800)
    playout.feed(0.1, 2, 0, 4_800)
    assert playout.playhead(0.2)[0] == 1
    ended = [report for tick in range(16) if (report := playout.poll(tick * 0.02)) is not None and report.ended]
    assert [report.reply for report in ended] == [1]
    assert playout.playhead(0.35)[0] == 2
