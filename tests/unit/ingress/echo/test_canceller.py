"""The echo canceller: the assistant's voice goes, the person's stays, however wrong the playheads are within 200 ms."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import soxr

from parley.v1 import audio_pb2 as audio
from services.ingress.echo import canceller as module
from services.ingress.echo.aec3 import LATENCY
from services.ingress.echo.canceller import EchoCanceller
from services.ingress.echo.watch import Trouble
from tests.unit.ingress.echo.living_room import FRAME, MS, STORY, Floats, LivingRoom, power_db, room, words

SECOND = 16_000


def story(seconds: float) -> Floats:
    """Return so much of the assistant's speech."""
    wave = words(STORY)
    return np.tile(wave, int(seconds * SECOND / len(wave)) + 1)[: int(seconds * SECOND)]


def losses(speaking: Floats, kept: Floats) -> list[float]:
    """Return by how many dB each loud frame of the person is quieter than it was said."""
    count = len(speaking) // FRAME
    pairs = zip(np.array_split(speaking, count), np.array_split(kept[: len(speaking)], count), strict=True)
    return [power_db(said) - power_db(left) for said, left in pairs if power_db(said) > -30]


def assert_gapless(frames: list[audio.AudioFrame]) -> None:
    """The clock of what vad gets has no hole and no overlap."""
    for before, after in pairwise(frames):
        assert after.mic_offset == before.mic_offset + len(before.pcm) // 2


@pytest.mark.parametrize("late_ms", [-200, -100, 0, 100, 200])
def test_the_echo_goes_whatever_the_misalignment(late_ms: int) -> None:
    """From the fourth second of the first replies on it is 15 dB lower at least, and nothing is complained of."""
    scene = LivingRoom([(SECOND, story(9))], 10.5, late_ms=late_ms).run()
    assert scene.reduction_db(5, 9.5) >= 15
    assert scene.said == []
    assert_gapless(scene.frames)


@pytest.mark.parametrize("late_ms", [-200, 0])
def test_the_next_reply_is_cancelled_from_its_first_sample(late_ms: int) -> None:
    """What was learnt from the first reply holds for the second, and its beginning is not missed."""
    first, second = story(6), words("And so they built a bridge, and nobody was hungry or late again.")
    scene = LivingRoom([(SECOND, first), (8 * SECOND, second)], 12, late_ms=late_ms).run()
    assert scene.reduction_db(8, 8.5) >= 15
    assert scene.reduction_db(8, 11) >= 15


@pytest.mark.parametrize("late_ms", [100, 200])
def test_late_playheads_cost_the_beginnings_of_the_first_replies_only(late_ms: int) -> None:
    """How long a reply takes to the speaker is learnt from the first; the next is expected, though sent 30 ms later."""
    first, second = story(6), words("And so they built a bridge, and nobody was hungry or late again.")
    replies = [(SECOND, first), (9 * SECOND, second)]
    scene = LivingRoom(replies, 13, late_ms=late_ms, held_up_ms={2: 30}).run()
    assert scene.reduction_db(9, 9.4) >= 10
    assert scene.reduction_db(9.4, 12) >= 15


def test_a_reply_that_is_expected_and_does_not_come_hurts_nobody() -> None:
    """The next reply is held up in the network for longer than ever; who speaks just then loses 1 dB at most."""
    speaking = words("Stop, that will do.", voice="en-us+m3")
    person = np.concatenate((np.zeros(9 * SECOND), speaking))
    first = story(6)
    scene = LivingRoom([(SECOND, first)], 12, late_ms=200, person=person)
    scene.at[9 * SECOND - 60 * MS] = lambda canceller: canceller.play(
        audio.ReplyAudio(reply=2, position=0, pcm=_whole(story(1)).pcm)
    )
    scene.run()
    assert np.median(losses(speaking, scene.clean[9 * SECOND :])) <= 1
    assert not scene.frames[-1].HasField("echo")


