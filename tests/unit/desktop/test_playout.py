"""What the speaker plays and what the client says of it are the same, whatever comes in whatever order."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from clients.desktop.happenings import Dry, FirstSample, Happening, LastSample, Silent
from clients.desktop.playhead import NOWHERE, Playhead
from clients.desktop.playout import Playout
from clients.desktop.sound import SPEAKER_FRAME_SAMPLES as FRAME

from .signals import pull, reply_pcm, reply_samples

FADE = 120
"""5 ms."""


def fed(*replies: int, samples: int = 2400, ended: bool = True, **options: float) -> Playout:
    """Return a playout that has received these replies whole."""
    playout = Playout(**options)
    for reply in replies:
        playout.receive(reply, 0, reply_pcm(reply, 0, samples))
        if ended:
            playout.ended(reply)
    return playout


def pull_all(playout: Playout, frames: int = 12) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    """Return the next frames as one."""
    return np.concatenate([pull(playout, FRAME) for _ in range(frames)])


@st.composite
def pieces(draw: st.DrawFn, length: int) -> list[tuple[int, int]]:
    """Cut a reply into pieces (position, samples), repeat some, and shuffle them."""
    cuts = sorted(draw(st.sets(st.integers(1, length - 1), max_size=8)) | {0, length})
    cut = [(begin, end - begin) for begin, end in pairwise(cuts)]
    twice = draw(st.lists(st.tuples(st.integers(0, length - 1), st.integers(0, 700)), max_size=4))
    return draw(st.permutations(cut + [(begin, min(size, length - begin)) for begin, size in twice]))


@settings(deadline=None)
@given(pieces(3000), st.lists(st.integers(1, 900), min_size=1, max_size=6))
def test_any_order_and_slicing_plays_the_reply_once(cut: list[tuple[int, int]], pulls: list[int]) -> None:
    """Pieces out of order and twice over, pulled in any sizes, come out as the reply, whole and in order."""
    playout = Playout()
    for position, samples in cut:
        playout.receive(1, position, reply_pcm(1, position, samples))
    playout.ended(1)
    played = np.concatenate([pull(playout, size) for size in pulls] + [pull_all(playout)])
    assert np.array_equal(played[:3000], reply_samples(1, 0, 3000))
    assert not played[3000:].any()
    assert playout.underruns == 0
    assert playout.dropped_samples == sum(samples for _, samples in cut) - 3000


Action = tuple[str, int]
actions = st.lists(
    st.one_of(
        st.tuples(st.just("pull"), st.integers(1, 700)),
        st.tuples(st.just("receive"), st.integers(1, 1200)),
        st.tuples(st.just("hole"), st.integers(1, 300)),
        st.tuples(st.just("next"), st.booleans().map(int)),
        st.tuples(st.just("flush"), st.integers(-1, 2)),
        st.tuples(st.just("old flush"), st.integers(0, 9)),
    ),
    min_size=5,
    max_size=40,
)


@settings(max_examples=200, deadline=None)
@given(actions, st.sampled_from([0, 100, 480, 1000]), st.sampled_from([0, 20]))
def test_bookkeeping_equals_what_was_played(todo: list[Action], latency: int, prebuffer_ms: int) -> None:
    """Every sample at the output is the one the playhead names; after a flush a dead reply fades for 5 ms at most."""
    playout = Playout(prebuffer_ms)
    playout.latency_samples = latency
    reply, position, seq = 1, 0, 10
    told: list[Happening] = []
    flushes = 0
    for action, number in todo:
        if action == "pull":
            _check_pull(playout, number)
        elif action == "receive":
            playout.receive(reply, position, reply_pcm(reply, position, number))
            position += number
        elif action == "hole":
            position += number
        elif action == "next":
            if number:
                playout.ended(reply)
            reply, position = reply + 1, 0
        else:
            flushes += 1
            seq += action == "flush"
            playout.flush(seq if action == "flush" else number, max(0, reply + number - 1))
            reply, position = (max(reply, playout.floor) + 1, 0) if action == "flush" else (reply, position)
        told += playout.happenings()
    for _ in range(4):
        _check_pull(playout, 1000)
        told += playout.happenings()
    assert sum(isinstance(happening, Silent) for happening in told) == flushes
    _check_told(told)


def _check_pull(playout: Playout, samples: int) -> None:
    """Pull, and compare each sample with the one the log says stands there."""
    begin, floor = playout.handed, playout.floor
    block = pull(playout, samples)
    assert len(block) == samples
    for index in range(0, samples, 7):
        head = playout._log.audible_at(begin + index)
        span_sounds = playout._log.at(begin + index + 1) != playout._log.at(begin + index)
        if block[index] and head.reply > floor:
            assert block[index] == reply_samples(head.reply, head.position, 1)[0]
        if block[index]:
            assert span_sounds
    if dead := [i for i in range(samples) if block[i] and playout._log.at(begin + i).reply <= floor]:
        assert max(dead) < FADE


def _check_told(told: list[Happening]) -> None:
    """What is told is in order: a reply begins once, ends at most once, and goes no way but on."""
    begun = [happening.playhead.reply for happening in told if isinstance(happening, FirstSample)]
    assert begun == sorted(set(begun))
    heads = [happening.playhead for happening in told if isinstance(happening, FirstSample | LastSample | Dry)]
    assert heads == sorted(heads)


def test_replies_follow_each_other_without_a_gap() -> None:
    """A higher reply begins at the sample after the lower one's last, in the middle of a frame."""
    playout = fed(1, 2, samples=700)
    played = pull_all(playout, 4)
    assert np.array_equal(played[:1400], np.concatenate([reply_samples(1, 0, 700), reply_samples(2, 0, 700)]))
    assert playout.happenings() == [
        FirstSample(0, Playhead(1, 0)),
        LastSample(700, Playhead(1, 700)),
        FirstSample(700, Playhead(2, 0)),
        LastSample(1400, Playhead(2, 700)),
    ]


