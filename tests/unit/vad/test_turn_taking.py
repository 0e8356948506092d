"""The decision core in virtual time: scripted voice activity in, decisions out."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeVar

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from parley.v1 import audio_pb2 as audio
from parley.v1 import broker_service_pb2 as broker
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import session_pb2 as session
from services.vad.content.head import Moment
from services.vad.content.listener import Opinion
from services.vad.events import Event, Judge, Phase, TurnTakingSettings
from services.vad.turn_taking import TurnTaking
from services.vad.voice import WINDOW_SAMPLES, VoiceWindow
from tests.unit.vad.signals import frames, hiss, pcm, silence, vowel

T = TypeVar("T")
Kind = session.Interrupt

FRAME = 320
SYLLABLES = [vowel(0.16), vowel(0.1, 150.0, (400.0, 2100.0)), 2 * hiss(0.04), vowel(0.12, 110.0, (600.0, 1700.0))]
SPEECH = frames(pcm(*SYLLABLES * 24))
QUIET = frames(pcm(silence(10.0)))
LOUD = 300


class ScriptedVoice:
    """Voice activity that calls loud windows speech, and is sure of it."""

    def __init__(self) -> None:
        self._rest = b""
        self._end = 0

    def feed(self, pcm: bytes) -> list[VoiceWindow]:
        """Judge windows of 32 ms by their typical sample."""
        self._rest += pcm
        windows = []
        while len(self._rest) >= 2 * WINDOW_SAMPLES:
            window, self._rest = self._rest[: 2 * WINDOW_SAMPLES], self._rest[2 * WINDOW_SAMPLES :]
            self._end += WINDOW_SAMPLES
            loud = np.median(np.abs(np.frombuffer(window, "<i2").astype(int))) > LOUD
            windows.append(VoiceWindow(self._end, 0.95 if loud else 0.02))
        return windows


class ScriptedListener:
    """A listener that takes what lasts for a phrase, and what is short for a backchannel, unless it is told a word."""

    def __init__(self) -> None:
        self.word = ""

    def hear(self, samples: NDArray[np.int16], moment: Moment) -> Opinion:
        """Go by length alone."""
        if self.word:
            return Opinion(self.word, 0.95, 0.01, 0.02, 0.02)
        return Opinion("no", 0.0, 0.9, 0.05, 0.05) if moment.speech_ms >= 480 else Opinion("no", 0.0, 0.05, 0.9, 0.05)


class Scene:
    """A decision core and the clock of its microphone."""

    def __init__(self, complete: float | None = 0.95, *, tentative: bool = False) -> None:
        self.listener = ScriptedListener()
        chosen = TurnTakingSettings() if tentative else TurnTakingSettings(tentative_from=2.0)
        self.core = TurnTaking("s", 1, ScriptedVoice(), self.listener, chosen)
        self.events: list[Event] = []
        self.complete = complete
        self.offset = 0
        self.reply = 0
        self.position = 0

    def hears(self, sound: list[bytes], ms: int) -> list[Event]:
        """Feed so much of a sound, in frames of 20 ms; the assistant plays on if a reply is set."""
        fresh: list[Event] = []
        for number in range(ms // 20):
            playhead = audio.Playhead(reply=self.reply, position=self.position)
            frame = audio.AudioFrame(mic_offset=self.offset, pcm=sound[number % len(sound)], playhead=playhead)
            fresh += self._take(self.core.feed(frame))
            self.offset += FRAME
            self.position += 480 if self.reply else 0
        return fresh

    def assistant_begins(self, reply: int) -> None:
        """From now on frames carry this reply's playhead."""
        self.reply, self.position = reply, 0

    def assistant_ends(self) -> None:
        """From now on nothing is audible."""
        self.reply = self.position = 0

    def does(self, events: list[Event]) -> list[Event]:
        """Note what a call returned."""
        return self._take(events)

    def all(self, kind: type[T]) -> list[T]:
        """Return every event of a kind so far."""
        return [event for event in self.events if isinstance(event, kind)]

    def verdicts(self) -> list[tuple[int, int]]:
        """Return (kind, cause) of every interrupt so far."""
        return [(v.kind, v.cause) for v in self.all(session.Interrupt)]

    def _take(self, events: list[Event]) -> list[Event]:
        self.events += events
        for event in list(events):
            if isinstance(event, Judge):
                events = [*events, *self._take(self.core.judged(event.turn, event.pause, self.complete))]
        return events


