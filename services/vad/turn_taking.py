"""TurnTaking: the decision core of vad. Frames in, decisions out; no I/O, no clock but the microphone's samples.

Who has the floor decides what a sound means (`floor.py`): while nobody or the person has it, the detector and the
length of pauses make turns (`turns.py`); while the assistant has it, the interruption rule decides (`contest.py`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from parley.v1 import audio_pb2 as audio
from parley.v1 import broker_service_pb2 as broker
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import session_pb2 as session
from services.vad.barge_in import BargeIn
from services.vad.beginning import Beginning
from services.vad.contest import Contest
from services.vad.detector import SpeechDetector
from services.vad.events import Event, Judge, Phase, TurnTakingSettings, VoiceActivity
from services.vad.floor import Floor
from services.vad.interruption import Listener
from services.vad.memory import MicMemory
from services.vad.turn import Turn
from services.vad.turns import Turns
from services.vad.verdicts import Cause, Kind, Verdicts
from services.vad.voice import BYTES_PER_SAMPLE, SAMPLES_PER_MS, VoiceWindow

_FRAME_BYTES: Final = 640
_FORGET_SAMPLES: Final = 400 * SAMPLES_PER_MS
"""Speech outside a turn that has been over for this long has nothing to do with what comes next."""


class TurnTaking:
    """One conversation's turns and interruptions. Feed it frames; every method returns what was decided, in order."""

    def __init__(
        self,
        session_id: str,
        lease: int,
        voice: VoiceActivity,
        listener: Listener,
        settings: TurnTakingSettings | None = None,
    ) -> None:
        settings = settings or TurnTakingSettings()
        self._verdicts = Verdicts(session_id, lease)
        self._voice = voice
        self._voice_since = 0  # where on the microphone's clock the voice activity began to hear
        self._memory = MicMemory()
        self._detector = SpeechDetector(settings.detector)
        self._barge_in = BargeIn(listener, settings.interruption)
        self._turns = Turns(self._memory, self._detector, settings)
        self._floor = Floor(self._memory, self._barge_in, self._turns, settings.thinking_ms)
        self._contest = Contest(self._memory, self._detector, self._barge_in, self._turns, self._floor, self._verdicts)
        self._decided = 0  # what comes before this was decided by another vad
        self._is_past = False  # and is being heard again
        self._by_hand = False
        self._pressed = False
        self._muted = False
        self._had_enough = False  # after a turn that had to be cut short: sound must stop before it counts again
        self._rest = b""

    @property
    def phase(self) -> Phase:
        """Who has the floor."""
        return self._floor.phase

    @property
    def state(self) -> client.State:
        """What the client is shown."""
        return self._floor.state

    @property
    def now(self) -> int:
        """How far the microphone has been heard, in samples since the session began."""
        return self._memory.end + len(self._rest) // BYTES_PER_SAMPLE

    # Takeover.

    def end_rests_on(self) -> dict[str, float]:
        """Return what the end of the newest turn rests on, for traces."""
        turn = self._turns.open or self._turns.last
        return turn.pause.evidence() if turn is not None else {}

    def go_on(self, past: Beginning) -> None:
        """Begin in the midst of a session, after another vad; called before anything is heard."""
        self._decided, self._is_past = past.decided, True
        self._verdicts.go_on(0, past.seq)
        self._turns.go_on(past)
        self._floor.go_on(past.awaited)
        self.hear_from(past.hear_from)

    def hear_from(self, offset: int) -> None:
        """The first sample to be heard is this one; called before anything is heard."""
        self._memory.start_at(offset)
        self._voice_since = offset
        self._turns.retention.begin(offset)

    def adopted(self, lease: int, seq: int) -> None:
        """Another ingress owns the session: verdicts are given under its lease, and numbered above `seq`."""
        self._verdicts.go_on(lease, seq)

    # What comes in.

    def feed(self, frame: audio.AudioFrame) -> list[Event]:
        """Take what the microphone heard, any length, gapless."""
        pcm = self._rest + (bytes(len(frame.pcm)) if self._muted else frame.pcm)
        whole = len(pcm) // _FRAME_BYTES * _FRAME_BYTES
        self._rest = pcm[whole:]
        for start in range(0, whole, _FRAME_BYTES):
            self._hear(pcm[start : start + _FRAME_BYTES], frame)
        return self._floor.taken()

    def gap(self, gap: audio.Gap) -> list[Event]:
        """Take silence on the wire as silence."""
        frame = audio.AudioFrame(pcm=bytes(gap.ms * SAMPLES_PER_MS * BYTES_PER_SAMPLE), playhead=audio.Playhead())
        if self._contest.assistant.is_audible(self._memory.end):
            frame.playhead.CopyFrom(self._contest.assistant.playhead)  # a muted microphone says nothing of the speaker
        return self.feed(frame)

    def wants(self, question: Judge) -> bool:
        """Say whether the answer to a Judge still counts: the person has not gone on, the turn is not over."""
        turn = self._turns.open
        return turn is not None and (turn.number, turn.pause.number) == (question.turn, question.pause)

    def judged(self, turn: int, pause: int, complete: float | None) -> list[Event]:
        """Take the end-of-turn model's answer to a Judge."""
        if (judged := self._turns.open) is not None and judged.number == turn and not self._by_hand:
            self._floor.out += self._turns.judged(judged, pause, complete)
            self._end_if_over(judged)
        return self._floor.taken()

    def asked(self, is_question: bool) -> list[Event]:
        """Take the broker's word on the assistant's last sentence: a short answer to a question is complete."""
        self._turns.context = replace(self._turns.context, asked=is_question)
        return self._floor.taken()

    def transcript(self, turn: int, words: str) -> list[Event]:
        """Take what a streaming recogniser has written of a turn so far."""
        if (heard := self._turns.open) is not None and heard.number == turn:
            heard.pause.context = replace(heard.pause.context, words=words)
        return self._floor.taken()

    def hear_all(self) -> list[Event]:
        """The model listens all the time: the broker is given everything that is heard from now on, not turns alone."""
        self._floor.out += self._turns.hear_all()
        return self._floor.taken()

    def model_boundary(self, boundary: broker.ModelBoundary) -> list[Event]:
        """Take the word of the model's own ear: one more voice at a pause, and none over a reply."""
        self._turns.model_boundary(boundary)
        return self._floor.taken()

    def progress(self, progress: broker.TurnProgress) -> list[Event]:
        """Take the broker's word on a turn: one that wants no answer leaves the floor open."""
        silent = progress.stage == broker.TurnProgress.STAGE_SILENT
        if silent and self.phase is Phase.THINKING and progress.turn == self._floor.awaited:
            self._floor.enter(Phase.OPEN)
        return self._floor.taken()

    def answered(self, turn: int) -> list[Event]:
        """Take the broker's word that a turn's text is kept: its audio need not be."""
        self._turns.retention.answered(turn)
        return self._floor.taken()

    def interrupt(self, cause: Cause = Kind.CAUSE_CLIENT) -> list[Event]:
        """The client takes the floor by a key. What is yet to be announced is said after it."""
        if self._floor.is_assistants:
            self._contest.cancel(cause, self._memory.end)
            self._floor.enter(Phase.OPEN)
        return self._floor.taken()

    def operator_interrupt(self) -> list[Event]:
        """An operator takes the floor from the assistant, and takes back what is yet to be announced."""
        self._floor.take_back()
        return self.interrupt(Kind.CAUSE_OPERATOR)

    def announce(self, announcement: session.Announcement) -> list[Event]:
        """An operator has something said as soon as nobody has the floor."""
        self._floor.announce(announcement, self.now)
        return self._floor.taken()

    def mute(self, muted: bool) -> list[Event]:
        """The client's microphone is muted: what it sends counts as silence."""
        self._muted = muted
        return self._floor.taken()

    def push_to_talk(self, pressed: bool) -> list[Event]:
        """A press starts a turn, letting go ends it; from the first press on the ear no longer does either."""
        self._by_hand, self._pressed = True, pressed
        if pressed and self.phase is not Phase.TURN and not self._is_decided():
            cancelled = self.phase is not Phase.OPEN
            if cancelled:
                self._contest.cancel(Kind.CAUSE_CLIENT, self._memory.end)
            self._floor.begin_turn(self._memory.end, interruption=cancelled)
        elif not pressed and self._turns.open is not None:
            self._floor.end_turn(self._turns.open, 1.0)
        return self._floor.taken()

    def say(self, text: str, name: str = "") -> list[Event]:
        """The person typed a turn, which may have a name."""
        if self._is_decided():
            return self._floor.taken()
        if self._floor.is_assistants:
            self._contest.cancel(Kind.CAUSE_TYPED, self._memory.end)
        if self._turns.open is not None:
            self._floor.end_turn(self._turns.open, 1.0)
        self._floor.out += self._turns.typed(text, name, self.now)
        self._floor.await_reply(self._turns.count)
        return self._floor.taken()

    # One frame of 20 ms.

    def _hear(self, pcm: bytes, frame: audio.AudioFrame) -> None:
        now = self._memory.end
        self._contest.assistant.hear(now, frame.playhead)
        if self._is_past and now >= self._decided:
            self._settle()
        if not self._is_past:
            self._contest.follow(now, by_hand=self._by_hand)
        self._memory.append(pcm)
        judging = self._floor.is_assistants and not self._by_hand
        self._barge_in.hear(pcm, frame.echo if frame.HasField("echo") else None)
        for window in self._voice.feed(pcm):
            self._judge(VoiceWindow(window.end_sample + self._voice_since, window.probability), judging=judging)
        self._floor.out += self._turns.audio()
        self._acknowledge()

    def _judge(self, window: VoiceWindow, *, judging: bool) -> None:
        self._detector.feed(window)
        if self._is_past:
            if not self._contest.assistant.is_audible(self._memory.end):
                self._barge_in.listen(window)
            return
        if self._turns.open is None and self._detector.silence_samples > _FORGET_SAMPLES:
            self._detector.rest()
            self._had_enough = False
        if judging:
            verdict = self._barge_in.judge(window)
            self._contest.take(None if self._had_enough else verdict)
        elif not self._by_hand and not self._had_enough:
            self._take_window(window)

    def _take_window(self, window: VoiceWindow) -> None:
        """While nobody, or the person, has the floor."""
        if self.phase is Phase.OPEN and self._detector.is_speaking:
            self._floor.begin_turn(self._detector.onset, interruption=False)
        elif (turn := self._turns.open) is not None:
            self._barge_in.listen(window)
            self._floor.out += self._turns.pause(turn)
            self._end_if_over(turn)

    def _end_if_over(self, turn: Turn) -> None:
        if self._by_hand:
            return
        if self._turns.is_over(turn):
            if self._turns.is_too_short(turn):
                self._floor.out += self._turns.dismiss(turn)
                self._floor.enter(Phase.OPEN)
            else:
                self._floor.end_turn(turn, turn.pause.complete, by_ear=True)
        elif self._turns.is_endless(turn):
            self._floor.end_turn(turn, turn.pause.complete)
            self._had_enough = True

    def _is_decided(self) -> bool:
        """Say whether what comes now was heard, and decided upon, by another vad."""
        return self._is_past and self._turns.count > 0 and self.now <= self._decided

    def _settle(self) -> None:
        """The past has been heard: speech of it is none of ours, but what goes on from here on is."""
        self._is_past = False
        self._detector.rest()
        self._contest.settle()
        self._floor.settle()

    def _acknowledge(self) -> None:
        if (kept_since := self._turns.retention.forget(self._memory)) is not None:
            self._floor.out.append(audio.Heard(mic_offset=kept_since))