def test_a_reply_that_follows_at_once_is_cancelled() -> None:
    """One reply ends, the next begins 100 ms later: the reference changes over without a hole."""
    first, second = story(6), words("And so they built a bridge, and nobody was hungry or late again.")
    start = SECOND + len(first) + 100 * MS
    scene = LivingRoom([(SECOND, first), (start, second)], 11).run()
    assert scene.reduction_db(start / SECOND, start / SECOND + 1.5) >= 15


def test_the_person_is_kept_in_double_talk() -> None:
    """Over a speaking assistant, ducked as it would be, the person's loud frames lose 3 dB at most in the middle."""
    speaking = words("Stop, stop, that is not what I wanted to know at all.", voice="en-us+m3")
    begin = 6 * SECOND
    person = np.concatenate((np.zeros(begin), speaking))
    duck = begin + 160 * MS

    def gain(clock: int) -> float:
        return 0.1 if duck <= clock < duck + 800 * MS else 1.0

    ducked = {duck: lambda canceller: canceller.duck(-20.0)}
    scene = LivingRoom([(SECOND, story(9))], 10, person=person, gain=gain, at=ducked).run()
    assert np.median(losses(speaking, scene.clean[begin:])) <= 3
    assert scene.reduction_db(3, 6) >= 15


def test_without_a_reply_the_microphone_is_untouched() -> None:
    """The same samples, 8 ms later on their way but in their place, and no word about echo."""
    person = words("Is anybody there?")
    scene = LivingRoom([], 2, person=person).run()
    sent = np.rint(scene.microphone * 32_768).astype(np.int16)
    kept = np.rint(scene.clean * 32_768).astype(np.int16)
    assert np.array_equal(kept[:-LATENCY], sent[:-LATENCY])
    assert not any(frame.HasField("echo") for frame in scene.frames)
    assert_gapless(scene.frames)


def test_the_person_stands_in_the_same_place_after_cancelling() -> None:
    """The canceller's own delay is subtracted: what is left of the person correlates best with no shift."""
    speaking = words("Where is the station?")
    person = np.concatenate((np.zeros(4 * SECOND), speaking))
    scene = LivingRoom([(SECOND, story(2.5))], 6, person=person).run()  # its tail keeps the canceller at work
    kept = scene.clean[4 * SECOND : 4 * SECOND + len(speaking)]
    assert scene.frames[4 * 50 + 10].echo.cancelled
    size = 2 * len(speaking)
    cross = np.fft.irfft(np.fft.rfft(kept, size) * np.conj(np.fft.rfft(speaking, size)))
    shift = int(np.argmax(cross))
    assert min(shift, size - shift) <= 2


def test_a_flushed_reply_leaves_nothing_behind() -> None:
    """After a flush the reference is silent: the person who took the floor is heard as they are."""
    speaking = words("Stop. What about the other one?", voice="en-us+m3")
    flushed = 6 * SECOND
    person = np.concatenate((np.zeros(flushed + 300 * MS), speaking))
    scene = LivingRoom(
        [(SECOND, story(12))], 9, person=person, until={1: flushed}, at={flushed: EchoCanceller.release}
    ).run()
    span = slice(flushed + 300 * MS, flushed + 300 * MS + len(speaking))
    assert power_db(speaking) - power_db(scene.clean[span]) <= 1


def test_estimated_playheads_that_jitter_are_good_enough() -> None:
    """Guesses, each up to 40 ms off and late by 80 on average, do not keep the echo from going."""
    rng = np.random.default_rng(3)

    def guessed(playhead: audio.Playhead, clock: int) -> audio.Playhead:
        off = int(rng.integers(-40, 41)) * 24
        position = max(playhead.position + off, 0) if playhead.reply else 0
        return audio.Playhead(reply=playhead.reply, position=position, estimated=True)

    scene = LivingRoom([(SECOND, story(12))], 13.5, late_ms=80, stamp=guessed).run()
    assert scene.reduction_db(7, 12.5) >= 12