def answered_turn(scene: Scene) -> None:
    """Bring a scene to where the assistant's first reply has been audible for a second."""
    scene.hears(QUIET, 500)
    scene.hears(SPEECH, 800)
    scene.hears(QUIET, 400)
    scene.assistant_begins(1)
    scene.hears(QUIET, 1000)


def test_a_turn_has_its_pre_roll_and_all_its_audio() -> None:
    """The broker gets one gapless stretch that begins 300 ms before the onset and ends where the turn does."""
    scene = Scene()
    scene.hears(QUIET, 1000)
    scene.hears(SPEECH, 1000)
    scene.hears(QUIET, 1000)
    (started,), (ended,) = scene.all(broker.SpeechStarted), scene.all(broker.TurnEnded)
    pieces = scene.all(broker.TurnAudio)
    assert abs(started.onset_offset - 16_000) <= WINDOW_SAMPLES
    assert started.onset_offset - pieces[0].mic_offset == 4_800
    for before, after in pairwise(pieces):
        assert after.mic_offset == before.mic_offset + len(before.pcm) // 2
    assert abs(ended.end_offset - 32_000) <= WINDOW_SAMPLES
    assert 380 <= ended.waited_ms <= 430, "sure that it is complete: the shortest pause"


def test_a_click_is_no_speech() -> None:
    """Less voice than the minimum onset starts nothing."""
    scene = Scene()
    scene.hears(QUIET, 500)
    scene.hears(SPEECH, 60)
    scene.hears(QUIET, 3000)
    assert scene.all(broker.SpeechStarted) == []


def test_a_blip_is_dismissed() -> None:
    """An onset that turns out to be too short to be speech is taken back, and nothing is asked of the model."""
    scene = Scene()
    scene.hears(QUIET, 500)
    scene.hears(SPEECH, 128)
    scene.hears(QUIET, 3000)
    assert len(scene.all(broker.SpeechDismissed)) == 1
    assert scene.all(broker.TurnEnded) == []
    assert scene.core.phase is Phase.OPEN


def test_an_incomplete_turn_waits_longer() -> None:
    """The surer the model is that more will come, the longer the pause that ends the turn."""
    waited = []
    for complete in (0.95, 0.7, 0.3, 0.02):
        scene = Scene(complete)
        scene.hears(SPEECH, 600)
        scene.hears(QUIET, 3000)
        waited.append(scene.all(broker.TurnEnded)[0].waited_ms)
    assert waited == sorted(waited)
    assert waited[0] <= 430
    assert 1_500 <= waited[-1] <= 1_560


def test_an_unjudged_turn_ends_all_the_same() -> None:
    """An overloaded judge costs patience, never the turn."""
    scene = Scene(None)
    scene.hears(SPEECH, 600)
    scene.hears(QUIET, 1200)
    assert 780 <= scene.all(broker.TurnEnded)[0].waited_ms <= 840


def test_a_pause_and_more_speech_are_one_turn() -> None:
    """Speech after an incomplete pause goes on with the same turn; an answer about the old pause is ignored."""
    scene = Scene(0.1)
    scene.hears(SPEECH, 600)
    scene.hears(QUIET, 1000)
    scene.complete = 0.95
    scene.hears(SPEECH, 600)
    scene.does(scene.core.judged(1, 0, 0.99))
    assert scene.all(broker.TurnEnded) == []
    scene.hears(QUIET, 500)
    assert [e.turn for e in scene.all(broker.TurnEnded)] == [1]


def test_hold_music_cannot_hold_a_turn_open() -> None:
    """A turn is ended after a minute even if the voice never stops."""
    scene = Scene()
    scene.hears(SPEECH, 61_000)
    assert len(scene.all(broker.TurnEnded)) == 1


def test_a_phrase_over_the_reply_ducks_then_cancels() -> None:
    """Speech that goes on lowers the reply first, then takes the floor; its audio with pre-roll is the next turn."""
    scene = Scene()
    answered_turn(scene)
    scene.hears(SPEECH, 1200)
    scene.hears(QUIET, 500)
    assert scene.verdicts() == [(Kind.KIND_DUCK, Kind.CAUSE_SPEECH), (Kind.KIND_CANCEL, Kind.CAUSE_SPEECH)]
    duck, cancel = scene.all(session.Interrupt)
    assert (duck.seq, cancel.seq) == (1, 2)
    assert cancel.playhead.reply == 1
    ended = scene.all(broker.TurnEnded)[1]
    assert (ended.turn, ended.interruption) == (2, True)
    started = scene.all(broker.SpeechStarted)[1]
    first_audio = next(a for a in scene.all(broker.TurnAudio) if a.turn == 2)
    assert first_audio.mic_offset <= started.onset_offset - 4_000


