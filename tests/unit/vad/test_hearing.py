"""Hearing together: what a session hears and decides is what it would alone, in its order, and hardly later."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from parley.v1 import audio_pb2 as audio
from services.common.errors import LimitFault, ParleyError
from services.vad.content.listener import ContentListener, ContentModel
from services.vad.events import Judge
from services.vad.hearing import Ear, Hearing
from services.vad.silero import Silero, SileroModel
from services.vad.turn_taking import TurnTaking
from services.vad.voice import VoiceWindow
from tests.unit.vad.signals import frames, pcm, silence, vowel

SYLLABLES = (vowel(0.18, 130), vowel(0.12, 150, (300, 2300)), vowel(0.2, 120, (500, 1000)))
TALK = pcm(silence(0.3), *SYLLABLES, *SYLLABLES, silence(0.8))
FRAME_S = 0.02


@pytest.fixture(scope="module")
def model() -> SileroModel:
    """The real model."""
    return SileroModel()


@pytest.fixture(scope="module")
def content() -> ContentListener:
    """The real content model, listening in English."""
    return ContentListener(ContentModel())


class Clock:
    """Virtual time in which things are done when they are due."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, Callable[[], None]]] = []

    def soon(self, step: Callable[[], None]) -> None:
        """Do `step` when all that happens now has happened."""
        self._due.append((self.now, step))

    def run_until(self, time: float) -> None:
        """Let time pass."""
        while due := [entry for entry in self._due if entry[0] <= time]:
            entry = min(due, key=lambda entry: entry[0])
            self._due.remove(entry)
            self.now = entry[0]
            entry[1]()
        self.now = time


class Session:
    """Sends its audio frame by frame and notes what comes out of its ear, and when."""

    def __init__(self, hearing: Hearing, clock: Clock, sound: bytes, phase_s: float = 0.0) -> None:
        self.ear = hearing.join()
        self.ear.give_to(self.take, self.fail)
        self.windows: list[VoiceWindow] = []
        self.taken: list[int] = []
        self.delays: list[float] = []
        self.faults: list[ParleyError] = []
        self.broken = False
        self._clock = clock
        self._sent_at: dict[int, float] = {}
        self.arrivals = [(phase_s + FRAME_S * number, number, frame) for number, frame in enumerate(frames(sound))]

    def send(self, number: int, frame: bytes) -> None:
        """A frame arrives from ingress."""
        self._sent_at[number] = self._clock.now
        self.ear.hear(audio.AudioFrame(mic_offset=number * 320, pcm=frame))

    def take(self, frame: audio.AudioFrame) -> None:
        """The core takes a frame and asks for its windows."""
        if self.broken:
            raise LimitFault("full")
        number = frame.mic_offset // 320
        self.taken.append(number)
        self.delays.append(self._clock.now - self._sent_at[number])
        self.windows += self.ear.feed(frame.pcm)

    def fail(self, fault: ParleyError) -> None:
        """The session was told of a fault."""
        self.faults.append(fault)


def play(clock: Clock, sessions: list[Session]) -> None:
    """Let all frames of all sessions arrive at their times."""
    arrivals = [(at, session, number, frame) for session in sessions for at, number, frame in session.arrivals]
    for at, session, number, frame in sorted(arrivals, key=lambda arrival: arrival[0]):
        if at > clock.now:
            clock.run_until(at)
        session.send(number, frame)
    clock.run_until(clock.now + 1)


def assert_same(found: list[VoiceWindow], expected: list[VoiceWindow]) -> None:
    """The same windows, but for rounding."""
    assert [window.end_sample for window in found] == [window.end_sample for window in expected]
    alone = [window.probability for window in expected]
    assert [window.probability for window in found] == pytest.approx(alone, abs=1e-4)


