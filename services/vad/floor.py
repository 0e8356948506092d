"""Floor: who has it, who waits for it, and what the client is shown of it.

Four phases:
  OPEN       nobody: speech starts a turn
  TURN       the person: silence, judged, ends the turn
  THINKING   the assistant, not yet audible: a phrase resumes the turn, noise changes nothing
  SPEAKING   the assistant: speech ducks the reply, then cancels or releases it
"""

from __future__ import annotations

from parley.v1 import conversation_service_pb2 as client
from parley.v1 import session_pb2 as session
from services.vad.announcements import Announcements
from services.vad.barge_in import BargeIn
from services.vad.events import STATES, Event, Phase
from services.vad.memory import MicMemory
from services.vad.turn import Turn
from services.vad.turns import Turns
from services.vad.voice import SAMPLES_PER_MS

States = session.ConversationState


class Floor:
    """One conversation's. What is decided gathers in `out` until it is `taken`."""

    def __init__(self, memory: MicMemory, barge_in: BargeIn, turns: Turns, thinking_ms: int) -> None:
        self.phase = Phase.OPEN
        self.awaited = 0
        """The turn whose answer comes next; 0 after an announcement, which answers none."""
        self.out: list[Event] = []
        self._memory = memory
        self._barge_in = barge_in
        self._turns = turns
        self._thinking_samples = thinking_ms * SAMPLES_PER_MS
        self._thinking_since = 0
        self._announcements = Announcements()
        self._held: int | str | None = None  # what ingress keeps until what is awaited is heard, or given up
        self._is_known = True
        self._state = States.CONVERSATION_STATE_IDLE

    @property
    def is_assistants(self) -> bool:
        """The assistant has it."""
        return self.phase in (Phase.THINKING, Phase.SPEAKING)

    @property
    def state(self) -> client.State:
        """What the client is shown."""
        return client.State(state=self._state, turn=self._turns.count)

    # In the midst of a session.

    def go_on(self, awaited: int) -> None:
        """Begin in the midst of a session: who has the floor is known when the past has been heard."""
        self._is_known = False
        self._state = States.CONVERSATION_STATE_UNSPECIFIED
        if awaited:
            self.phase, self.awaited, self._held = Phase.THINKING, awaited, awaited

    def settle(self) -> None:
        """The past has been heard."""
        self._is_known = True
        self._thinking_since = self._memory.end
        if self.is_assistants:
            self._barge_in.begin(self._memory)
        self._show(STATES[self.phase])

    # Who has it.

    def begin_turn(self, onset: int, *, interruption: bool, stop_word: str = "") -> None:
        """The person begins a turn."""
        self.out += self._turns.begin(onset, interruption=interruption, stop_word=stop_word)
        self.enter(Phase.TURN)

    def resume_turn(self, turn: Turn, onset: int) -> None:
        """The person goes on with a turn that seemed to have ended."""
        self.out += self._turns.resume(turn, onset)
        self.enter(Phase.TURN)

    def end_turn(self, turn: Turn, complete: float | None, *, by_ear: bool = False) -> None:
        """The person has finished."""
        self.out += self._turns.end(turn, complete, by_ear=by_ear)
        self.await_reply(turn.number)

    def await_reply(self, turn: int, held: int | str | None = None) -> None:
        """Whatever is to be said next is the assistant's; ingress keeps what is `held` until it is heard."""
        self.enter(Phase.THINKING)
        self.awaited, self._held = turn, held

    def has_waited(self, now: int) -> bool:
        """Say whether nothing has become audible for too long."""
        return self.phase is Phase.THINKING and now - self._thinking_since > self._thinking_samples

    def enter(self, phase: Phase) -> None:
        """Somebody else has it now, or nobody."""
        before, self.phase = self.phase, phase
        if self._held is not None:
            self._turns.retention.let_go(self._held)
            self._held = None
        if phase is Phase.THINKING:
            self._thinking_since = self._memory.end
        if not self.is_assistants:
            self._barge_in.end()
        elif before not in (Phase.THINKING, Phase.SPEAKING):
            self._barge_in.begin(self._memory)
        took_floor = phase is Phase.TURN and before in (Phase.THINKING, Phase.SPEAKING)
        self._show(STATES[phase] if not took_floor else States.CONVERSATION_STATE_BARGE_IN)

    def _show(self, state: States.ValueType) -> None:
        if state != self._state:
            self._state = state
            self.out.append(self.state)

    # Who waits for it.

    def announce(self, announcement: session.Announcement, now: int) -> None:
        """Something came at sample `now` that is to be said as soon as nobody has the floor."""
        if self._announcements.add(announcement):
            self._turns.retention.hold(announcement.id, now)

    def take_back(self) -> None:
        """What waits is not to be said."""
        while (announcement := self._announcements.next()) is not None:
            self._turns.retention.let_go(announcement.id)

    def taken(self) -> list[Event]:
        """Give the floor to what waits for it, if it is free, and return what was decided.

        Until an announcement is heard, speech does not resume a turn: it interrupts.
        """
        if self.phase is Phase.OPEN and self._is_known and (announcement := self._announcements.next()) is not None:
            self.out.append(announcement)
            self.await_reply(0, announcement.id)
        events, self.out = self.out, []
        return events
