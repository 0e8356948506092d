"""The interruption rule: scripted voice activity and opinions, and what must hold whatever is heard."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.vad.content.head import Moment
from services.vad.content.listener import HEARD_SAMPLES, Opinion
from services.vad.interruption import Decision, InterruptionRule, Verdict, Why
from services.vad.interruption_settings import InterruptionSettings
from services.vad.loudness import Loudness
from services.vad.voice import WINDOW_SAMPLES, VoiceWindow
from tests.unit.vad.signals import frames, hiss, hum, pcm, silence, vowel

WINDOW_MS = 32
FRAME_SAMPLES = 320
SPEECH, QUIET = 0.9, 0.05

STOP = Opinion("stop", 0.95, 0.02, 0.02, 0.01)
PHRASE = Opinion("no", 0.05, 0.9, 0.03, 0.02)
YEAH = Opinion("no", 0.1, 0.05, 0.8, 0.05)
COUGH = Opinion("no", 0.02, 0.03, 0.05, 0.9)
UNSURE = Opinion("no", 0.25, 0.25, 0.4, 0.1)


class Scripted:
    """A listener that says what it is told to, and remembers what it was asked."""

    def __init__(self, *opinions: tuple[int, Opinion]) -> None:
        """Give each opinion from so many ms after the onset on."""
        self._opinions = opinions
        self.moments: list[Moment] = []

    def hear(self, samples: NDArray[np.int16], moment: Moment) -> Opinion:
        """Return the opinion of the moment."""
        assert samples.shape == (HEARD_SAMPLES,)
        self.moments.append(moment)
        return [opinion for since_ms, opinion in self._opinions if since_ms <= moment.elapsed_ms][-1]


def says(*opinions: tuple[int, Opinion] | Opinion) -> InterruptionRule:
    """Return a rule whose listener is scripted; an opinion alone holds from the beginning."""
    return InterruptionRule(Scripted(*(given if isinstance(given, tuple) else (0, given) for given in opinions)))


def spoken(start_ms: int, length_ms: int, total_ms: int) -> list[float]:
    """Script voice activity: speech for `length_ms` from `start_ms` on."""
    ends = range(WINDOW_MS, total_ms + 1, WINDOW_MS)
    return [SPEECH if start_ms < end <= start_ms + length_ms else QUIET for end in ends]


def run(rule: InterruptionRule, script: list[float], audio: bytes | None = None) -> list[Verdict]:
    """Play frames and windows as they would arrive: a window right after the frame that completes it."""
    found: list[Verdict | None] = []
    if audio is None:
        audio = pcm(vowel(len(script) * 0.032 + 0.04))
        rule.loudness.feed(pcm(silence(0.02)))
    cut = frames(audio)
    for index in range(len(script)):
        end = (index + 1) * WINDOW_SAMPLES
        while cut and (len(audio) // 640 - len(cut)) * FRAME_SAMPLES < end:
            frame = cut.pop(0)
            rule.loudness.feed(frame)
            rule.hear(frame)
        found.append(rule.feed(VoiceWindow(end, script[index])))
    return [verdict for verdict in found if verdict]


def steps(verdicts: list[Verdict]) -> list[tuple[Decision, Why]]:
    """Leave the clock out."""
    return [(verdict.decision, verdict.why) for verdict in verdicts]


def waited_ms(verdict: Verdict) -> int:
    """Return how long after the onset it came."""
    return (verdict.at_sample - verdict.onset_sample) // 16


DUCK = (Decision.DUCK, Why.ONSET)


def test_a_stop_word_beyond_doubt_cancels_at_the_first_asking() -> None:
    """Duck at the first voiced window, cancel at the first asking; the onset is where the voice began."""
    verdicts = run(says(STOP), spoken(320, 480, 1600))
    assert steps(verdicts) == [DUCK, (Decision.CANCEL, Why.WORD)]
    assert {verdict.onset_sample for verdict in verdicts} == {320 * 16}
    assert [waited_ms(verdict) for verdict in verdicts] == [32, 192]
    assert verdicts[1].opinion is STOP
    assert verdicts[1].confidence == pytest.approx(0.97)


def test_one_surprising_opinion_is_not_enough() -> None:
    """Opinions are averaged with the one before: a flicker between two others cancels nothing."""
    verdicts = run(says(YEAH, (224, STOP), (288, YEAH)), spoken(320, 320, 1600))
    assert steps(verdicts) == [DUCK, (Decision.RELEASE, Why.BACKCHANNEL)]


def test_a_phrase_cancels_as_a_phrase() -> None:
    """What cancels is named: a word, or speech that goes on."""
    assert steps(run(says(PHRASE), spoken(320, 800, 1600))) == [DUCK, (Decision.CANCEL, Why.PHRASE)]


def test_what_is_half_sure_has_to_go_on() -> None:
    """Even odds are too little for a word, enough for half a second of speech."""
    verdicts = run(says(UNSURE), spoken(320, 900, 1920))
    assert steps(verdicts) == [DUCK, (Decision.CANCEL, Why.PHRASE)]
    assert waited_ms(verdicts[1]) == 576
    assert steps(run(says(UNSURE), spoken(320, 320, 1600))) == [DUCK, (Decision.RELEASE, Why.BACKCHANNEL)]


def test_a_backchannel_is_released_when_it_is_over() -> None:
    """A "yeah" ducks; after `release_ms` of silence the reply is back."""
    verdicts = run(says(YEAH), spoken(320, 320, 1600))
    assert steps(verdicts) == [DUCK, (Decision.RELEASE, Why.BACKCHANNEL)]
    assert waited_ms(verdicts[1]) == 320 + 128
    assert verdicts[1].confidence == pytest.approx(0.85)


def test_noise_is_released_as_noise() -> None:
    """A cough is told from a backchannel."""
    assert steps(run(says(COUGH), spoken(320, 256, 1280))) == [DUCK, (Decision.RELEASE, Why.NOISE)]


def test_a_hum_never_cancels_however_long() -> None:
    """A long "mmm" releases the duck when its patience is at an end; humming on changes nothing."""
    verdicts = run(says(Opinion("no", 0.02, 0.05, 0.9, 0.03)), spoken(320, 2000, 2880))
    assert steps(verdicts) == [DUCK, (Decision.RELEASE, Why.TIMEOUT)]
    assert verdicts[1].at_sample - verdicts[0].at_sample == 800 * 16


def test_what_becomes_clear_late_still_cancels() -> None:
    """After a release for want of clarity the person goes on: once it is speech, they get the floor."""
    verdicts = run(says(COUGH, (1100, PHRASE)), spoken(320, 2000, 2880))
    assert steps(verdicts) == [DUCK, (Decision.RELEASE, Why.TIMEOUT), (Decision.CANCEL, Why.PHRASE)]


def test_a_word_may_be_recognised_when_it_is_over() -> None:
    """When nothing more will come, less certainty is enough."""
    almost = Opinion("stop", 0.62, 0.0, 0.3, 0.08)
    verdicts = run(says(YEAH, (288, almost)), spoken(320, 320, 1600))
    assert steps(verdicts) == [DUCK, (Decision.CANCEL, Why.WORD)]
    assert waited_ms(verdicts[1]) > 320


def test_a_faint_click_does_not_even_duck() -> None:
    """A sound that hardly stands over the room has to last for `duck_ms`; nobody is asked what it was."""
    listener = Scripted((0, STOP))
    click = pcm(hiss(0.34) * 0.1, vowel(0.04) * 0.1, hiss(0.6) * 0.1)
    assert run(InterruptionRule(listener), spoken(320, 32, 960), click) == []
    assert listener.moments == []


def test_a_click_that_is_clear_ducks_for_a_moment() -> None:
    """Ducking is cheap to undo, so a clear sound is given the benefit of the doubt: it is over 128 ms later."""
    duck, release = run(says(COUGH), spoken(320, 32, 960), pcm(silence(0.3), vowel(0.1), silence(0.6)))
    assert (release.decision, release.at_sample - duck.at_sample) == (Decision.RELEASE, 128 * 16)


def test_in_noise_a_word_that_cannot_be_told_counts_half() -> None:
    """Noise masks the hisses of a "stop": where the voice hardly stands over it, another word may have been one."""
    word = Opinion("stop", 0.32, 0.02, 0.06, 0.02, single_word=0.58)
    clear = run(says(word), spoken(320, 320, 1600), pcm(hiss(0.32) * 0.001, vowel(0.34), silence(1.0)))
    assert steps(clear)[1:] == [(Decision.RELEASE, Why.BACKCHANNEL)]
    noisy = hiss(1.7)
    noisy[5_120 : 5_120 + 5_440] += vowel(0.34)
    assert steps(run(says(word), spoken(320, 320, 1600), pcm(noisy)))[1:] == [(Decision.CANCEL, Why.WORD)]


def test_hysteresis_bridges_weak_windows_but_does_not_start_on_them() -> None:
    """A probability between off and on continues speech and never begins it."""
    rule = says(YEAH)
    assert run(rule, [0.38] * 40) == []
    rule.reset()
    assert steps(run(rule, [0.6] + [0.37] * 3)) == [DUCK]


def test_a_second_onset_gets_its_own_verdict() -> None:
    """After a release and some silence, the next sound is ducked and judged on its own merits."""
    verdicts = run(says(YEAH), spoken(320, 256, 960) + spoken(0, 256, 640))
    assert steps(verdicts) == [DUCK, (Decision.RELEASE, Why.BACKCHANNEL)] * 2
    assert verdicts[2].onset_sample == 960 * 16


def test_a_sound_as_soft_as_the_room_is_none() -> None:
    """Voice activity is deaf to level: what does not stand over the room's noise does not duck."""
    room = pcm(hiss(2.0) * 0.02)
    assert run(says(STOP), [QUIET] * 20 + [SPEECH] * 30, room) == []
    over = pcm(hiss(0.64) * 0.02, vowel(1.36))
    assert steps(run(says(STOP), [QUIET] * 20 + [SPEECH] * 30, over))[:1] == [DUCK]