def test_a_short_sound_is_released() -> None:
    """A sound that is over soon ducks and releases; the broker never hears of it."""
    scene = Scene()
    answered_turn(scene)
    heard_before = len(scene.all(broker.SpeechStarted))
    scene.hears(SPEECH, 200)
    scene.hears(QUIET, 1000)
    assert [kind for kind, _ in scene.verdicts()] == [Kind.KIND_DUCK, Kind.KIND_RELEASE]
    assert len(scene.all(broker.SpeechStarted)) == heard_before


def test_going_on_while_it_thinks_resumes_the_turn() -> None:
    """A phrase before anything is audible cancels what is being thought and reopens the same turn."""
    scene = Scene()
    scene.hears(SPEECH, 800)
    scene.hears(QUIET, 400)
    assert scene.core.phase is Phase.THINKING
    scene.hears(SPEECH, 1000)
    scene.hears(QUIET, 500)
    assert (Kind.KIND_CANCEL, Kind.CAUSE_TURN_RESUMED) in scene.verdicts()
    assert [kind for kind, _ in scene.verdicts()] == [Kind.KIND_CANCEL], "nothing audible, nothing to duck"
    assert [e.turn for e in scene.all(broker.TurnResumed)] == [1]
    assert [e.turn for e in scene.all(broker.TurnEnded)] == [1, 1]


def test_going_on_over_the_first_words_of_the_reply_resumes_the_turn() -> None:
    """Speech that began before 300 ms of the reply were heard belongs to the turn, not to an interruption."""
    scene = Scene()
    scene.hears(SPEECH, 800)
    scene.hears(QUIET, 400)
    scene.assistant_begins(1)
    scene.hears(QUIET, 100)
    scene.hears(SPEECH, 1000)
    assert (Kind.KIND_CANCEL, Kind.CAUSE_TURN_RESUMED) in scene.verdicts()


def test_a_yes_in_the_last_second_becomes_a_turn() -> None:
    """A backchannel that was released is a turn after all when the reply ends right after it, undisturbed."""
    scene = Scene()
    answered_turn(scene)
    scene.hears(SPEECH, 320)
    scene.hears(QUIET, 300)
    scene.assistant_ends()
    scene.hears(QUIET, 1500)
    released = [(Kind.KIND_DUCK, Kind.CAUSE_SPEECH), (Kind.KIND_RELEASE, Kind.CAUSE_BACKCHANNEL)]
    assert scene.verdicts() == released
    assert [e.turn for e in scene.all(broker.TurnEnded)] == [1, 2]


def test_speech_across_the_end_of_a_reply_is_a_turn() -> None:
    """Whoever begins just before the assistant ends is not lost."""
    scene = Scene()
    answered_turn(scene)
    scene.hears(SPEECH, 180)
    scene.assistant_ends()
    scene.hears(SPEECH, 800)
    scene.hears(QUIET, 600)
    assert scene.all(broker.TurnEnded)[-1].turn == 2


def test_a_key_takes_the_floor() -> None:
    """The client's interrupt cancels what is audible or thought of, and nothing when there is nothing."""
    scene = Scene()
    assert scene.does(scene.core.interrupt()) == []
    answered_turn(scene)
    scene.does(scene.core.interrupt())
    assert scene.verdicts() == [(Kind.KIND_CANCEL, Kind.CAUSE_CLIENT)]
    assert scene.core.phase is Phase.OPEN


def test_the_ghost_of_a_cancelled_reply_is_not_the_assistant() -> None:
    """Frames captured before the flush still carry the dead reply: they don't make the assistant audible again."""
    scene = Scene()
    answered_turn(scene)
    scene.does(scene.core.interrupt())
    scene.hears(QUIET, 300)
    assert scene.core.phase is Phase.OPEN


def test_typing_is_a_turn() -> None:
    """Typed input stops the reply and becomes the next turn."""
    scene = Scene()
    answered_turn(scene)
    scene.does(scene.core.say("hello"))
    assert scene.verdicts() == [(Kind.KIND_CANCEL, Kind.CAUSE_TYPED)]
    assert [(t.turn, t.text) for t in scene.all(broker.Typed)] == [(2, "hello")]


def test_push_to_talk_rules_the_ear() -> None:
    """From the first press on, pauses end nothing and letting go ends the turn."""
    scene = Scene()
    scene.does(scene.core.push_to_talk(pressed=True))
    scene.hears(SPEECH, 600)
    scene.hears(QUIET, 3000)
    assert scene.all(broker.TurnEnded) == []
    scene.does(scene.core.push_to_talk(pressed=False))
    assert len(scene.all(broker.TurnEnded)) == 1
    scene.hears(SPEECH, 2000)
    assert len(scene.all(broker.SpeechStarted)) == 1


