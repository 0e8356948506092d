"""Delivery: a model that listens all the time gets every sample once and in order, whatever the conversation does."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parley.v1 import audio_pb2 as audio
from parley.v1 import broker_service_pb2 as broker
from services.vad.delivery import CHUNK_MS, Delivery
from services.vad.events import Event
from services.vad.memory import MicMemory
from tests.unit.vad.test_turn_taking import QUIET, SPEECH, Scene

CHUNK = CHUNK_MS * 16


class Listener(Scene):
    """A scene whose model listens all the time, and what it should have heard."""

    def __init__(self, complete: float | None = 0.95) -> None:
        super().__init__(complete, tentative=True)
        self.heard = bytearray()
        self._is_muted = False
        self.does(self.core.hear_all())

    def hears(self, sound: list[bytes], ms: int) -> list[Event]:
        """The same, noted."""
        frames = [sound[number % len(sound)] for number in range(ms // 20)]
        self.heard += b"".join(bytes(len(frame)) if self._is_muted else frame for frame in frames)
        return super().hears(sound, ms)

    def scrap(self, samples: int) -> None:
        """The microphone gives a piece of no usual length."""
        self.heard += bytes(2 * samples)
        self.does(self.core.feed(audio.AudioFrame(pcm=bytes(2 * samples))))

    def gap(self, ms: int) -> None:
        """The microphone is silent on the wire."""
        self.heard += bytes(32 * ms)
        self.does(self.core.gap(audio.Gap(ms=ms)))

    def mute(self, muted: bool) -> None:
        """The mute key."""
        self._is_muted = muted
        self.does(self.core.mute(muted))


def assert_heard_once(scene: Listener) -> None:
    """Every sample was given once, in order, as what it was part of, and nothing overtook it."""
    sent, turn, given = 0, 0, bytearray()
    for event in scene.events:
        match event:
            case broker.TurnAudio():
                assert (event.turn, event.mic_offset) == (turn, sent)
                assert 0 < len(event.pcm) <= 2 * CHUNK
                sent += len(event.pcm) // 2
                given += event.pcm
            case broker.SpeechStarted() | broker.TurnResumed():
                assert turn == 0
                turn = event.turn
            case broker.TurnEnded():
                assert not event.tentative
                assert event.end_offset + 16 * event.waited_ms == pytest.approx(sent, abs=1)
                turn = 0
            case broker.SpeechDismissed():
                turn = 0
            case broker.TurnConfirmed():
                raise AssertionError("an end was tentative")
    assert given == scene.heard[: len(given)]
    assert len(scene.heard) - len(given) < 2 * (CHUNK + 320), "more is held back than a piece and half a frame"


STEP = st.tuples(
    st.sampled_from(
        [
            *["speech", "quiet", "reply", "silent"] * 2,
            "key",
            "type",
            "press",
            "let go",
            "mute",
            "unmute",
            "gap",
            "scrap",
        ]
    ),
    st.integers(1, 60),
)


@settings(max_examples=80, deadline=None)
@given(steps=st.lists(STEP, max_size=25), complete=st.sampled_from([None, 0.05, 0.6, 0.97]))
def test_every_sample_goes_once_whatever_happens(steps: Sequence[tuple[str, int]], complete: float | None) -> None:
    """Turns, pauses, interruptions, resumed turns, keys, mute, gaps and odd frames: one stream without a hole."""
    scene = Listener(complete)
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
                scene.mute(what == "mute")
            case "gap":
                scene.gap(17 * count)
            case "scrap":
                scene.scrap(37 * count)
    assert_heard_once(scene)


def test_silence_goes_by_as_no_turn_and_pre_roll_is_not_sent_again() -> None:
    """What is between turns is turn 0's; the turn itself begins where its start was noticed."""
    scene = Listener()
    scene.hears(QUIET, 1000)
    scene.hears(SPEECH, 1000)
    scene.hears(QUIET, 1000)
    assert_heard_once(scene)
    (started,), (ended,) = scene.all(broker.SpeechStarted), scene.all(broker.TurnEnded)
    of_the_turn = [piece for piece in scene.all(broker.TurnAudio) if piece.turn == started.turn]
    assert of_the_turn[0].mic_offset > started.onset_offset
    last = of_the_turn[-1]
    assert last.mic_offset + len(last.pcm) // 2 > ended.end_offset
    assert {piece.turn for piece in scene.all(broker.TurnAudio)} == {0, 1}


