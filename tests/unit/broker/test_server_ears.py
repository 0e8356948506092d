"""Server ears: a model that listens all the time, and turns that are vad's all the same."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import session_pb2 as session
from parley.v1 import stream_pb2
from services.broker.faults import COMMIT_EMPTY
from services.broker.manner import Closing, TurnMode
from services.broker.parts import TRANSCRIPT_LOST_S
from services.broker.upstream.capabilities import Capabilities
from tests.unit.broker.scene import Cause, Scene

PIECE_MS = 100
STARTED = broker.ModelBoundary.KIND_SPEECH_STARTED
STOPPED = broker.ModelBoundary.KIND_SPEECH_STOPPED


class Room:
    """A scene with a microphone that is always open; its clock begins at `mic_ms`."""

    def __init__(self, *, mic_ms: int = 0, turns: TurnMode = TurnMode.SERVER_VAD, **manner: Any) -> None:
        self.scene = Scene(turns=turns, **manner)
        self.mic_ms = mic_ms

    def hear(self, ms: int, turn: int = 0) -> None:
        """So much goes by at the microphone."""
        for _ in range(ms // PIECE_MS):
            audio = broker.TurnAudio(turn=turn, mic_offset=self.mic_ms * 16, pcm=bytes(PIECE_MS * 32))
            self.mic_ms += PIECE_MS
            self.scene.vad(audio=audio)

    def begin(self, turn: int) -> None:
        """Speech began 200 ms ago, by vad."""
        self.scene.vad(speech_started=broker.SpeechStarted(turn=turn, onset_offset=(self.mic_ms - 200) * 16))

    def end(self, turn: int, *, waited_ms: int = 300, **ended: Any) -> None:
        """It is over, by vad."""
        end = (self.mic_ms - waited_ms) * 16
        ended = {"speech_ms": 2000, "waited_ms": waited_ms, "end_offset": end, **ended}
        self.scene.vad(turn_ended=broker.TurnEnded(turn=turn, **ended))

    def say(self, turn: int, ms: int = 1000) -> None:
        """A whole turn, and the pause after it."""
        self.hear(200)
        self.begin(turn)
        self.hear(ms - 200 + 300, turn)
        self.end(turn)

    # The model's ear.

    def started(self, item: str, at_ms: int) -> None:
        """It hears speech, at so much of the sound it was given."""
        self.scene.model("input_audio_buffer.speech_started", item_id=item, audio_start_ms=at_ms)

    def stopped(self, item: str, at_ms: int) -> None:
        """It hears speech end, and commits."""
        self.scene.model("input_audio_buffer.speech_stopped", item_id=item, audio_end_ms=at_ms)
        self.scene.committed(item)

    def boundaries(self) -> list[tuple[int, int]]:
        """What vad was told of it: the kind, and milliseconds by the microphone's clock."""
        told = [response.model_boundary for response in self.scene.to_vad if response.HasField("model_boundary")]
        return [(boundary.kind, boundary.mic_offset // 16) for boundary in told]


def texts(scene: Scene) -> list[tuple[int, str]]:
    """The person's turns as history has them."""
    user = session.HistoryItem.ROLE_USER
    return [(item.turn, item.text) for item in scene.history if item.role == user]


def test_the_models_own_commit_is_the_turns() -> None:
    """It committed before vad decided: nothing is committed twice, its item's words are the turn's."""
    room = Room()
    room.hear(1000)
    room.hear(200)
    room.begin(1)
    room.started("s1", 900)
    room.hear(1300, 1)
    room.stopped("s1", 2300)
    room.end(1)
    assert room.scene.steps == ["create"]
    room.scene.transcript("s1", "hello")
    assert texts(room.scene) == [(1, "hello")]
    assert room.scene.history[0].item == "s1"


def test_everything_goes_to_the_model_and_nothing_twice() -> None:
    """Silence, speech, silence: its clock is the length of what it was given."""
    room = Room()
    room.hear(500)
    room.say(1)
    room.hear(500)
    given_ms = sum(len(event["audio"]) * 3 // 4 for event in room.scene.of("input_audio_buffer.append")) / 48
    assert abs(given_ms - room.mic_ms) < 60, "all but what the resampler holds back"


def test_two_items_of_the_model_can_be_one_turn() -> None:
    """It is quicker with an end than vad: the words are joined, and written when all are known."""
    room = Room()
    room.hear(200)
    room.begin(1)
    room.started("s1", 0)
    room.hear(800, 1)
    room.stopped("s1", 800)
    room.hear(300, 1)
    room.started("s2", 1100)
    room.hear(800, 1)
    room.stopped("s2", 2000)
    room.end(1)
    assert room.scene.steps == ["create"]
    room.scene.transcript("s2", "tomorrow")
    assert texts(room.scene) == []
    room.scene.transcript("s1", "the weather")
    assert texts(room.scene) == [(1, "the weather tomorrow")]


def test_words_of_an_open_turn_are_weighed_at_the_pause() -> None:
    """What the model has written of it so far goes to vad, and is the turn's when it ends."""
    room = Room()
    room.hear(200)
    room.begin(1)
    room.started("s1", 0)
    room.hear(800, 1)
    room.stopped("s1", 800)
    room.scene.transcript("s1", "call me")
    written = [response.transcript.text for response in room.scene.to_vad if response.HasField("transcript")]
    assert written == ["call me"]
    assert texts(room.scene) == []
    room.hear(300, 1)
    room.end(1)
    assert texts(room.scene) == [(1, "call me")]


def test_a_model_that_has_not_committed_is_told_to() -> None:
    """Our ear is quicker; the item is the turn's, whether the model heard it begin or not."""
    room = Room()
    room.hear(200)
    room.begin(1)
    room.started("s1", 0)
    room.hear(1000, 1)
    room.end(1)
    assert room.scene.steps == ["commit", "create"]
    room.scene.committed("s1")
    room.scene.transcript("s1", "hello")
    assert texts(room.scene) == [(1, "hello")]


def test_a_dead_ear_costs_nothing_but_itself() -> None:
    """Azure's semantic_vad never says anything: every turn is committed by us."""
    room = Room(turns=TurnMode.SEMANTIC_VAD)
    for turn in (1, 2):
        room.say(turn)
        assert room.scene.steps[-2:] == ["commit", "create"]
        room.scene.committed(f"s{turn}")
        room.scene.transcript(f"s{turn}", f"words {turn}")
        room.scene.answer(turn)
        room.scene.played(turn, 2000, ended=True)
    assert texts(room.scene) == [(1, "words 1"), (2, "words 2")]
    assert room.scene.memory_edits == []
    assert room.scene.core.is_quiet


def test_a_commit_that_crosses_the_models_own_is_no_fault() -> None:
    """Both end the turn at once: ours is refused as empty, and the turn has its item and its answer."""
    room = Room()
    room.hear(200)
    room.begin(1)
    room.started("s1", 0)
    room.hear(1000, 1)
    room.end(1)
    room.stopped("s1", 1200)
    room.scene.refuse(COMMIT_EMPTY, room.scene.of("input_audio_buffer.commit")[0]["event_id"])
    room.scene.transcript("s1", "hello")
    assert texts(room.scene) == [(1, "hello")]
    assert room.scene.silent == []
    assert not room.scene.core._ears.awaits_commit


def test_a_commit_refused_before_the_models_own_is_told() -> None:
    """The same the other way round: the item had not been told of when the refusal came."""
    room = Room()
    room.hear(200)
    room.begin(1)
    room.started("s1", 0)
    room.hear(1000, 1)
    room.end(1)
    room.scene.refuse(COMMIT_EMPTY, room.scene.of("input_audio_buffer.commit")[0]["event_id"])
    room.stopped("s1", 1200)
    room.scene.transcript("s1", "hello")
    assert texts(room.scene) == [(1, "hello")]
    assert room.scene.silent == []


def test_a_turn_of_which_the_model_heard_nothing_is_none() -> None:
    """It was noise: nobody is answered, and vad's keeping of it ends."""
    room = Room()
    room.say(1)
    room.scene.refuse(COMMIT_EMPTY, room.scene.of("input_audio_buffer.commit")[0]["event_id"])
    assert room.scene.silent == [1]
    assert room.scene.answered == [1]
    assert texts(room.scene) == []


def test_a_cough_is_deleted_before_the_next_answer() -> None:
    """The model took it for speech, vad did not: the next answer is not about it."""
    room = Room()
    room.hear(1000)
    room.started("cough", 300)
    room.stopped("cough", 900)
    room.hear(1000)
    room.hear(200)
    room.begin(1)
    room.started("s1", 2000)
    room.hear(1000, 1)
    room.stopped("s1", 3100)
    room.end(1)
    assert room.scene.steps == ["item.delete", "create"]
    assert room.scene.memory_edits == [("cough", None)]


def test_what_vad_dismissed_is_deleted_too() -> None:
    """A turn that turned out to be none."""
    room = Room()
    room.hear(200)
    room.begin(1)
    room.started("s1", 0)
    room.hear(300, 1)
    room.scene.vad(speech_dismissed=broker.SpeechDismissed(turn=1))
    room.hear(300)
    room.stopped("s1", 700)
    room.scene.transcript("s1", "hm")
    room.hear(1000)
    room.say(2)
    assert room.scene.memory_edits == [("s1", None)]


def test_a_server_that_deletes_nothing_is_not_asked_to() -> None:
    """Then the model knows of the cough."""
    room = Room(capabilities=Capabilities(can_delete=False))
    room.hear(1000)
    room.started("cough", 300)
    room.stopped("cough", 900)
    room.hear(1000)
    room.say(1)
    assert room.scene.memory_edits == []


def test_an_interruption_is_a_turn_of_its_own() -> None:
    """What the model heard of a "mm-hmm" before is none."""
    room = Room()
    room.say(1)
    room.scene.committed("s1")
    room.scene.transcript("s1", "hello")
    room.scene.answer(1, 5000, "one two three four five")
    room.scene.played(1, 200)
    room.hear(500)
    room.started("mhm", 1400)
    room.stopped("mhm", 1800)
    room.hear(500)
    room.hear(200)
    room.scene.interrupt(1)
    room.scene.played(1, 1000, seq=1)
    room.begin(2)
    room.started("s2", 2300)
    room.hear(1000, 2)
    room.stopped("s2", 3600)
    room.end(2, interruption=True)
    assert ("mhm", None) in room.scene.memory_edits
    room.scene.transcript("s2", "no wait")
    room.scene.answer(2)
    room.scene.played(2, 2000, ended=True)
    assert texts(room.scene) == [(1, "hello"), (2, "no wait")]
    assert room.scene.said[1] == ("assistant", "one")


def test_a_turn_that_goes_on_keeps_all_it_said() -> None:
    """We hear only that it goes on: what the model heard since belongs to it, and is not deleted as a cough."""
    room = Room()
    room.hear(200)
    room.begin(1)
    room.started("s1", 0)
    room.hear(1000, 1)
    room.stopped("s1", 1000)
    room.end(1)
    room.scene.transcript("s1", "I would like")
    room.scene.created("r1")
    room.hear(400)
    room.scene.interrupt(1, Cause.CAUSE_TURN_RESUMED)
    room.scene.resume(1)
    room.scene.done("r1", "cancelled")
    room.started("s2", 1500)
    room.hear(1000, 1)
    room.stopped("s2", 2500)
    room.end(1)
    room.scene.transcript("s2", "a pizza")
    room.hear(1000)
    room.say(2)
    assert texts(room.scene) == [(1, "I would like"), (1, "a pizza")]
    assert room.scene.memory_edits == []


def test_a_goodbye_written_before_vad_decides_ends_the_session() -> None:
    """The model's ear was quicker than the turn's end: its words count all the same."""
    room = Room(closing=Closing(silence_s=0))
    room.hear(200)
    room.begin(1)
    room.started("s1", 0)
    room.hear(800, 1)
    room.stopped("s1", 800)
    room.scene.transcript("s1", "Goodbye!")
    room.hear(300, 1)
    room.end(1)
    room.scene.answer(1)
    room.scene.played(1, 2000, ended=True)
    room.scene.wait(0.2)
    hangup = room.scene.core.hangup
    assert hangup is not None
    assert hangup.reason == stream_pb2.Hangup.REASON_GOODBYE


def test_a_stop_written_before_vad_decides_needs_no_waiting() -> None:
    """Its words are known: it is obeyed at once, not 3 s later."""
    room = Room()
    room.hear(200)
    room.begin(1)
    room.started("s1", 0)
    room.hear(500, 1)
    room.stopped("s1", 500)
    room.scene.transcript("s1", "Stop!")
    room.hear(300, 1)
    room.end(1, interruption=True, speech_ms=400)
    assert room.scene.silent == [1]
    assert room.scene.of("response.create") == []


def test_words_that_never_come_are_not_waited_for() -> None:
    """The turn enters history without; what the model writes later is a line of its own."""
    room = Room()
    room.say(1)
    room.scene.wait(TRANSCRIPT_LOST_S + 0.2)
    assert texts(room.scene) == [(1, "")]
    assert not room.scene.core._ears.awaits_commit
    room.scene.committed("s1")
    room.scene.transcript("s1", "late")
    room.scene.close()
    assert texts(room.scene) == [(1, ""), (1, "late")]


def test_silence_that_the_model_commits_after_the_turn_is_no_line() -> None:
    """Our commit came first, and its ear ends what is left by itself: no words, no line; and then all goes on."""
    room = Room(turns=TurnMode.SEMANTIC_VAD)
    room.hear(200)
    room.begin(1)
    room.started("s1", 0)
    room.hear(1000, 1)
    room.end(1)
    room.scene.committed("s1")
    room.scene.transcript("s1", "hello")
    room.stopped("s2", 1200)
    room.scene.transcript("s2", "")
    assert not room.scene.core._ears.parts.pending
    room.scene.close()
    assert texts(room.scene) == [(1, "hello")]


# Boundaries.


@pytest.mark.parametrize("mic_ms", [0, 7200])
def test_boundaries_are_told_by_the_microphones_clock(mic_ms: int) -> None:
    """The model counts what it was given; the microphone may have run long before."""
    room = Room(mic_ms=mic_ms)
    room.hear(2000)
    room.started("s1", 700)
    room.stopped("s1", 1500)
    assert room.boundaries() == [(STARTED, mic_ms + 700), (STOPPED, mic_ms + 1500)]


def test_a_boundary_says_whether_words_were_weighed() -> None:
    """It counts for more then."""
    for turns, semantic in ((TurnMode.SERVER_VAD, False), (TurnMode.SEMANTIC_VAD, True)):
        room = Room(turns=turns)
        room.hear(1000)
        room.started("s1", 300)
        told = [response.model_boundary.semantic for response in room.scene.to_vad]
        assert told == [semantic]


def break_off(room: Room, away_ms: int) -> None:
    """The connection breaks, the microphone goes on, and a new one stands."""
    scene = room.scene
    scene.take(scene.core.lose_model(scene.now_s))
    room.hear(away_ms)
    scene.take(scene.core.rebuild(scene.now_s))


@pytest.mark.parametrize("away_ms", [0, 1000])
def test_boundaries_after_a_reconnect(away_ms: int) -> None:
    """The new model's clock begins with what it is given, however long nobody was there."""
    room = Room(mic_ms=500)
    room.hear(3000)
    break_off(room, away_ms)
    at_ms = room.mic_ms
    room.hear(1000)
    room.started("s1", 400)
    assert room.boundaries() == [(STARTED, at_ms + 400)]


def given_ms(scene: Scene, since: int) -> float:
    """How much sound the model was given since then."""
    events = [event for event in scene.sent[since:] if event["type"].endswith("append")]
    return sum(len(event["audio"]) * 3 // 4 for event in events) / 48


def test_a_reconnect_in_the_middle_of_a_turn() -> None:
    """The new model is given what was said so far, pre-roll and all, and hears the rest; boundaries stay true."""
    room = Room(mic_ms=500)
    room.hear(3000)
    room.begin(1)
    onset_ms = room.mic_ms - 200
    room.started("old", 2700)
    room.hear(400, 1)
    scene = room.scene
    scene.take(scene.core.lose_model(scene.now_s))
    room.hear(300, 1)
    before = len(scene.sent)
    scene.take(scene.core.rebuild(scene.now_s))
    given = room.mic_ms - (onset_ms - 300)
    assert abs(given_ms(scene, before) - given) < 60
    room.hear(500, 1)
    room.started("s1", 300)
    assert room.boundaries()[-1] == (STARTED, onset_ms)
    room.hear(300, 1)
    room.end(1)
    assert scene.steps == ["commit", "create"]
    scene.committed("s1")
    scene.transcript("s1", "all of it")
    assert texts(scene) == [(1, "all of it")]


def test_a_turn_that_nobody_answered_is_given_again() -> None:
    """Committed by us, for the new model's ear may not take it for speech; then it is asked about."""
    room = Room()
    room.say(1)
    scene = room.scene
    scene.committed("s1")
    before = len(scene.sent)
    break_off(room, 500)
    steps = [event["type"].split(".", 1)[-1] for event in scene.sent[before:] if not event["type"].endswith("append")]
    assert steps == ["item.create", "commit", "create"]
    scene.committed("s2")
    scene.transcript("s2", "hello")
    assert texts(scene) == [(1, "hello")]
    scene.answer(2)
    scene.played(2, 2000, ended=True)
    assert scene.core.is_quiet


def test_a_turn_that_nobody_wrote_down_is_no_cough_on_a_new_connection() -> None:
    """Its sound is all that is known of it: it is given again, and stays."""
    room = Room()
    room.say(1)
    scene = room.scene
    scene.committed("s1")
    scene.model("conversation.item.input_audio_transcription.failed", item_id="s1")
    scene.answer(1)
    scene.played(1, 2000, ended=True)
    break_off(room, 500)
    scene.committed("s1.2")
    scene.transcript("s1.2", "what was it")
    room.hear(500)
    room.say(2)
    assert scene.memory_edits == []
    assert texts(scene) == [(1, "")]


# No word lost, none told twice.


class Ear:
    """A model's ear, with a pause of its own, whose events may be late. A word is a number; a cough is none to vad."""

    def __init__(self, room: Room, pause_ms: int) -> None:
        self.room = room
        self.outbox: deque[dict[str, Any]] = deque()
        self.items: dict[str, list[str]] = {}
        self.deleted: list[str] = []
        self._pause_ms = pause_ms
        self._words: list[str] = []
        self._item = ""
        self._last_ms = 0
        self._since_commit_ms = 0
        self._seen = 0

    def hear(self, word: str) -> None:
        """Take a piece of sound, with a word in it or none."""
        now_ms = self.room.mic_ms
        self._since_commit_ms += PIECE_MS
        if word:
            if not self._item:
                self._item = f"s{len(self.items) + 1}"
                self.items[self._item] = []
                start_ms = max(now_ms - PIECE_MS - 300, 0)
                self._send("input_audio_buffer.speech_started", item_id=self._item, audio_start_ms=start_ms)
            self._words.append(word)
            self._last_ms = now_ms
        elif self._item and now_ms - self._last_ms >= self._pause_ms:
            self._send("input_audio_buffer.speech_stopped", item_id=self._item, audio_end_ms=now_ms)
            self._commit()

    def obey(self) -> None:
        """Take what the broker has sent since."""
        sent, self._seen = self.room.scene.sent[self._seen :], len(self.room.scene.sent)
        for event in sent:
            if event["type"] == "input_audio_buffer.commit" and self._since_commit_ms < 100:
                error = {"type": "invalid_request_error", "code": COMMIT_EMPTY, "event_id": event["event_id"]}
                self._send("error", error=error)
            elif event["type"] == "input_audio_buffer.commit":
                self._commit()
            elif event["type"] == "conversation.item.delete":
                self.deleted.append(event["item_id"])

    def _commit(self) -> None:
        if not self._item:
            self._item = f"s{len(self.items) + 1}"
        item, words = self._item, self._words
        self.items[item] = words
        self._item, self._words, self._since_commit_ms = "", [], 0
        self._send("input_audio_buffer.committed", item_id=item)
        kind = "conversation.item.input_audio_transcription.completed"
        self._send(kind, item_id=item, transcript=" ".join(words))

    def tell(self, count: int) -> None:
        """Let so many of its events arrive."""
        for _ in range(min(count, len(self.outbox))):
            event = self.outbox.popleft()
            self.room.scene.take(self.room.scene.core.from_model(event, self.room.scene.now_s))
            self.obey()

    def _send(self, kind: str, **fields: Any) -> None:
        self.outbox.append({"type": kind, **fields})


class Talk:
    """A person in a room with an ear in it, and vad, which ends a turn after a pause of its own."""

    def __init__(self, vad_ms: int, ear_ms: int) -> None:
        self.room = Room()
        self.ear = Ear(self.room, ear_ms)
        self.spoken: dict[int, list[str]] = {}
        self.turn = 0
        self.is_open = False
        self._vad_ms = vad_ms
        self._last_ms = 0
        self._count = 0

    def do(self, step: tuple[str, int]) -> None:
        """Let one thing happen."""
        what, much = step
        if what == "tell":
            self.ear.tell(much)
        elif what == "cough":
            self._pass("cough")
        elif what == "pause":
            for _ in range(much):
                self._pass("")
        else:
            self._speak(goes_on=what == "go on")

    def _speak(self, *, goes_on: bool) -> None:
        self._count += 1
        word = f"w{self._count}"
        if not self.is_open:
            self._pass(word)
            self._pass(word + "'")
            self.is_open = True
            if goes_on and self.turn:
                self.room.scene.resume(self.turn)
            else:
                self.turn += 1
                self.room.begin(self.turn)
            self.spoken.setdefault(self.turn, []).extend([word, word + "'"])
        else:
            self._pass(word)
            self.spoken[self.turn].append(word)
        self._last_ms = self.room.mic_ms
        self.ear.obey()

    def _pass(self, word: str) -> None:
        self.room.hear(PIECE_MS, self.turn if self.is_open else 0)
        self.ear.hear(word)
        if self.is_open and self.room.mic_ms - self._last_ms >= self._vad_ms and not word:
            self.is_open = False
            self.room.end(self.turn, waited_ms=self.room.mic_ms - self._last_ms)
        self.ear.obey()


STEPS = st.one_of(
    st.tuples(st.sampled_from(["speak", "speak", "go on", "cough"]), st.just(1)),
    st.tuples(st.sampled_from(["pause", "tell"]), st.integers(1, 12)),
)


@settings(max_examples=120, deadline=None)
@given(st.sampled_from([300, 600, 900]), st.sampled_from([200, 500, 800]), st.lists(STEPS, max_size=50))
def test_no_word_is_lost_and_none_told_twice(vad_ms: int, ear_ms: int, steps: list[tuple[str, int]]) -> None:
    """Whoever is quicker with an end, and however late the model's word on it is."""
    talk = Talk(vad_ms, ear_ms)
    for step in steps:
        talk.do(step)
    for _ in range(3):
        talk.do(("pause", 12))
        talk.do(("tell", 200))
    assert not talk.room.scene.core._ears.awaits_commit
    talk.room.scene.close()
    found: dict[int, list[str]] = {}
    for turn, text in texts(talk.room.scene):
        found.setdefault(turn, []).extend(word for word in text.split() if word != "cough")
    assert found == talk.spoken
    assert len(talk.ear.deleted) == len(set(talk.ear.deleted))
    gone = [word for item in talk.ear.deleted for word in talk.ear.items[item]]
    assert set(gone) <= {"cough"}, "the model was made to forget what it was told"