def test_a_muted_microphone_says_nothing() -> None:
    """What a muted microphone sends counts as silence."""
    scene = Scene()
    scene.does(scene.core.mute(muted=True))
    scene.hears(SPEECH, 2000)
    assert scene.all(broker.SpeechStarted) == []


def test_a_gap_ends_a_turn_like_silence() -> None:
    """A microphone that falls silent on the wire in mid-speech ends its turn by the ordinary pause."""
    scene = Scene()
    scene.hears(SPEECH, 1000)
    scene.does(scene.core.gap(audio.Gap(mic_offset=scene.offset, ms=900)))
    assert len(scene.all(broker.TurnEnded)) == 1


def test_audio_is_kept_until_its_turn_is_answered() -> None:
    """Ingress may let go of a turn's audio only when its text is in history."""
    scene = Scene()
    scene.hears(QUIET, 4000)
    onset = scene.offset
    scene.hears(SPEECH, 1000)
    scene.hears(QUIET, 6000)
    assert max(h.mic_offset for h in scene.all(audio.Heard)) <= onset
    scene.does(scene.core.answered(1))
    scene.hears(QUIET, 1000)
    assert max(h.mic_offset for h in scene.all(audio.Heard)) > onset


def test_a_turn_that_wants_no_answer_leaves_the_floor_open() -> None:
    """After a bare stop vad waits for nothing."""
    scene = Scene()
    scene.hears(SPEECH, 600)
    scene.hears(QUIET, 400)
    progress = broker.TurnProgress(turn=1, stage=broker.TurnProgress.STAGE_SILENT)
    scene.does(scene.core.progress(progress))
    assert scene.core.phase is Phase.OPEN


STEP = st.tuples(
    st.sampled_from(["speech", "quiet", "reply", "silent", "key", "type", "press", "let go", "mute", "unmute", "gap"]),
    st.integers(1, 60),
)


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(STEP, max_size=25), complete=st.sampled_from([None, 0.05, 0.6, 0.97]))
def test_whatever_happens_the_story_is_well_formed(steps: Sequence[tuple[str, int]], complete: float | None) -> None:
    """Seqs and turns only grow, a turn's audio is gapless and inside its turn, releases follow ducks."""
    scene = Scene(complete)
    replies = 0
    for what, count in steps:
        match what:
            case "speech" | "quiet":
                scene.hears(SPEECH if what == "speech" else QUIET, 20 * count)
            case "reply":
                replies += 1
                scene.assistant_begins(replies)
            case "silent":
                scene.assistant_ends()
            case "key":
                scene.does(scene.core.interrupt())
            case "type":
                scene.does(scene.core.say("words"))
            case "press" | "let go":
                scene.does(scene.core.push_to_talk(pressed=what == "press"))
            case "mute" | "unmute":
                scene.does(scene.core.mute(muted=what == "mute"))
            case "gap":
                scene.does(scene.core.gap(audio.Gap(ms=20 * count)))
    assert_well_formed(scene.events)


def test_a_likely_end_is_told_tentatively_then_confirmed() -> None:
    """The model may begin at the first judgement; when the pause has grown, the end is confirmed, and told once."""
    scene = Scene(complete=0.95, tentative=True)
    scene.hears(QUIET, 500)
    scene.hears(SPEECH, 1000)
    scene.hears(QUIET, 1000)
    (ended,), (confirmed,) = scene.all(broker.TurnEnded), scene.all(broker.TurnConfirmed)
    assert ended.tentative
    assert ended.waited_ms < confirmed.waited_ms
    assert scene.core.phase is Phase.THINKING
    assert_well_formed(scene.events)


