"""A world in which the broker dies, vad, egress, or the model: what the others keep is all that there is afterwards."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import egress_service_pb2 as egress
from parley.v1 import session_pb2 as session
from services.broker.actions import Action, CallTool, Mark, RaiseFloor
from services.broker.write_ahead import WriteAhead
from tests.unit.broker.breaking_worlds import Script
from tests.unit.broker.faulty_model import PIECE_MS, FaultyModel, sound_of
from tests.unit.broker.mouth import Listener, Mouth
from tests.unit.broker.scene import MS, Cause, Scene

PIECE_SAMPLES = PIECE_MS * 16
WAITED_MS = 300
HEARD_AGAIN = 32_000
"""Two seconds before all is decided, ingress sends again what it has."""
ROOM = 16
"""Ingress leaves so much above the verdicts it has seen."""


@dataclass
class Redis:
    """What stands there."""

    items: list[session.HistoryItem] = field(default_factory=list)
    record: session.SessionRecord = field(default_factory=lambda: session.SessionRecord(session="s", opened_at_ms=1))

    def write(self, ahead: WriteAhead) -> bool:
        """Take the next note; False if there is none."""
        match note := ahead.next():
            case None:
                return False
            case RaiseFloor():
                self.record.floor, self.record.seq = note.floor, note.seq
            case session.HistoryItem():
                self.items.append(session.HistoryItem.FromString(note.SerializeToString()))
        for deed in ahead.written(note, len(self.items)):
            deed()
        return True


class Home(Scene):
    """A scene whose history is written first: what must wait for that waits."""

    def __init__(self, redis: Redis, *, begun: bool) -> None:
        self.ahead = WriteAhead()
        self.ahead.restored(redis.items)
        super().__init__(aligned=True, speculate=True, begun=begun)

    def take(self, actions: list[Action]) -> None:
        """Sort actions by where they go, and when."""
        for action in actions:
            match action:
                case session.HistoryItem():
                    self.ahead.add(action)
                    super().take([action])
                case Mark(item):
                    self.ahead.add(item)
                case RaiseFloor():
                    self.ahead.add(action)
                case CallTool():
                    self._after(action)
                case broker.RespondResponse() if action.HasField("answered"):
                    self._after(action)
                case _:
                    super().take([action])

    def _after(self, action: Action) -> None:
        take = super().take
        if not self.ahead.after(lambda: take([action])):
            take([action])


@dataclass
class Said:
    """Something that the person said; `start` and `decided` are on the microphone's clock."""

    sound: int
    """By which the model knows it."""
    start: int
    pieces: int = 0
    decided: int = 0
    name: str = ""
    after: int = 0
    """The newest reply at its end."""
    turns: list[int] = field(default_factory=list)
    """The numbers that vads have given it."""

    @property
    def turn(self) -> int:
        """Its number with the vad that lives."""
        return self.turns[-1]

    @property
    def words(self) -> str:
        """How it stands in history."""
        return f"typed {self.sound}" if self.name else f"turn {self.sound} of {self.pieces}"

    @property
    def end(self) -> int:
        """Where its last speech ends."""
        return self.start + self.pieces * PIECE_SAMPLES


