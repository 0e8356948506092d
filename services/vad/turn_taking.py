"""TurnTaking: the decision core of vad. Frames in, decisions out; no I/O, no clock but the microphone's samples.

Four phases, by who has the floor:
  OPEN       nobody: speech starts a turn
  TURN       the person: silence, judged, ends the turn
  THINKING   the assistant, not yet audible: a phrase resumes the turn, noise changes nothing
  SPEAKING   the assistant: speech ducks the reply, then cancels or releases it
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from parley.v1 import audio_pb2 as audio
from parley.v1 import broker_service_pb2 as broker
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import session_pb2 as session
from services.vad.announcements import Announcements
from services.vad.assistant import RESUMABLE_SAMPLES, Assistant
from services.vad.barge_in import BargeIn
from services.vad.detector import SpeechDetector
from services.vad.events import STATES, Event, Judge, Phase, TurnTakingSettings, VoiceActivity
from services.vad.interruption import Decision, Listener, Verdict
from services.vad.memory import MicMemory
from services.vad.turn import Turn
from services.vad.turns import Turns
from services.vad.verdicts import CAUSES, Cause, Kind, Verdicts, silencing_word
from services.vad.voice import BYTES_PER_SAMPLE, SAMPLES_PER_MS, VoiceWindow

States = session.ConversationState

_FRAME_BYTES: Final = 640
_FORGET_SAMPLES: Final = 400 * SAMPLES_PER_MS
"""Speech outside a turn that has been over for this long has nothing to do with what comes next."""
_LAST_SECOND_SAMPLES: Final = 1_000 * SAMPLES_PER_MS


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
        self._settings = settings or TurnTakingSettings()
        self._thinking_samples = self._settings.thinking_ms * SAMPLES_PER_MS
        self._verdicts = Verdicts(session_id, lease)
        self._voice = voice
        self._memory = MicMemory()
        self._detector = SpeechDetector(self._settings.detector)
        self._barge_in = BargeIn(listener, self._settings.interruption)
        self._assistant = Assistant()
        self._announcements = Announcements()
        self.phase = Phase.OPEN
        self._turns = Turns(self._memory, self._detector, self._settings)
        self._awaited = 0  # the turn whose answer comes next; 0 after an announcement, which answers none
        self._by_hand = False
        self._pressed = False
        self._muted = False
        self._had_enough = False  # after a turn that had to be cut short: sound must stop before it counts again
        self._rest = b""
        self._thinking_since = 0
        self._heard_reply = 0
        self._state = States.CONVERSATION_STATE_IDLE
        self._out: list[Event] = []

    # What comes in.

    def feed(self, frame: audio.AudioFrame) -> list[Event]:
        """Take what the microphone heard, any length, gapless."""
        pcm = self._rest + (bytes(len(frame.pcm)) if self._muted else frame.pcm)
        whole = len(pcm) // _FRAME_BYTES * _FRAME_BYTES
        self._rest = pcm[whole:]
        for start in range(0, whole, _FRAME_BYTES):
            self._hear(pcm[start : start + _FRAME_BYTES], frame)
        return self._taken()

    def gap(self, gap: audio.Gap) -> list[Event]:
        """Take silence on the wire as silence."""
        frame = audio.AudioFrame(pcm=bytes(gap.ms * SAMPLES_PER_MS * BYTES_PER_SAMPLE), playhead=audio.Playhead())
        if self._assistant.is_audible(self._memory.end):
            frame.playhead.CopyFrom(self._assistant.playhead)  # a muted microphone says nothing of the speaker
        return self.feed(frame)

    def wants(self, question: Judge) -> bool:
        """Say whether the answer to a Judge still counts: the person has not gone on, the turn is not over."""
        turn = self._turns.open
        return turn is not None and (turn.number, turn.pause.number) == (question.turn, question.pause)

    def judged(self, turn: int, pause: int, complete: float | None) -> list[Event]:
        """Take the end-of-turn model's answer to a Judge."""
        if (judged := self._turns.open) is not None and judged.number == turn and not self._by_hand:
            self._out += self._turns.judged(judged, pause, complete)
            self._end_if_over(judged)
        return self._taken()

    def asked(self, is_question: bool) -> list[Event]:
        """Take the broker's word on the assistant's last sentence: a short answer to a question is complete."""
        self._turns.context = replace(self._turns.context, asked=is_question)
        return self._taken()

    def transcript(self, turn: int, words: str) -> list[Event]:
        """Take what a streaming recogniser has written of a turn so far."""
        if (heard := self._turns.open) is not None and heard.number == turn:
            heard.pause.context = replace(heard.pause.context, words=words)
        return self._taken()

    def hear_all(self) -> list[Event]:
        """The model listens all the time: the broker is given everything that is heard from now on, not turns alone."""
        self._out += self._turns.hear_all()
        return self._taken()

    def model_boundary(self, boundary: broker.ModelBoundary) -> list[Event]:
        """Take the word of the model's own ear: one more voice at a pause, and none over a reply."""
        self._turns.model_boundary(boundary)
        return self._taken()

    def progress(self, progress: broker.TurnProgress) -> list[Event]:
        """Take the broker's word on a turn: one that wants no answer leaves the floor open."""
        silent = progress.stage == broker.TurnProgress.STAGE_SILENT
        if silent and self.phase is Phase.THINKING and progress.turn == self._awaited:
            self._enter(Phase.OPEN)
        return self._taken()

    def answered(self, turn: int) -> list[Event]:
        """Take the broker's word that a turn's text is kept: its audio need not be."""
        self._turns.retention.drop(turn)
        return self._taken()

    def interrupt(self, cause: Cause = Kind.CAUSE_CLIENT) -> list[Event]:
        """The client takes the floor by a key. What is yet to be announced is said after it."""
        if self.phase in (Phase.THINKING, Phase.SPEAKING):
            self._cancel(cause, self._memory.end)
            self._enter(Phase.OPEN)
        return self._taken()

    def operator_interrupt(self) -> list[Event]:
        """An operator takes the floor from the assistant, and takes back what is yet to be announced."""
        self._announcements.clear()
        return self.interrupt(Kind.CAUSE_OPERATOR)

    def announce(self, announcement: session.Announcement) -> list[Event]:
        """An operator has something said as soon as nobody has the floor."""
        self._announcements.add(announcement)
        return self._taken()

    def mute(self, muted: bool) -> list[Event]:
        """The client's microphone is muted: what it sends counts as silence."""
        self._muted = muted
        return self._taken()

    def push_to_talk(self, pressed: bool) -> list[Event]:
        """A press starts a turn, letting go ends it; from the first press on the ear no longer does either."""
        self._by_hand, self._pressed = True, pressed
        if pressed and self.phase is not Phase.TURN:
            cancelled = self.phase is not Phase.OPEN
            if cancelled:
                self._cancel(Kind.CAUSE_CLIENT, self._memory.end)
            self._begin_turn(self._memory.end, interruption=cancelled)
        elif not pressed and self._turns.open is not None:
            self._end_turn(self._turns.open, 1.0)
        return self._taken()

    def say(self, text: str) -> list[Event]:
        """The person typed a turn."""
        if self.phase in (Phase.THINKING, Phase.SPEAKING):
            self._cancel(Kind.CAUSE_TYPED, self._memory.end)
        if self._turns.open is not None:
            self._end_turn(self._turns.open, 1.0)
        self._out += self._turns.typed(text)
        self._await_reply(self._turns.count)
        return self._taken()

    # One frame of 20 ms.

    def _hear(self, pcm: bytes, frame: audio.AudioFrame) -> None:
        self._assistant.hear(self._memory.end, frame.playhead)
        self._follow_assistant(self._memory.end)
        self._memory.append(pcm)
        judging = self.phase in (Phase.THINKING, Phase.SPEAKING) and not self._by_hand
        self._barge_in.hear(pcm, frame.echo if frame.HasField("echo") else None)
        for window in self._voice.feed(pcm):
            self._detector.feed(window)
            if self._turns.open is None and self._detector.silence_samples > _FORGET_SAMPLES:
                self._detector.rest()
                self._had_enough = False
            if judging:
                verdict = self._barge_in.judge(window)
                self._take_verdict(None if self._had_enough else verdict)
            elif not self._by_hand and not self._had_enough:
                self._take_window(window)
        self._out += self._turns.audio()
        self._acknowledge()

    def _follow_assistant(self, now: int) -> None:
        audible = self._assistant.is_audible(now)
        if audible and self.phase in (Phase.OPEN, Phase.THINKING):
            self._barge_in.loudness.reply_begins()
            self._enter(Phase.SPEAKING)
        elif not audible and self.phase is Phase.SPEAKING:
            self._assistant_fell_silent(now)
        elif audible and self._turns.open is not None:
            self._cancel(Kind.CAUSE_SPEECH, self._turns.open.onset)  # the person had the floor first
        elif self.phase is Phase.THINKING and now - self._thinking_since > self._thinking_samples:
            self._enter(Phase.OPEN)

    def _assistant_fell_silent(self, now: int) -> None:
        """The reply ended undisturbed: speech under way, or a "yes" in its last second, is a turn after all."""
        self._heard_reply = self._assistant.playhead.reply
        self._release(Kind.CAUSE_TIMEOUT, now)
        released = self._barge_in.last_word(now)
        self._enter(Phase.OPEN)
        if self._by_hand:
            return
        if self._detector.is_speaking and self._detector.silence_samples < _LAST_SECOND_SAMPLES // 4:
            self._begin_turn(self._detector.onset, interruption=False)
        elif released is not None:
            self._detector.hold(*released)
            self._begin_turn(released[0], interruption=False)

    # While nobody, or the person, has the floor.

    def _take_window(self, window: VoiceWindow) -> None:
        if self.phase is Phase.OPEN and self._detector.is_speaking:
            self._begin_turn(self._detector.onset, interruption=False)
        elif (turn := self._turns.open) is not None:
            self._barge_in.listen(window)
            self._out += self._turns.pause(turn)
            self._end_if_over(turn)

    def _begin_turn(self, onset: int, *, interruption: bool, stop_word: str = "") -> None:
        self._out += self._turns.begin(onset, interruption=interruption, stop_word=stop_word)
        self._enter(Phase.TURN)

    def _end_if_over(self, turn: Turn) -> None:
        if self._by_hand:
            return
        if self._turns.is_over(turn):
            if self._turns.is_too_short(turn):
                self._out += self._turns.dismiss(turn)
                self._enter(Phase.OPEN)
            else:
                self._end_turn(turn, turn.pause.complete, by_ear=True)
        elif self._turns.is_endless(turn):
            self._end_turn(turn, turn.pause.complete)
            self._had_enough = True

    def _end_turn(self, turn: Turn, complete: float | None, *, by_ear: bool = False) -> None:
        self._out += self._turns.end(turn, complete, by_ear=by_ear)
        self._await_reply(turn.number)

    # While the assistant has the floor.

    def _take_verdict(self, verdict: Verdict | None) -> None:
        match verdict:
            case Verdict(decision=Decision.DUCK) if self.phase is Phase.SPEAKING:
                now = self._memory.end
                self._out.append(self._verdicts.duck(verdict, now, self._assistant.playhead))
            case Verdict(decision=Decision.RELEASE):
                self._release(CAUSES[verdict.why], verdict.onset_sample, verdict)
            case Verdict(decision=Decision.CANCEL):
                self._take_floor(verdict)

    def _take_floor(self, verdict: Verdict) -> None:
        """The person goes on with the turn that seemed to have ended, or interrupts the reply."""
        last, onset = self._turns.last, verdict.onset_sample
        heard = self._assistant.heard_at(onset, self._memory.end, self._heard_reply)
        early = self.phase is Phase.THINKING or heard < RESUMABLE_SAMPLES
        if early and last is not None and last.number == self._turns.count == self._awaited:
            self._cancel(Kind.CAUSE_TURN_RESUMED, onset, verdict)
            self._out += self._turns.resume(last, onset)
            self._enter(Phase.TURN)
        else:
            self._cancel(CAUSES[verdict.why], onset, verdict)
            self._detector.hold(onset, self._detector.last_speech)
            self._begin_turn(onset, interruption=True, stop_word=silencing_word(verdict))

    def _cancel(self, cause: Cause, onset: int, verdict: Verdict | None = None) -> None:
        self._out.append(self._verdicts.cancel(cause, onset, self._memory.end, self._assistant.playhead, verdict))
        self._heard_reply = self._assistant.playhead.reply
        self._assistant.cancel()
        self._barge_in.forget()
        self._turns.context = replace(self._turns.context, asked=False)  # its question was not heard out

    def _release(self, cause: Cause, onset: int, verdict: Verdict | None = None) -> None:
        self._out += self._verdicts.release(cause, onset, self._memory.end, self._assistant.playhead, verdict)

    def _announce_next(self) -> None:
        """Pass on what waits to be announced. Until it is heard, speech does not resume a turn: it interrupts."""
        if self.phase is Phase.OPEN and (announcement := self._announcements.next()) is not None:
            self._out.append(announcement)
            self._await_reply(0)

    # Bookkeeping.

    def _await_reply(self, turn: int) -> None:
        self._awaited = turn
        self._enter(Phase.THINKING)

    def _enter(self, phase: Phase) -> None:
        before, self.phase = self.phase, phase
        if phase is Phase.THINKING:
            self._thinking_since = self._memory.end
        if phase not in (Phase.THINKING, Phase.SPEAKING):
            self._barge_in.end()
        elif before not in (Phase.THINKING, Phase.SPEAKING):
            self._barge_in.begin(self._memory)
        took_floor = phase is Phase.TURN and before in (Phase.THINKING, Phase.SPEAKING)
        self._show(STATES[phase] if not took_floor else States.CONVERSATION_STATE_BARGE_IN)

    def _show(self, state: States.ValueType) -> None:
        if state != self._state:
            self._state = state
            self._out.append(client.State(state=state, turn=self._turns.count))

    def _acknowledge(self) -> None:
        if (kept_since := self._turns.retention.forget(self._memory)) is not None:
            self._out.append(audio.Heard(mic_offset=kept_since))

    def _taken(self) -> list[Event]:
        self._announce_next()
        events, self._out = self._out, []
        return events