def test_higher_reply_ends_the_lower_one() -> None:
    """A lost ReplyEnded does not hold the next reply up, and what comes late of the lower one is dropped."""
    playout = fed(1, 2, samples=480, ended=False)
    assert np.array_equal(pull_all(playout, 2), np.concatenate([reply_samples(r, 0, 480) for r in (1, 2)]))
    playout.receive(1, 480, reply_pcm(1, 480, 480))
    assert not pull(playout, FRAME).any()
    assert playout.dropped_samples == 480


def test_playhead_lags_by_the_device_latency() -> None:
    """A sample counts as played only when the device has let it out."""
    playout = fed(1)
    playout.latency_samples = 700
    for position in (0, 0, 260, 740):
        pull(playout, FRAME)
        assert playout.playhead() == playout.audible() == Playhead(1, position)
    assert playout.audible(480) == Playhead(1, 260)


def test_nothing_is_audible_before_and_after_a_reply() -> None:
    """The stamp names a reply from its first sample to its last, the report's playhead also after it."""
    playout = fed(3, samples=480)
    assert playout.audible() == NOWHERE
    pull(playout, FRAME)
    assert playout.audible() == Playhead(3, 0)
    pull(playout, FRAME)
    assert playout.audible() == NOWHERE
    assert playout.playhead() == Playhead(3, 480)


def test_stall_is_an_underrun_once_the_reply_goes_on() -> None:
    """Running dry counts when more audio proves that it was in mid-reply; the position stands still meanwhile."""
    playout = fed(1, samples=480, ended=False)
    pull_all(playout, 3)
    assert playout.underruns == 0
    assert playout.audible() == Playhead(1, 480), "a short stall is not the end"
    playout.receive(1, 480, reply_pcm(1, 480, 480))
    assert np.array_equal(pull(playout, FRAME), reply_samples(1, 480, 480))
    pull(playout, FRAME)
    assert playout.underruns == 1
    assert playout.happenings() == [FirstSample(0, Playhead(1, 0)), Dry(1440, Playhead(1, 480))]


def test_long_stall_is_not_audible() -> None:
    """A reply whose audio stays away for 400 ms no longer marks the microphone's frames."""
    playout = fed(1, samples=480, ended=False)
    pull_all(playout, 30)
    assert playout.audible() == NOWHERE
    assert playout.underway


def test_late_end_is_no_underrun() -> None:
    """When ReplyEnded comes after the last sample was played, the reply ended there, and nothing ran dry."""
    playout = fed(1, samples=480, ended=False)
    pull_all(playout, 4)
    playout.ended(1)
    assert playout.happenings()[-1] == LastSample(480, Playhead(1, 480))
    assert playout.underruns == 0
    assert not playout.underway


def test_short_hole_is_silence_and_keeps_time() -> None:
    """Missing samples are played as silence, so that what follows stands at its own position."""
    playout = Playout()
    playout.receive(1, 0, reply_pcm(1, 0, 100))
    playout.receive(1, 200, reply_pcm(1, 200, 280))
    played = pull(playout, FRAME)
    assert not played[100:200].any()
    assert np.array_equal(played[200:], reply_samples(1, 200, 280))
    pull(playout, FRAME)
    assert playout.playhead() == Playhead(1, 480)