def test_a_stall_of_the_speaker_is_followed() -> None:
    """The speaker runs dry for 300 ms in mid-reply; what comes after it is cancelled as before."""
    first = story(4)
    rest = story(8)[len(first) :]
    stall = SECOND + len(first)

    def stalled(playhead: audio.Playhead, clock: int) -> audio.Playhead:
        if playhead.reply != 2:
            still = stall <= clock < stall + 300 * MS
            return audio.Playhead(reply=1, position=len(first) * 3 // 2) if still else playhead
        return audio.Playhead(reply=1, position=playhead.position + len(first) * 3 // 2)

    scene = LivingRoom([(SECOND, first), (stall + 300 * MS, rest)], 10, stamp=stalled)
    whole = np.concatenate((first, rest))
    scene.canceller.play(_whole(whole))
    scene.run()
    assert scene.reduction_db(stall / SECOND + 1, stall / SECOND + 4) >= 15


def test_a_microphone_that_pauses_gets_all_it_held_back() -> None:
    """Before a gap the 8 ms that were held come out; after it the clock goes on where the gap ended."""
    canceller = EchoCanceller(lambda trouble, text: None)
    loud = np.arange(1, FRAME + 1, dtype="<i2")
    first = canceller.feed(audio.AudioFrame(mic_offset=0, pcm=loud.tobytes()))
    rest = canceller.flush()
    assert b"".join(frame.pcm for frame in first + rest) == loud.tobytes()
    assert canceller.flush() == []
    after = canceller.feed(audio.AudioFrame(mic_offset=10 * FRAME, pcm=loud.tobytes()))
    assert [frame.mic_offset for frame in first + rest + after] == [0, FRAME - LATENCY, 10 * FRAME]
    assert after[0].pcm == loud.tobytes()[: -2 * LATENCY]


@pytest.mark.parametrize("size", [80, 192, 320, 441, 960, 3200])
def test_frames_of_any_length_make_one_clock(size: int) -> None:
    """However the client cuts its audio, no sample is lost or said twice, while echo is cancelled too."""
    canceller = EchoCanceller(lambda trouble, text: None)
    canceller.play(audio.ReplyAudio(reply=1, position=0, pcm=np.full(24_000, 900, "<i2").tobytes()))
    frames = []
    for clock in range(0, SECOND, size):
        pcm = np.zeros(size, "<i2").tobytes()
        playhead = audio.Playhead(reply=1, position=clock * 3 // 2)
        frames += canceller.feed(audio.AudioFrame(mic_offset=clock, pcm=pcm, playhead=playhead))
    assert_gapless(frames)
    assert frames[0].mic_offset == 0
    given = sum(len(frame.pcm) // 2 for frame in frames)
    assert 0 <= -(-SECOND // size) * size - given - LATENCY < 160


def test_a_long_hole_in_the_microphone_is_borne() -> None:
    """Ten seconds that were bridged come as one frame, while a reply is heard, and are given out whole."""
    canceller = EchoCanceller(lambda trouble, text: None)
    canceller.play(_whole(story(2)))
    frames = []
    for clock in range(0, SECOND, FRAME):
        playhead = audio.Playhead(reply=1, position=clock * 3 // 2)
        frames += canceller.feed(audio.AudioFrame(mic_offset=clock, pcm=bytes(2 * FRAME), playhead=playhead))
    frames += canceller.feed(audio.AudioFrame(mic_offset=SECOND, pcm=bytes(2 * 10 * SECOND)))
    assert_gapless(frames)
    assert sum(len(frame.pcm) // 2 for frame in frames) == 11 * SECOND - LATENCY


def test_what_may_be_left_of_the_echo_is_estimated() -> None:
    """At first all of it may be echo; once the canceller works, in pauses of the person, the estimate covers it."""
    scene = LivingRoom([(SECOND, story(9))], 10.5).run()
    states = [frame.echo for frame in scene.frames if frame.HasField("echo")]
    assert states[5].residual_db > -6
    late = states[-200:]
    assert all(state.cancelled for state in late)
    speaking = np.concatenate((np.zeros(6 * SECOND), words("That is not what I wanted to know at all.")))
    over = LivingRoom([(SECOND, story(9))], 10.5, person=speaking).run()
    loud = [
        frame.echo.residual_db
        for frame in over.frames
        if 6.2 * SECOND < frame.mic_offset < 8 * SECOND and power_db(_wave(frame)) > -30
    ]
    assert np.median(loud) < -12


def test_an_echo_out_of_reach_is_said_once_and_not_touched() -> None:
    """Playheads that are late by 480 ms: the log is told how wrong they are, and the person is left alone."""
    scene = LivingRoom([(SECOND, story(12))], 13, late_ms=480).run()
    assert [trouble for trouble, _ in scene.said] == [Trouble.MISALIGNED]
    assert " ms earlier than the playheads say" in scene.said[0][1]
    assert not scene.frames[-100].echo.cancelled
    assert scene.frames[-100].echo.residual_db == 0


def test_an_echo_that_no_playhead_explains_is_said() -> None:
    """Wrong by a second: nothing is found, nothing becomes quieter, and that is said."""
    scene = LivingRoom([(SECOND, story(18))], 18, late_ms=-1000).run()
    assert Trouble.UNREDUCED in [trouble for trouble, _ in scene.said]


def test_a_client_that_does_not_stamp_is_told_of() -> None:
    """Replies go out and no frame says that one is heard: there is no reference, and that is said."""
    scene = LivingRoom([(SECOND, story(9))], 9, stamp=lambda playhead, clock: audio.Playhead()).run()
    assert [trouble for trouble, _ in scene.said] == [Trouble.UNSTAMPED]


def test_without_the_wheel_all_passes_and_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every frame as it came, marked as possible echo while a reply is heard, and the log says what to install."""
    monkeypatch.setattr(module, "installed", lambda: False)
    scene = LivingRoom([(SECOND, story(2))], 4).run()
    assert [trouble for trouble, _ in scene.said] == [Trouble.MISSING]
    assert "pip install pywebrtc-audio" in scene.said[0][1]
    assert np.allclose(scene.clean, scene.microphone, atol=1e-4)
    marked = [frame.mic_offset for frame in scene.frames if frame.HasField("echo")]
    assert marked[0] >= SECOND
    assert not any(frame.echo.cancelled for frame in scene.frames)


def test_memory_is_bounded_by_what_may_still_be_played() -> None:
    """After minutes of replies the reference holds the lead and half a second."""
    scene = LivingRoom([(SECOND, story(9))], 9.9).run()
    assert len(scene.canceller.reference) <= (500 + 2 * 130) * MS


def test_a_dead_room_is_no_reason_for_complaint() -> None:
    """Headphones after all: no echo, nothing to cancel, nothing to say, and most of the person is kept."""
    speaking = words("Stop, I have heard enough.", voice="en-us+m3")
    person = np.concatenate((np.zeros(8 * SECOND), speaking))
    scene = LivingRoom([(SECOND, story(12))], 13, person=person, room=lambda wave: room(wave, -90)).run()
    assert scene.said == []
    assert np.median(losses(speaking, scene.clean[8 * SECOND :])) <= 1


def _wave(frame: audio.AudioFrame) -> Floats:
    return np.frombuffer(frame.pcm, "<i2") / 32_768


def _whole(wave: Floats) -> audio.ReplyAudio:
    """Return a reply as one piece, at 24 kHz."""
    pcm = np.rint(soxr.resample(wave, 16_000, 24_000) * 32_768).astype("<i2")
    return audio.ReplyAudio(reply=1, position=0, pcm=pcm.tobytes())