def test_a_frame_that_is_all_echo_starts_nothing() -> None:
    """Where ingress says that a frame is mostly the assistant's own voice, it tells nothing of the person."""
    rule, sound = says(STOP), frames(pcm(vowel(1.0)))
    for number, frame in enumerate(sound):
        rule.loudness.feed(frame)
        rule.hear(frame, echo_db=-1.0)
        if (number + 1) * FRAME_SAMPLES % WINDOW_SAMPLES == 0:
            assert rule.feed(VoiceWindow((number + 1) * FRAME_SAMPLES, SPEECH)) is None


def test_far_below_the_person_is_not_the_person() -> None:
    """Once the person has spoken, a voice 30 dB under theirs is the assistant's echo."""
    loudness = Loudness()
    for frame in frames(pcm(vowel(1.0))):
        loudness.feed(frame)
        loudness.spoke()
    rule = InterruptionRule(Scripted((0, STOP)), loudness)
    soft = pcm(silence(0.64), vowel(1.36) * 10 ** (-30 / 20))
    assert run(rule, [QUIET] * 20 + [SPEECH] * 30, soft) == []


def test_interruptibility_orders_the_thresholds() -> None:
    """What is hard to interrupt needs more certainty than what is easy, at every moment."""
    low, normal, high = InterruptionSettings.low(), InterruptionSettings.normal(), InterruptionSettings.high()
    for name in ("sure_first", "sure_later", "sure_over", "sure_phrase"):
        assert getattr(low, name) > getattr(normal, name) > getattr(high, name)


