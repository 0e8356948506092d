"""Contest: while the assistant has the floor, what is heard may take it; when its reply ends, what was heard counts."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from services.vad.assistant import RESUMABLE_SAMPLES, Assistant
from services.vad.barge_in import BargeIn
from services.vad.detector import SpeechDetector
from services.vad.events import Phase
from services.vad.floor import Floor
from services.vad.interruption import Decision, Verdict
from services.vad.memory import MicMemory
from services.vad.turns import Turns
from services.vad.verdicts import CAUSES, Cause, Kind, Verdicts, silencing_word
from services.vad.voice import SAMPLES_PER_MS

_UNDER_WAY_SAMPLES: Final = 250 * SAMPLES_PER_MS
"""Speech that has paused for less than this when a reply ends is still going on."""


class Contest:
    """One conversation's."""

    def __init__(
        self,
        memory: MicMemory,
        detector: SpeechDetector,
        barge_in: BargeIn,
        turns: Turns,
        floor: Floor,
        verdicts: Verdicts,
    ) -> None:
        self.assistant = Assistant()
        self._memory = memory
        self._detector = detector
        self._barge_in = barge_in
        self._turns = turns
        self._floor = floor
        self._verdicts = verdicts
        self._heard_reply = 0

    def settle(self) -> None:
        """The past has been heard. If an answer is awaited, what was audible in it was no answer of this turn's."""
        if self._floor.phase is Phase.THINKING:
            self._bury()

    def follow(self, now: int, *, by_hand: bool) -> None:
        """See by the playheads whether the assistant has become audible, or fallen silent, at sample `now`."""
        audible = self.assistant.is_audible(now)
        if audible and self._floor.phase in (Phase.OPEN, Phase.THINKING):
            self._barge_in.loudness.reply_begins()
            self._floor.enter(Phase.SPEAKING)
        elif not audible and self._floor.phase is Phase.SPEAKING:
            self._fell_silent(now, by_hand=by_hand)
        elif audible and self._turns.open is not None:
            self.cancel(Kind.CAUSE_SPEECH, self._turns.open.onset)  # the person had the floor first
        elif self._floor.has_waited(now):
            self._floor.enter(Phase.OPEN)

    def _fell_silent(self, now: int, *, by_hand: bool) -> None:
        """The reply ended undisturbed: speech under way, or a "yes" in its last second, is a turn after all."""
        self._heard_reply = self.assistant.playhead.reply
        self._release(Kind.CAUSE_TIMEOUT, now)
        released = self._barge_in.last_word(now)
        self._floor.enter(Phase.OPEN)
        if by_hand:
            return
        if self._detector.is_speaking and self._detector.silence_samples < _UNDER_WAY_SAMPLES:
            self._floor.begin_turn(self._detector.onset, interruption=False)
        elif released is not None:
            self._detector.hold(*released)
            self._floor.begin_turn(released[0], interruption=False)

    def take(self, verdict: Verdict | None) -> None:
        """Take the interruption rule's word."""
        match verdict:
            case Verdict(decision=Decision.DUCK) if self._floor.phase is Phase.SPEAKING:
                duck = self._verdicts.duck(verdict, self._memory.end, self.assistant.playhead)
                self._floor.out.append(duck)
            case Verdict(decision=Decision.RELEASE):
                self._release(CAUSES[verdict.why], verdict.onset_sample, verdict)
            case Verdict(decision=Decision.CANCEL):
                self._take_floor(verdict)

    def _take_floor(self, verdict: Verdict) -> None:
        """The person goes on with the turn that seemed to have ended, or interrupts the reply."""
        last, onset = self._turns.last, verdict.onset_sample
        heard = self.assistant.heard_at(onset, self._memory.end, self._heard_reply)
        early = self._floor.phase is Phase.THINKING or heard < RESUMABLE_SAMPLES
        if early and last is not None and last.number == self._turns.count == self._floor.awaited:
            self.cancel(Kind.CAUSE_TURN_RESUMED, onset, verdict)
            self._floor.resume_turn(last, onset)
        else:
            self.cancel(CAUSES[verdict.why], onset, verdict)
            self._detector.hold(onset, self._detector.last_speech)
            self._floor.begin_turn(onset, interruption=True, stop_word=silencing_word(verdict))

    def cancel(self, cause: Cause, onset: int, verdict: Verdict | None = None) -> None:
        """The reply is over."""
        playhead = self.assistant.playhead
        self._floor.out.append(self._verdicts.cancel(cause, onset, self._memory.end, playhead, verdict))
        self._bury()
        self._barge_in.forget()
        self._turns.context = replace(self._turns.context, asked=False)  # its question was not heard out

    def _bury(self) -> None:
        self._heard_reply = self.assistant.playhead.reply
        self.assistant.cancel()

    def _release(self, cause: Cause, onset: int, verdict: Verdict | None = None) -> None:
        playhead = self.assistant.playhead
        self._floor.out += self._verdicts.release(cause, onset, self._memory.end, playhead, verdict)