def test_together_is_as_alone_in_order_and_in_time(model: SileroModel) -> None:
    """Ten sessions in three loads of a trunk: frames go on in order, at once, with the windows they would have had."""
    clock = Clock()
    hearing = Hearing(model, clock.soon)
    sounds = [TALK[640 * shift :] for shift in range(10)]
    sessions = [Session(hearing, clock, sound, 0.004 * (number % 3)) for number, sound in enumerate(sounds)]
    play(clock, sessions)
    for session, sound in zip(sessions, sounds, strict=True):
        assert session.taken == list(range(len(sound) // 640))
        assert max(session.delays) == 0
        assert_same(session.windows, Silero(model).feed(sound))
    assert hearing.windows > 2 * hearing.batches


def test_alone_nobody_waits(model: SileroModel) -> None:
    """With one session a frame is judged within the event loop's present turn."""
    clock = Clock()
    session = Session(Hearing(model, clock.soon), clock, TALK)
    play(clock, [session])
    assert max(session.delays) == 0.0


def test_frames_that_come_in_a_burst_keep_their_order(model: SileroModel) -> None:
    """A whole conversation at once, as after a handover: one batch, the same windows."""
    clock = Clock()
    session = Session(Hearing(model, clock.soon), clock, TALK)
    for _, number, frame in session.arrivals:
        session.send(number, frame)
    clock.run_until(1)
    assert session.taken == list(range(len(session.arrivals)))
    assert_same(session.windows, Silero(model).feed(TALK))


def test_flush_gives_what_waits_at_once(model: SileroModel) -> None:
    """Control that follows audio finds the audio decided; the batch that was due has nothing left to do."""
    clock = Clock()
    session = Session(Hearing(model, clock.soon), clock, TALK)
    for _, number, frame in session.arrivals[:4]:
        session.send(number, frame)
    assert session.taken == [0]
    session.ear.flush()
    assert session.taken == [0, 1, 2, 3]
    clock.run_until(1)
    assert session.taken == [0, 1, 2, 3]
    assert_same(session.windows, Silero(model).feed(TALK[: 4 * 640]))


def test_silence_that_never_arrived_is_heard_between_frames(model: SileroModel) -> None:
    """A gap reaches the core only; its windows and those after it are as if it had been sent."""
    clock = Clock()
    session = Session(Hearing(model, clock.soon), clock, TALK)
    for _, number, frame in session.arrivals[:20]:
        session.send(number, frame)
    session.ear.flush()
    session.windows += session.ear.feed(bytes(3_000))
    for _, number, frame in session.arrivals[20:]:
        session.send(number, frame)
    clock.run_until(1)
    assert_same(session.windows, Silero(model).feed(TALK[: 20 * 640] + bytes(3_000) + TALK[20 * 640 :]))


def test_a_fault_of_one_session_is_its_own(model: SileroModel) -> None:
    """A session whose peer does not read is told so; the others of its batch are served."""
    clock = Clock()
    hearing = Hearing(model, clock.soon)
    sessions = [Session(hearing, clock, TALK) for _ in range(3)]
    sessions[1].broken = True
    for session in sessions:
        for _, number, frame in session.arrivals[1:4]:
            session.send(number, frame + frame)
    clock.run_until(1)
    assert [len(session.faults) for session in sessions] == [0, 1, 0]
    assert [session.taken for session in sessions] == [[1, 2, 3], [], [1, 2, 3]]


def test_a_closed_ear_hears_no_more(model: SileroModel) -> None:
    """What waited is forgotten, later frames are ignored, closing twice is closing once."""
    clock = Clock()
    hearing = Hearing(model, clock.soon)
    session = Session(hearing, clock, TALK)
    for _, number, frame in session.arrivals[:4]:
        session.send(number, frame)
    session.ear.close()
    session.ear.close()
    session.send(4, bytes(640))
    clock.run_until(1)
    assert session.taken == [0]
    assert hearing.batches == 0


def decided(feed: Callable[[bytes], None], size: int, events: list[object]) -> list[str]:
    """Feed the talk in pieces and return what was decided, the random trace left out."""
    for start in range(0, len(TALK), size):
        feed(TALK[start : start + size])
    return [repr(event) if isinstance(event, Judge) else type(event).__name__ for event in events]


@pytest.mark.parametrize("size", [640, 960, 200, 5000])
def test_the_core_decides_the_same_through_an_ear(model: SileroModel, content: ContentListener, size: int) -> None:
    """Turn taking fed by the shared hearing gives the events that it gives when it owns its voice activity.

    Whatever the size of the pieces: the core cuts them into frames of its own and keeps a rest.
    """
    alone = TurnTaking("s", 1, Silero(model), content)
    expected: list[object] = []
    plain = decided(lambda frame: expected.extend(alone.feed(audio.AudioFrame(pcm=frame))), size, expected)
    clock = Clock()
    ear: Ear = Hearing(model, clock.soon).join()
    core = TurnTaking("s", 1, ear, content)
    found: list[object] = []
    ear.give_to(lambda frame: found.extend(core.feed(frame)), lambda fault: None)

    def hear(frame: bytes) -> None:
        ear.hear(audio.AudioFrame(pcm=frame))
        clock.run_until(clock.now)

    shared = decided(hear, size, found)
    assert shared == plain
    assert "SpeechStarted" in plain
