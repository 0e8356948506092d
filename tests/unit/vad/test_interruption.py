"""The interruption rule: scripted voice activity over synthetic sounds, and what must hold whatever is heard."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.vad.interruption import Decision, InterruptionRule, InterruptionSettings, Verdict, Why
from services.vad.voice import WINDOW_SAMPLES, VoiceWindow
from tests.unit.vad.signals import Signal, frames, hiss, hum, pcm, silence, vowel

WINDOW_MS = 32
FRAME_SAMPLES = 320
SPEECH, QUIET = 0.9, 0.05


def spoken(start_ms: int, length_ms: int, total_ms: int) -> list[float]:
    """Script voice activity: speech for `length_ms` from `start_ms` on."""
    ends = range(WINDOW_MS, total_ms + 1, WINDOW_MS)
    return [SPEECH if start_ms < end <= start_ms + length_ms else QUIET for end in ends]


def run(rule: InterruptionRule, script: list[float], audio: bytes) -> list[Verdict]:
    """Play frames and windows as they would arrive: a window right after the frame that completes it."""
    found: list[Verdict | None] = []
    cut = frames(audio)
    for index in range(len(script)):
        end = (index + 1) * WINDOW_SAMPLES
        while cut and (len(audio) // 640 - len(cut)) * FRAME_SAMPLES < end:
            rule.hear(cut.pop(0))
        found.append(rule.feed(VoiceWindow(end, script[index])))
    return [verdict for verdict in found if verdict]


def steps(verdicts: list[Verdict]) -> list[tuple[Decision, Why]]:
    """Leave the clock out."""
    return [(verdict.decision, verdict.why) for verdict in verdicts]


def sound(*parts: Signal) -> bytes:
    """Sounds after 320 ms of room tone, and a second of it after them."""
    return pcm(silence(0.32), *parts, silence(1.0))


def test_a_phrase_that_goes_on_cancels() -> None:
    """Voiced, changing sound past `phrase_ms` takes the floor; the onset is where voice activity began."""
    syllables = [
        vowel(0.2, 120 + 10 * index, formants) for index, formants in enumerate([(700, 1200), (300, 2300)] * 2)
    ]
    verdicts = run(InterruptionRule(), spoken(320, 800, 1600), sound(*syllables))
    assert steps(verdicts) == [(Decision.DUCK, Why.ONSET), (Decision.CANCEL, Why.PHRASE)]
    assert {verdict.onset_sample for verdict in verdicts} == {320 * 16}
    assert [(verdict.at_sample - verdict.onset_sample) // 16 for verdict in verdicts] == [128, 544]


def test_a_short_word_that_begins_with_a_hiss_cancels_early() -> None:
    """Like "stop": hiss that voice activity does not count, then 300 ms of voice, decides at 256 ms of voice."""
    verdicts = run(InterruptionRule(), spoken(448, 320, 1600), sound(hiss(0.13), vowel(0.32)))
    assert steps(verdicts) == [(Decision.DUCK, Why.ONSET), (Decision.CANCEL, Why.WORD)]
    assert (verdicts[1].at_sample - verdicts[1].onset_sample) // 16 == 256


def test_the_same_voice_without_the_hiss_is_a_backchannel() -> None:
    """A "yeah" of the same length is released after `release_ms` of silence."""
    verdicts = run(InterruptionRule(), spoken(320, 320, 1600), sound(vowel(0.32)))
    assert steps(verdicts) == [(Decision.DUCK, Why.ONSET), (Decision.RELEASE, Why.BACKCHANNEL)]
    assert (verdicts[1].at_sample - verdicts[1].onset_sample) // 16 == 320 + 128


def test_a_dull_hiss_before_the_voice_is_no_stop_word() -> None:
    """A "sure" begins with "sh", which is not sharp: it is released."""
    verdicts = run(InterruptionRule(), spoken(448, 320, 1600), sound(hiss(0.13, 2000, 4400), vowel(0.32)))
    assert steps(verdicts)[-1] == (Decision.RELEASE, Why.BACKCHANNEL)


def test_a_hum_never_cancels_however_long() -> None:
    """A long "mmm" ducks, and releases itself when the duck's patience is at an end; humming on changes nothing."""
    verdicts = run(InterruptionRule(), spoken(320, 2000, 2880), sound(hum(2.0)))
    assert steps(verdicts) == [(Decision.DUCK, Why.ONSET), (Decision.RELEASE, Why.BACKCHANNEL)]
    assert (verdicts[1].at_sample - verdicts[0].at_sample) // 16 == 800


def test_a_sound_that_dies_away_is_waited_for() -> None:
    """A drawn-out "yeaaah" as long as a phrase is not cancelled while it fades, and is released when it is over."""
    drawn_out = [vowel(0.3), vowel(0.34) * 0.02]
    verdicts = run(InterruptionRule(), spoken(320, 608, 1600), sound(*drawn_out))
    assert steps(verdicts) == [(Decision.DUCK, Why.ONSET), (Decision.RELEASE, Why.BACKCHANNEL)]