def test_long_hole_is_skipped_and_the_playhead_stays_true() -> None:
    """Of a hole beyond 500 ms the rest is left out: nobody waits in silence for a fault, and the position is right."""
    playout = Playout()
    playout.receive(1, 0, reply_pcm(1, 0, 480))
    playout.receive(1, 10**12, reply_pcm(1, 10**12, 480))
    played = pull_all(playout, 28)
    assert np.array_equal(played[480 + 12_000 : 960 + 12_000], reply_samples(1, 10**12, 480))
    assert playout.playhead() == Playhead(1, 10**12 + 480)


def test_reply_that_begins_late_is_played_from_there() -> None:
    """A client that joins in mid-reply hears it at once, at its true position."""
    playout = Playout()
    playout.receive(4, 9600, reply_pcm(4, 9600, 480))
    assert np.array_equal(pull(playout, FRAME), reply_samples(4, 9600, 480))
    pull(playout, FRAME)
    assert playout.happenings()[0] == FirstSample(0, Playhead(4, 9600))


def test_prebuffer_waits_for_enough_or_for_the_end() -> None:
    """A reply begins once 20 ms are there; a shorter one begins when it is known to be whole."""
    playout = Playout(prebuffer_ms=20)
    playout.receive(1, 0, reply_pcm(1, 0, 200))
    assert not pull(playout, FRAME).any()
    playout.ended(1)
    assert np.array_equal(pull(playout, 200), reply_samples(1, 0, 200))
    playout.receive(2, 0, reply_pcm(2, 0, 480))
    assert np.array_equal(pull(playout, FRAME), reply_samples(2, 0, 480))


def test_flush_fades_within_5_ms_and_drops_the_rest() -> None:
    """After a flush 120 fading samples are left, then silence; the answer names the last of them."""
    playout = fed(1, 2)
    pull(playout, FRAME)
    playout.flush(seq=1, floor=2)
    faded = pull(playout, FRAME)
    original = reply_samples(1, 480, FADE)
    assert np.all(np.diff(faded[:FADE] / original) < 0.001), "it only gets quieter"
    assert faded[0] > 0.9 * original[0]
    assert not faded[FADE - 1 :].any()
    assert not pull_all(playout).any()
    assert playout.dropped_samples == 2 * 2400 - 480 - FADE
    silent = Silent(480 + FADE, Playhead(1, 480 + FADE), seq=1)
    assert playout.happenings() == [FirstSample(0, Playhead(1, 0)), silent]
    assert playout.playhead() == silent.playhead
    assert playout.audible() == NOWHERE


def test_flush_is_answered_within_the_frame() -> None:
    """The answer is there as soon as the frame with the fade was given to a device without latency."""
    playout = fed(1)
    pull(playout, FRAME)
    playout.flush(seq=1, floor=1)
    pull(playout, FRAME)
    assert [h.seq for h in playout.happenings() if isinstance(h, Silent)] == [1]


def test_flush_waits_for_the_device_but_not_for_a_slow_one() -> None:
    """The answer waits until the device is silent, at most 100 ms; the position is exact in both cases."""
    for latency, frames in ((960, 3), (9600, 5)):
        playout = fed(1, samples=24_000)
        playout.latency_samples = latency
        pull_all(playout, 30)
        playout.happenings()
        playout.flush(seq=1, floor=1)
        answered_after = 0
        while not (told := [h for h in playout.happenings() if isinstance(h, Silent)]):
            pull(playout, FRAME)
            answered_after += 1
        assert answered_after == frames
        assert told == [Silent(30 * FRAME + FADE, Playhead(1, 30 * FRAME + FADE), seq=1)]


def test_flush_with_nothing_to_silence_is_answered_at_once() -> None:
    """A flush before any reply, or after one was played, has its answer without waiting for the device."""
    playout = Playout()
    playout.flush(seq=1, floor=0)
    assert playout.happenings() == [Silent(0, NOWHERE, seq=1)]
    playout.receive(1, 0, reply_pcm(1, 0, 480))
    playout.ended(1)
    pull_all(playout, 3)
    playout.happenings()
    playout.flush(seq=2, floor=1)
    assert playout.happenings() == [Silent(960, Playhead(1, 480), seq=2)]


def test_audio_at_or_below_the_floor_never_sounds_again() -> None:
    """Late audio of a dead reply is dropped and counted, a reply above the floor is heard."""
    playout = Playout()
    playout.flush(seq=1, floor=5)
    playout.receive(5, 0, reply_pcm(5, 0, 480))
    playout.ended(5)
    assert not pull(playout, FRAME).any()
    assert playout.dropped_samples == 480
    playout.receive(6, 0, reply_pcm(6, 0, 480))
    assert np.array_equal(pull(playout, FRAME), reply_samples(6, 0, 480))