def test_reset_forgets_the_onset_and_sets_the_clock() -> None:
    """When the assistant becomes audible again the rule starts afresh at the microphone's present sample."""
    rule = says(YEAH)
    run(rule, spoken(0, 320, 320))
    rule.reset(at_sample=100_000)
    assert rule.feed(VoiceWindow(100_000 + WINDOW_SAMPLES, QUIET)) is None
    with pytest.raises(ValueError, match="heard already"):
        rule.feed(VoiceWindow(100_000, SPEECH))


def test_a_frame_of_another_length_is_refused() -> None:
    """Frames are 20 ms: the sound before a window is found by counting them."""
    with pytest.raises(ValueError, match="20 ms"):
        says(YEAH).hear(bytes(320))


def test_a_gap_in_the_windows_is_silence() -> None:
    """Windows that were never fed (the microphone fell silent on the wire) end the speech before them."""
    rule = says(YEAH)
    assert steps(run(rule, [SPEECH] * 5)) == [DUCK]
    verdict = rule.feed(VoiceWindow(16_000, QUIET))
    assert verdict is not None
    assert verdict.decision is Decision.RELEASE


@settings(max_examples=60, deadline=None)
@given(
    script=st.lists(
        st.tuples(st.sampled_from([0.0, 0.3, 0.4, 0.55, 0.99]), st.integers(1, 25)), min_size=1, max_size=8
    ).map(lambda runs: [probability for probability, count in runs for _ in range(count)]),
    kind=st.sampled_from(["hum", "vowel", "hiss", "silence"]),
    opinions=st.lists(st.sampled_from([STOP, PHRASE, YEAH, COUGH, UNSURE]), min_size=1, max_size=5),
)
def test_every_duck_is_decided_in_time(script: list[float], kind: str, opinions: list[Opinion]) -> None:
    """Whatever is heard: nothing is decided that was not ducked, a duck ends in time, a cancel is the last word."""
    make = {"hum": hum, "vowel": vowel, "hiss": hiss, "silence": silence}[kind]
    chosen = InterruptionSettings()
    rule = says(*[(number * 200, opinion) for number, opinion in enumerate(opinions)])
    ducked: Verdict | None = None
    timed_out = None
    for verdict in run(rule, script, pcm(make(len(script) * 0.032 + 0.04))):
        assert verdict.onset_sample <= verdict.at_sample
        if verdict.decision is Decision.DUCK:
            assert ducked is None
            ducked = verdict
        elif ducked is None:
            assert verdict.decision is Decision.CANCEL
            assert verdict.onset_sample == timed_out
        else:
            assert verdict.onset_sample == ducked.onset_sample
            assert verdict.at_sample - ducked.at_sample <= chosen.patience_ms * 16
            timed_out = verdict.onset_sample if verdict.why is Why.TIMEOUT else None
            ducked = None
    if ducked is not None:
        assert len(script) * WINDOW_SAMPLES - ducked.at_sample < chosen.patience_ms * 16