def test_a_tentative_end_is_taken_back_when_the_person_goes_on() -> None:
    """Speech within the pause resumes the turn, whose audio has no gap; the next pause ends it."""
    scene = Scene(complete=0.9, tentative=True)
    scene.hears(QUIET, 500)
    scene.hears(SPEECH, 1000)
    scene.hears(QUIET, 340)
    assert [e.tentative for e in scene.all(broker.TurnEnded)] == [True]
    assert scene.core.phase is Phase.TURN
    scene.hears(SPEECH, 600)
    assert len(scene.all(broker.TurnResumed)) == 1
    scene.hears(QUIET, 2500)
    assert len(scene.all(broker.TurnEnded)) == 2
    assert len(scene.all(broker.TurnConfirmed)) == 1
    pieces = scene.all(broker.TurnAudio)
    assert all(one.mic_offset + len(one.pcm) // 2 == two.mic_offset for one, two in pairwise(pieces))
    assert_well_formed(scene.events)


def test_a_person_who_thinks_aloud_is_not_prepared_for_without_end() -> None:
    """A few tentative ends per turn, then no more: each costs an answer that nobody hears."""
    scene = Scene(complete=0.97, tentative=True)
    scene.hears(QUIET, 500)
    for _ in range(6):
        scene.hears(SPEECH, 500)
        scene.hears(QUIET, 340)
    assert sum(e.tentative for e in scene.all(broker.TurnEnded)) == 3


def test_a_bare_stop_word_says_so_at_its_end() -> None:
    """An interruption that is nothing but a word that asks for silence is told as one; a "no" is not."""
    for word, told in (("stop", "stop"), ("no", "")):
        scene = Scene()
        answered_turn(scene)
        scene.listener.word = word
        scene.hears(SPEECH, 400)
        scene.hears(QUIET, 1500)
        assert scene.verdicts()[-1] == (Kind.KIND_CANCEL, Kind.CAUSE_WORD)
        assert scene.all(broker.TurnEnded)[-1].stop_word == told


def test_what_a_verdict_rests_on_is_told() -> None:
    """A cancel names its word and how sure the ear is."""
    scene = Scene()
    answered_turn(scene)
    scene.listener.word = "stop"
    scene.hears(SPEECH, 400)
    evidence = scene.all(session.Interrupt)[-1].evidence
    assert evidence.word == "stop"
    assert 0.9 < evidence.confidence <= 1.0


def test_a_short_answer_to_a_question_ends_sooner() -> None:
    """After a question, "yes" is complete; without one the same pause is waited for longer."""
    waited = []
    for is_question in (True, False):
        scene = Scene(complete=0.5)
        scene.core.asked(is_question)
        scene.hears(QUIET, 500)
        scene.hears(SPEECH, 300)
        scene.hears(QUIET, 2000)
        waited.append(scene.all(broker.TurnEnded)[0].waited_ms)
    assert waited[0] < waited[1]


def test_words_of_a_recogniser_count_with_the_pause() -> None:
    """A transcript that breaks off at "and" waits longer than one that ends a sentence."""
    waited = []
    for words in ("that is all, thank you.", "I would like tea and"):
        scene = Scene(complete=0.6)
        scene.hears(QUIET, 500)
        scene.hears(SPEECH, 900)
        scene.core.transcript(1, words)
        scene.hears(QUIET, 2500)
        waited.append(scene.all(broker.TurnEnded)[0].waited_ms)
    assert waited[0] < waited[1]


def assert_well_formed(events: list[Event]) -> None:
    """Check the order that the broker and the client rely on."""
    seq = turn = 0
    ducked = is_open = is_tentative = False
    next_sample: int | None = None
    for event in events:
        match event:
            case session.Interrupt():
                assert event.seq == seq + 1
                seq = event.seq
                assert ducked or event.kind != Kind.KIND_RELEASE
                ducked = event.kind == Kind.KIND_DUCK
            case broker.SpeechStarted():
                assert event.turn > turn
                assert not is_open
                turn, is_open, next_sample = event.turn, True, None
            case broker.TurnResumed() if is_tentative:
                assert event.turn == turn
                is_open, is_tentative = True, False  # and its audio goes on without a gap
            case broker.TurnResumed():
                assert event.turn == turn
                assert not is_open
                is_open, next_sample = True, None
            case broker.TurnConfirmed():
                assert is_tentative
                assert event.turn == turn
                is_tentative = False
            case broker.TurnEnded(tentative=True):
                assert is_open
                assert event.turn == turn
                is_open, is_tentative = False, True
            case broker.TurnAudio():
                assert is_open
                assert event.turn == turn
                assert next_sample in (None, event.mic_offset)
                assert 0 < len(event.pcm) <= 3_200
                next_sample = event.mic_offset + len(event.pcm) // 2
            case broker.SpeechDismissed() if is_tentative:
                assert event.turn == turn
                is_tentative = False
            case broker.TurnEnded() | broker.SpeechDismissed():
                assert is_open
                assert event.turn == turn
                is_open = False
            case broker.Typed():
                assert event.turn > turn
                assert not is_open
                assert not is_tentative
                turn = event.turn
            case client.State():
                assert event.state