class TakeoverWorld:
    """`do` one step after another; then look at what is left."""

    def __init__(self, scripts: list[Script]) -> None:
        self.scripts = deque(scripts)
        self.redis = Redis()
        self.listener = Listener()
        self.mouths = [Mouth(self.listener)]
        self.homes = [Home(self.redis, begun=True)]
        self.models = [FaultyModel(0, self._next_script)]
        self.uplink: deque[dict[str, Any]] = deque()
        self.speak: deque[egress.SpeakRequest] = deque()
        self.is_away = False
        self.has_begun = True
        self.is_slow = self.was_behind = False
        """Redis takes nothing for the moment."""
        self.said: list[Said] = []
        self.open: Said | None = None
        self.is_tentative = False
        self.announced: list[tuple[int, session.Announcement]] = []
        """With the microphone's clock at that moment."""
        self.is_cut_off = False
        """The person has taken the floor since they said something last."""
        self.mic = self.turn = self.seq = self.cancelled = 0
        self.undone: deque[CallTool] = deque()
        self.begun: Counter[str] = Counter()
        """How often each call was begun that nobody said might have been begun before."""
        self.keys: dict[str, set[tuple[int, str, str]]] = {}
        self.outputs: dict[str, str] = {}
        self.erased: set[int] = set()
        self.unsure: set[int] = set()
        """Replies that were killed, and Redis had not been told why, when the broker died."""
        self.again: set[int] = set()
        """Turns that are heard again after they were answered."""
        self.turns: dict[int, int] = {}
        """The turn of each reply that began."""
        self._taken = (0, 0, 0)

    @property
    def home(self) -> Home:
        """The broker that lives."""
        return self.homes[-1]

    @property
    def mouth(self) -> Mouth:
        """The egress that lives."""
        return self.mouths[-1]

    @property
    def model(self) -> FaultyModel:
        """The model at the present connection."""
        return self.models[-1]

    def _next_script(self) -> Script:
        return self.scripts.popleft() if self.scripts else [2]

    def do(self, step: tuple[str, int]) -> None:
        """Let one thing happen."""
        what, much = step
        getattr(self, f"_{what}")(much)
        self._settle()

    def settle_down(self) -> None:
        """Let everything arrive, every tool answer, and the model say all it has to say."""
        self.is_slow = False
        if self.is_away:
            self.do(("connect", 1))
        for _ in range(60):
            for what in ("flush", "up", "generate", "down", "tool"):
                self.do((what, 20))

    def _settle(self) -> None:
        self._collect()
        while not self.is_slow and self.redis.write(self.home.ahead):
            self._collect()
        while self.speak:
            self._deliver(self.speak.popleft())

    def _deliver(self, request: egress.SpeakRequest) -> None:
        if request.HasField("reply_started"):
            self.turns[request.reply_started.reply] = request.reply_started.turn
        self.mouth.take(request)

    def _collect(self) -> None:
        home, (sent, spoken, called) = self.home, self._taken
        self._taken = len(home.sent), len(home.to_egress), len(home.called)
        assert not (home.sent[sent:] and self.is_away), f"{home.sent[sent]['type']} to a model that is not there"
        self.uplink += home.sent[sent:]
        self.speak += home.to_egress[spoken:]
        for call in home.called[called:]:
            self.begun[call.call_id] += not call.is_reissue
            self.keys.setdefault(call.call_id, set()).add((call.turn, call.name, call.arguments))
            self.undone.append(call)

    # Who dies.

    def _die(self, lost: int) -> None:
        """The broker dies, and with it what it had not sent to egress or written yet. Another one takes over."""
        if lost > 3:
            self._collect()
            for _ in range(min(len(self.speak), lost % 3)):
                self.speak.pop()
            while self.speak:
                self._deliver(self.speak.popleft())
        self._note_unsure()
        self._lose_model()
        self.undone.clear()
        self.speak.clear()
        self.is_tentative = False
        self.homes.append(Home(self.redis, begun=False))
        self._taken = (0, 0, 0)
        home = self.home
        home.now_s = self.homes[-2].now_s
        home.take(home.core.restore(self.redis.record, self.redis.items, self.mouth.held(), home.now_s))
        self._settle()
        self._vad_begins()

    def _note_unsure(self) -> None:
        """Nobody knows what an egress had that died before the broker; nor, where Redis was behind, what was killed."""
        written = {item.reply for item in self.redis.items if item.role}
        self.unsure |= set(self.turns) - set(self.mouth.replies) - written
        killed = {number for number in self.mouth.replies if number <= self.mouth.floor}
        self.was_behind = not self.home.ahead.is_empty
        while (note := self.home.ahead.next()) is not None:
            self.unsure |= killed
            self.home.ahead.written(note, 10_000)

    def _deaf(self, _much: int) -> None:
        """Vad dies; another one begins at the same broker."""
        home = self.home
        home.take(home.core.lose_vad(home.now_s))
        home.take(home.core.adopt(home.now_s))
        self.is_tentative = False
        self._settle()
        self._vad_begins()

    def _dumb(self, lost: int) -> None:
        """Egress dies, or its stream breaks, and something is lost on the way; broker gives again what is lacking."""
        self._flush(1)
        self._collect()
        for _ in range(min(len(self.speak), lost)):
            self.speak.pop()
        self._settle()
        if lost % 2:
            self._slow(0)  # that would be two at once
            self._settle()
            self.mouths.append(Mouth(self.listener))
            held = egress.Held()
        else:
            held = self.mouth.held()
        self.home.take(self.home.core.give_again(held, self.home.now_s))

    def _vad_begins(self) -> None:
        past = self.home.core.past()
        answered = set() if self.was_behind else self._answered()
        self.turn, self.seq = past.turn, max(self.seq, past.seq) + ROOM
        if self.cancelled > self.mouth.seq:  # ingress has seen it, and its floor never came
            self._cancel(self.cancelled, Cause.CAUSE_SPEECH)
        for mic, announcement in self.announced:
            if mic >= past.decided_offset - HEARD_AGAIN:
                self.home.vad(announcement=announcement)
        for said in self.said:
            if said.decided <= past.decided_offset:
                continue
            self.turn += 1
            self.again |= {self.turn} if said.turn in answered else set()
            said.turns.append(self.turn)
            self._send(said)
            self._settle()
        if self.open is not None:
            self.turn += 1
            self.open.turns.append(self.turn)
            for piece in range(self.open.pieces):
                self._sound(self.open, piece)

    def _answered(self) -> set[int]:
        """Return the turns that need no answer: one sounds, or has."""
        living = {number for number in self.mouth.replies if number > self.mouth.floor}
        heard = {number for number in self.listener.heard if self.listener.heard[number] and number not in self.erased}
        known = {item.turn for item in self.redis.items}
        return {self.turns.get(number, 0) for number in living | heard} & known - {0}

    def _send(self, said: Said) -> None:
        if said.name:
            typed = broker.Typed(turn=said.turn, text=said.words, id=said.name, mic_offset=said.decided)
            self.home.vad(typed=typed)
            return
        for piece in range(said.pieces):
            self._sound(said, piece)
        self._ended(said)

    def _sound(self, said: Said, piece: int) -> None:
        if piece == 0:
            self.home.vad(speech_started=broker.SpeechStarted(turn=said.turn, onset_offset=said.start))
        offset = said.start + piece * PIECE_SAMPLES
        pcm = sound_of(said.sound, PIECE_MS)
        self.home.vad(audio=broker.TurnAudio(turn=said.turn, mic_offset=offset, pcm=pcm))

    def _ended(self, said: Said, *, tentative: bool = False) -> None:
        ended = broker.TurnEnded(
            turn=said.turn, end_offset=said.end, waited_ms=WAITED_MS, speech_ms=2000, tentative=tentative
        )
        self.home.vad(turn_ended=ended)

    # The model and its connection.

    def _up(self, much: int) -> None:
        while self.uplink and much > 0:
            much -= not self.uplink[0]["type"].endswith("append")
            self.model.take(self.uplink.popleft())

    def _down(self, much: int) -> None:
        for _ in range(min(much, len(self.model.outbox))):
            event = self.model.outbox.popleft()
            self.home.take(self.home.core.from_model(event, self.home.now_s))
            self._collect()

    def _generate(self, much: int) -> None:
        for _ in range(much):
            self.model.step()

    def _flow(self, much: int) -> None:
        """Time goes by undisturbed."""
        if self.is_away:
            self.do(("connect", 1))
        for _ in range(much * 2):
            for what in (("up", 2), ("generate", 2), ("down", 4), ("listen", 1)):
                self.do(what)

    def _connect(self, _much: int) -> None:
        """There is a connection to the model again."""
        if not self.is_away:
            return
        self._flush(1)
        self.is_away = False
        self.models.append(FaultyModel(len(self.models), self._next_script))
        core, now_s = self.home.core, self.home.now_s
        self.home.take(core.rebuild(now_s) if self.has_begun else core.begin(now_s))
        self.has_begun = True

    def _lose_model(self) -> None:
        self.uplink.clear()
        self.model.outbox.clear()
        self.is_away, self.has_begun = True, False

    def _snap(self, _much: int) -> None:
        """The connection to the model breaks."""
        if self.is_away:
            return
        self.home.take(self.home.core.lose_model(self.home.now_s))
        self._settle()
        self._lose_model()
        self.has_begun = True

    def _tool(self, much: int) -> None:
        for _ in range(min(much, len(self.undone))):
            self.undone.rotate(much)
            call = self.undone.popleft()
            output = f"result of {call.call_id}"
            done = session.ToolCall.STATUS_DONE
            self.home.take(self.home.core.tool_done(call.call_id, output, done, self.home.now_s))
            self._collect()

    def _slow(self, much: int) -> None:
        """Redis takes nothing for a while, or all that has waited for it."""
        self.is_slow = much % 2 == 1

    # The person.

    def _hear(self, _much: int) -> None:
        """They speak, and have not finished."""
        if self.is_tentative:
            self.is_tentative = False
            self.home.resume(self.turn)
        if self.open is None:
            self.turn += 1
            self.open = Said(len(self.said) + 1, self.mic, turns=[self.turn])
        self._sound(self.open, self.open.pieces)
        self.open.pieces += 1
        self.mic += PIECE_SAMPLES

    def _speak(self, much: int) -> None:
        """They say something, or the rest of it."""
        for _ in range(max(much % 3, 2)):
            self._hear(1)
        assert self.open is not None
        said = self._close()
        self._ended(said)

    def _guess(self, _much: int) -> None:
        """They have probably finished."""
        self._hear(1)
        self._hear(1)
        assert self.open is not None
        self.is_tentative = True
        self._ended(self.open, tentative=True)

    def _confirm(self, _much: int) -> None:
        if self.is_tentative:
            self._close()
            self.home.confirm(self.turn, waited_ms=WAITED_MS)

    def _close(self) -> Said:
        assert self.open is not None
        said, self.open, self.is_tentative = self.open, None, False
        self.mic = said.decided = said.end + WAITED_MS * 16
        self.said.append(said)
        said.after, self.is_cut_off = self.home.core._voice.minted, False
        return said

    def _type(self, _much: int) -> None:
        if self.open is None:
            self.turn += 1
            self.mic += PIECE_SAMPLES
            number = len(self.said) + 1
            said = Said(number, self.mic, decided=self.mic, name=f"name {number}", turns=[self.turn])
            self.said.append(said)
            said.after, self.is_cut_off = self.home.core._voice.minted, False
            self._send(said)

    def _announce(self, _much: int) -> None:
        number = len(self.announced) + 1
        announcement = session.Announcement(id=str(number), text=f"Announcement {number}.")
        self.announced.append((self.mic, announcement))
        self.home.vad(announcement=announcement)

    def _interrupt(self, much: int) -> None:
        """The person takes the floor; or goes on with a turn that seemed to have ended."""
        if much != 3 or self.open is not None or not self.said or self.said[-1].name:
            self.seq += 1
            self._cancel(self.seq, Cause.CAUSE_SPEECH)
            return
        self.erased |= {number for number in self.mouth.replies if number > self.mouth.floor} - self.listener.ended
        self.seq += 1
        turn = self.said[-1].turn
        self.again.discard(turn)
        self._cancel(self.seq, Cause.CAUSE_TURN_RESUMED)
        self.home.resume(turn)
        self.open = Said(len(self.said) + 1, self.mic, turns=[turn])
        self._speak(2)

    def _cancel(self, seq: int, cause: session.Interrupt.Cause.ValueType) -> None:
        self.cancelled, self.is_cut_off = seq, True
        self.home.interrupt(seq, cause)

    def _listen(self, much: int) -> None:
        if (report := self.mouth.listen(much * 50 * MS + 5)) is not None:
            self.home.take(self.home.core.from_egress(report, self.home.now_s))

    def _flush(self, _much: int) -> None:
        while self.mouth.flushes:
            self.home.take(self.home.core.from_egress(self.mouth.flushes.pop(0), self.home.now_s))

    def _wait(self, _much: int) -> None:
        self._flush(1)  # what was heard is never a guess here
        self.home.wait(0.05)