def test_flush_kills_what_the_interrupter_had_not_heard_of() -> None:
    """A floor below the reply that is buffered still silences it: vad may not know that reply yet."""
    playout = fed(1, 2, samples=480)
    playout.flush(seq=1, floor=1)
    playout.receive(2, 480, reply_pcm(2, 480, 480))
    assert not pull_all(playout, 3).any()


def test_old_flush_is_harmless_and_answered() -> None:
    """A flush at or below the last number seen changes nothing, and is answered with the truth of the moment."""
    playout = Playout()
    playout.flush(seq=7, floor=1)
    playout.receive(2, 0, reply_pcm(2, 0, 1440))
    pull(playout, FRAME)
    playout.happenings()
    playout.flush(seq=3, floor=9)
    playout.flush(seq=7, floor=1)
    assert np.array_equal(pull(playout, FRAME), reply_samples(2, 480, 480))
    assert {happening.seq for happening in playout.happenings() if isinstance(happening, Silent)} == {3, 7}


def test_flush_again_with_a_higher_floor_counts() -> None:
    """The same verdict may come twice, the second time with the floor the broker added."""
    playout = Playout()
    playout.flush(seq=7, floor=1)
    playout.receive(2, 0, reply_pcm(2, 0, 1440))
    pull(playout, FRAME)
    playout.flush(seq=7, floor=2)
    assert not pull(playout, FRAME)[FADE:].any()
    assert not pull(playout, FRAME).any()


def test_duck_lowers_within_20_ms_and_release_undoes_it() -> None:
    """A duck of 20 dB is complete one frame later, and gone one frame after the release."""
    playout = fed(1, samples=24_000)
    playout.duck(seq=1, gain_db=-20)
    pull(playout, FRAME)
    assert np.allclose(pull(playout, FRAME), reply_samples(1, 480, 480) * 0.1, atol=0.5)
    playout.release(seq=2)
    pull(playout, FRAME)
    assert np.array_equal(pull(playout, FRAME), reply_samples(1, 1440, 480))


def test_duck_and_release_with_old_numbers_are_ignored() -> None:
    """A verdict that comes late does not lower or raise what a later one has settled."""
    playout = fed(1, samples=24_000)
    playout.release(seq=5)
    playout.duck(seq=5, gain_db=-20)
    playout.duck(seq=4, gain_db=-20)
    assert np.array_equal(pull_all(playout, 3), reply_samples(1, 0, 3 * FRAME))
    playout.duck(seq=6, gain_db=-20)
    playout.release(seq=6)
    pull(playout, FRAME)
    assert playout.ducked


def test_duck_without_a_verdict_undoes_itself() -> None:
    """After 800 ms the reply is back at full level by itself."""
    playout = fed(1, samples=48_000)
    playout.duck(seq=1, gain_db=-20)
    played = pull_all(playout, 50)
    whole = reply_samples(1, 0, 50 * FRAME)
    assert np.allclose(played[480:19_200], whole[480:19_200] * 0.1, atol=0.5)
    assert np.array_equal(played[19_200 + 480 :], whole[19_200 + 480 :])


def test_reply_after_a_flush_is_at_full_level() -> None:
    """The duck dies with the reply it lowered; the fade starts from the lowered level."""
    playout = fed(1, samples=24_000)
    playout.duck(seq=1, gain_db=-20)
    pull_all(playout, 2)
    playout.flush(seq=2, floor=1)
    assert pull(playout, FRAME).max() <= 2100
    playout.receive(2, 0, reply_pcm(2, 0, 480))
    assert np.array_equal(pull(playout, FRAME), reply_samples(2, 0, 480))


def test_reply_without_audio_ends() -> None:
    """A reply of which no sample came is over all the same, and nothing of it was heard."""
    playout = Playout()
    playout.ended(1)
    pull_all(playout, 1)
    assert playout.happenings() == [LastSample(0, Playhead(1, 0))]


def test_more_than_the_largest_buffer_is_refused() -> None:
    """A server that sends two minutes ahead can't fill the client's memory."""
    playout = Playout()
    for minute in range(3):
        playout.receive(1, minute * 1_440_000, bytes(2_880_000))
    assert playout.buffered_samples == 2_880_000
    assert playout.dropped_samples == 1_440_000


def test_unplayed_samples_count_what_the_device_holds() -> None:
    """What is buffered here and what the device has not let out are both still to be heard."""
    playout = fed(1, samples=2400)
    playout.latency_samples = 480
    pull_all(playout, 3)
    assert playout.buffered_samples == 2400 - 3 * FRAME
    assert playout.unplayed_samples == 2400 - FRAME