def test_noise_that_sounds_like_speech_for_a_moment_is_released_as_noise() -> None:
    """Without a pitch the release is called noise."""
    verdicts = run(InterruptionRule(), spoken(320, 256, 1280), sound(hiss(0.3, 300, 7000)))
    assert steps(verdicts) == [(Decision.DUCK, Why.ONSET), (Decision.RELEASE, Why.NOISE)]


def test_a_click_does_not_even_duck() -> None:
    """Less speech than `duck_ms` leaves the reply alone."""
    assert run(InterruptionRule(), spoken(320, 96, 960), sound(vowel(0.1))) == []


def test_what_barely_ducked_is_short() -> None:
    """A sound that ends right after the duck is released as short."""
    verdicts = run(InterruptionRule(), spoken(320, 128, 960), sound(vowel(0.13)))
    assert steps(verdicts) == [(Decision.DUCK, Why.ONSET), (Decision.RELEASE, Why.SHORT)]


def test_hysteresis_bridges_weak_windows_but_does_not_start_on_them() -> None:
    """A probability between off and on continues speech and never begins it."""
    rule = InterruptionRule()
    assert run(rule, [0.45] * 40, sound(vowel(1.0))) == []
    rule.reset()
    verdicts = run(rule, [0.6] + [0.4] * 3, sound(vowel(1.0)))
    assert steps(verdicts) == [(Decision.DUCK, Why.ONSET)]


def test_a_second_onset_gets_its_own_verdict() -> None:
    """After a release and some silence, the next phrase is ducked and cancels on its own merits."""
    script = spoken(320, 256, 960) + [SPEECH] * 20
    audio = pcm(silence(0.32), vowel(0.256), silence(0.384), vowel(0.2), hiss(0.1), vowel(0.15), hiss(0.2))
    verdicts = run(InterruptionRule(), script, audio)
    assert [verdict.decision for verdict in verdicts] == [
        Decision.DUCK,
        Decision.RELEASE,
        Decision.DUCK,
        Decision.CANCEL,
    ]
    assert verdicts[2].onset_sample == 960 * 16


def test_reset_forgets_the_onset_and_sets_the_clock() -> None:
    """When the assistant becomes audible again the rule starts afresh at the microphone's present sample."""
    rule = InterruptionRule()
    run(rule, spoken(0, 320, 320), sound(vowel(0.3)))
    rule.reset(at_sample=100_000)
    assert rule.feed(VoiceWindow(100_000 + WINDOW_SAMPLES, QUIET)) is None
    with pytest.raises(ValueError, match="heard already"):
        rule.feed(VoiceWindow(100_000, SPEECH))


def test_a_gap_in_the_windows_is_silence() -> None:
    """Windows that were never fed (the microphone fell silent on the wire) end the speech before them."""
    rule = InterruptionRule()
    assert [verdict.decision for verdict in run(rule, [SPEECH] * 6, sound(vowel(0.3)))] == [Decision.DUCK]
    verdict = rule.feed(VoiceWindow(16_000, QUIET))
    assert verdict is not None
    assert verdict.decision is Decision.RELEASE


@settings(max_examples=60, deadline=None)
@given(
    script=st.lists(
        st.tuples(st.sampled_from([0.0, 0.3, 0.4, 0.55, 0.99]), st.integers(1, 25)), min_size=1, max_size=8
    ).map(lambda runs: [probability for probability, count in runs for _ in range(count)]),
    kind=st.sampled_from(["hum", "vowel", "hiss", "silence"]),
    phrase_ms=st.integers(160, 900),
)
def test_every_onset_ducks_once_and_is_decided_once(script: list[float], kind: str, phrase_ms: int) -> None:
    """Whatever is heard: a verdict follows a duck of the same onset, there is at most one, and it comes in time."""
    make = {"hum": hum, "vowel": vowel, "hiss": hiss, "silence": silence}[kind]
    audio = pcm(make(len(script) * 0.032 + 0.04))
    chosen = InterruptionSettings(phrase_ms=phrase_ms)
    ducked: Verdict | None = None
    ended_at = -1
    for verdict in run(InterruptionRule(chosen), script, audio):
        assert verdict.onset_sample <= verdict.at_sample
        if verdict.decision is Decision.DUCK:
            assert ducked is None
            assert verdict.onset_sample >= ended_at - chosen.release_ms * 16
            ducked = verdict
        else:
            assert ducked is not None
            assert verdict.onset_sample == ducked.onset_sample
            assert verdict.at_sample - ducked.at_sample <= chosen.patience_ms * 16
            ducked, ended_at = None, verdict.at_sample
    if ducked is not None:
        assert len(script) * WINDOW_SAMPLES - ducked.at_sample < chosen.patience_ms * 16