def test_a_turn_that_is_resumed_goes_on_where_it_is() -> None:
    """The person goes on before the answer is heard: what went by meanwhile was nobody's, and is not sent again."""
    scene = Listener()
    scene.hears(QUIET, 500)
    scene.hears(SPEECH, 800)
    scene.hears(QUIET, 600)
    scene.hears(SPEECH, 800)
    scene.hears(QUIET, 800)
    assert [resumed.turn for resumed in scene.all(broker.TurnResumed)] == [1]
    assert [ended.turn for ended in scene.all(broker.TurnEnded)] == [1, 1]
    assert_heard_once(scene)


def test_what_was_muted_stays_silent_to_the_sample() -> None:
    """Half a frame that waits for its other half while the key is pressed or let go is not confused with it."""
    loud = b"\x00\x10" * 500
    scene = Listener()
    for muted in (False, True, False):
        scene.does(scene.core.mute(muted))
        scene.does(scene.core.feed(audio.AudioFrame(pcm=loud)))
    scene.does(scene.core.feed(audio.AudioFrame(pcm=loud)))
    given = b"".join(piece.pcm for piece in scene.all(broker.TurnAudio))
    assert given == (loud + bytes(len(loud)) + 2 * loud)[: len(given)]
    assert len(given) == 2 * CHUNK


def test_an_hour_of_silence_is_not_kept() -> None:
    """What was given is forgotten: memory is bounded, however long nobody speaks."""
    scene = Listener()
    for _ in range(360):
        scene.events.clear()
        scene.does(scene.core.gap(audio.Gap(ms=10_000)))
    assert len(scene.core._memory._pcm) < 32 * 4_000


def test_the_model_is_known_in_mid_turn() -> None:
    """Speech that began before the ring stood: nothing of it is sent twice, or left out, from its beginning on."""
    scene = Scene(tentative=True)
    scene.hears(QUIET, 500)
    scene.hears(SPEECH, 450)
    scene.does(scene.core.hear_all())
    scene.hears(SPEECH, 450)
    scene.hears(QUIET, 900)
    pieces = scene.all(broker.TurnAudio)
    sent = pieces[0].mic_offset
    for piece in pieces:
        assert piece.mic_offset == sent
        sent += len(piece.pcm) // 2
    assert [ended.tentative for ended in scene.all(broker.TurnEnded)] == [False]


def test_an_end_that_is_tentative_when_the_model_is_known_is_taken_back() -> None:
    """It is told again when it is certain, and the pause has been heard by then."""
    scene = Scene(complete=0.9, tentative=True)
    scene.hears(QUIET, 500)
    scene.hears(SPEECH, 1000)
    scene.hears(QUIET, 340)
    assert [ended.tentative for ended in scene.all(broker.TurnEnded)] == [True]
    scene.does(scene.core.hear_all())
    scene.hears(QUIET, 500)
    told = [event for event in scene.events if isinstance(event, broker.TurnEnded | broker.TurnResumed)]
    assert [type(event).__name__ for event in told] == ["TurnEnded", "TurnResumed", "TurnEnded"]
    assert [ended.tentative for ended in scene.all(broker.TurnEnded)] == [True, False]
    assert scene.all(broker.TurnConfirmed) == []


def test_what_is_remembered_is_heard_when_the_model_comes_late() -> None:
    """With nothing said yet, the first sample it gets is the oldest that is still remembered."""
    memory = MicMemory()
    memory.append(bytes(32 * 5_000))
    memory.forget_before(16 * 3_000)
    delivery = Delivery(memory)
    delivery.hear_all()
    pieces = delivery.pieces(0, all_of_it=True)
    assert pieces[0].mic_offset == 16 * 3_000
    assert sum(len(piece.pcm) for piece in pieces) == 32 * 2_000
    assert delivery.pieces(0, all_of_it=True) == []


def test_turns_alone_wait_for_nothing_else() -> None:
    """Where the model hears turns only, a message to the broker needs no audio before it."""
    memory = MicMemory()
    memory.append(bytes(32 * 50))
    assert Delivery(memory).rest(0) == []
