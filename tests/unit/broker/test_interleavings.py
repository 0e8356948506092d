"""Any order of events: the promises of the broker hold whatever the ring, the network and the model do when."""

from __future__ import annotations

from collections import Counter, deque
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import egress_service_pb2 as egress
from parley.v1 import session_pb2 as session
from tests.unit.broker.scene import MS, Cause, Scene
from tests.unit.broker.worlds import REFUSED, Listener, Model


class World:
    """A core between a model and a listener, with two ordered wires to the model that hold events back."""

    def __init__(self, items: int) -> None:
        self.scene = Scene()
        self.model = Model(items)
        self.listener = Listener()
        self.uplink: deque[dict[str, Any]] = deque()
        self.received: Counter[str] = Counter()
        self.guessed: set[int] = set()
        """Replies whose Flush was answered too late: what was heard of them is an estimate."""
        self.resumed: set[int] = set()
        self.turn = 0
        self.seq = 0
        self.announced = 0
        self.spoken = 0
        """Pieces of audio of the turn that has not ended yet."""
        self.turns: list[int] = []
        """The same of every turn, and every part of one, that has ended."""
        self.guessed_at: int | None = None
        """Replies there were when the present turn ended tentatively, if it did."""
        self.unheard: set[int] = set()
        """Replies that were being prepared, and taken back."""
        self._asked = self._answered = self._sent = self._spoken = self._told = self._noted = 0

    def do(self, step: tuple[str, int]) -> None:
        """Let one thing happen."""
        what, much = step
        getattr(self, f"_{what}")(much)
        self._collect()

    def settle_down(self) -> None:
        """Let everything under way arrive, and the model say all it has to say."""
        for _ in range(60):
            for what in ("flush", "up", "generate", "down"):
                self.do((what, 20))

    def _collect(self) -> None:
        sent, self._sent = self.scene.sent[self._sent :], len(self.scene.sent)
        for event in sent:
            self._check(event)
            self.uplink.append(event)
        spoken, self._spoken = self.scene.to_egress[self._spoken :], len(self.scene.to_egress)
        for request in spoken:
            self.listener.take(request)
            self._is_not_tentative(request)
        told, self._told = self.scene.to_vad[self._told :], len(self.scene.to_vad)
        for response in told:
            self._is_not_tentative(response)
        noted, self._noted = self.scene.history[self._noted :], len(self.scene.history)
        for item in noted:
            assert item.reply not in self.unheard
            assert self.guessed_at is None or item.turn != self.turn

    def _check(self, event: dict[str, Any]) -> None:
        if event["type"] == "response.create":
            self._asked += 1
            assert self._asked == self._answered + 1, "asked again before the last request was answered"
        elif event["type"] == "conversation.item.truncate":
            assert event["audio_end_ms"] * MS <= self.received[event["item_id"]], "cut beyond what was received"

    # What may happen.

    def _up(self, much: int) -> None:
        while self.uplink and much > 0:
            much -= not self.uplink[0]["type"].endswith("append")
            self.model.take(self.uplink.popleft())

    def _down(self, much: int) -> None:
        for _ in range(min(much, len(self.model.outbox))):
            event = self.model.outbox.popleft()
            self._answered += event["type"] == "response.done" or event.get("error", {}).get("code") == REFUSED
            if event["type"] == "response.output_audio.delta":
                self.received[event["item_id"]] += 100 * MS + 7
            self.scene.take(self.scene.core.from_model(event, self.scene.now_s))
            self._collect()

    def _generate(self, much: int) -> None:
        for _ in range(much):
            self.model.step()

    def _flow(self, much: int) -> None:
        """Time goes by undisturbed: the model is heard, generates, and is listened to."""
        for _ in range(much * 2):
            for what in ("up", "generate", "down", "listen"):
                self.do((what, 2))

    def _speak(self, _much: int) -> None:
        if self.guessed_at is not None:  # they go on, and the turn ends
            self._resume(0)
        elif not self.spoken:
            self.turn += 1
        self._ended(1)
        self.scene.turn(self.turn)

    def _guess(self, much: int) -> None:
        """The person speaks and has probably finished; or goes on, and has again."""
        if self.guessed_at is not None:
            self._resume(0)
        elif not self.spoken:
            self.turn += 1
        self.spoken += 1
        self.guessed_at = self._minted
        self.scene.guess(self.turn, interruption=much == 1, speech_ms=400 if much == 1 else 2000)

    def _confirm(self, _much: int) -> None:
        if self.guessed_at is not None:
            before = self.scene.core.tally.used
            minted = self._minted
            self.scene.confirm(self.turn)
            self._void(range(self.guessed_at + 1, minted + (self.scene.core.tally.used == before)))
            self._ended(0)

    def _resume(self, _much: int) -> None:
        if self.guessed_at is not None:
            self._void(range(self.guessed_at + 1, self._minted + 1))
            self.scene.resume(self.turn)

    def _dismiss(self, _much: int) -> None:
        """It was no speech."""
        if self.spoken:
            if self.guessed_at is not None:
                self._void(range(self.guessed_at + 1, self._minted + 1))
            self.scene.vad(speech_dismissed=broker.SpeechDismissed(turn=self.turn))
            self.spoken = 0

    def _type(self, _much: int) -> None:
        """The turn under way is ended, and what was typed is passed on."""
        if self.guessed_at is not None:
            self._confirm(0)
        if not self.spoken:
            self.turn += 1
            self.scene.vad(typed=broker.Typed(turn=self.turn, text="typed"))

    def _ended(self, more: int) -> None:
        self.turns.append(self.spoken + more)
        self.spoken, self.guessed_at = 0, None

    def _void(self, replies: range) -> None:
        """What was asked for since the tentative end never was; announcements may be among it."""
        self.unheard |= {reply for reply in replies if self._turn_of(reply) == self.turn}
        self.guessed_at = None

    def _turn_of(self, reply: int) -> int:
        asked = [event["response"]["metadata"] for event in self.scene.of("response.create")]
        return next((int(fields["turn"]) for fields in asked if fields["reply"] == str(reply)), 0)

    @property
    def _minted(self) -> int:
        return self.scene.core._voice.minted

    def _is_not_tentative(self, told: egress.SpeakRequest | broker.RespondResponse) -> None:
        """Nothing of a turn, or its answer, is told while its end is tentative, or once that was taken back.

        But for its words to vad, which weighs them with the pause.
        """
        kind = told.WhichOneof("message") or ""
        if kind == "transcript":
            return
        message = getattr(told, kind)
        reply, turn = getattr(message, "reply", 0), getattr(message, "turn", 0)
        assert reply not in self.unheard, f"{kind} of reply {reply}, which was never to be heard of"
        if self.guessed_at is not None:
            tentative = turn == self.turn or self._turn_of(reply) == self.turn
            assert not tentative, f"{kind} of turn {turn}, reply {reply}, which may go on"

    def _announce(self, much: int) -> None:
        """An operator has something said; now and then the message comes twice."""
        self.announced += 1
        for _ in range(1 + (much == 6)):
            announcement = session.Announcement(id=str(self.announced), text=f"Announcement {self.announced}.")
            self.scene.vad(announcement=announcement)

    def _interrupt(self, much: int) -> None:
        self.seq += 1
        resumed = much == 3 and self.turn > 0 and not self.spoken
        if self.guessed_at is not None:  # what was prepared is void; the end itself still stands
            self._void(range(self.guessed_at + 1, self._minted + 1))
            self.guessed_at = self._minted
        if resumed:
            self.resumed |= {reply.number for reply in self.scene.core._voice.living()}
        self.scene.interrupt(self.seq, Cause.CAUSE_TURN_RESUMED if resumed else Cause.CAUSE_SPEECH)
        if resumed:
            self.scene.resume(self.turn)
            self._ended(1)
            self.scene.turn(self.turn)

    def _refuse(self, _much: int) -> None:
        """The model refuses its next request."""
        self.model.refusals = 1

    def _listen(self, much: int) -> None:
        if (report := self.listener.listen(much * 50 * MS + 5)) is not None:
            self.scene.take(self.scene.core.from_egress(report, self.scene.now_s))

    def _flush(self, _much: int) -> None:
        while self.listener.flushes:
            seq, (reply, position) = self.listener.flushes.popleft()
            played = egress.Played(reply=reply, position=position, flushed_seq=seq)
            self.scene.take(self.scene.core.from_egress(played, self.scene.now_s))

    def _wait(self, _much: int) -> None:
        before = {reply.number for settling in self.scene.core._interruptions._settling for reply in settling.dead}
        self.scene.wait(0.05)
        after = {reply.number for settling in self.scene.core._interruptions._settling for reply in settling.dead}
        self.guessed |= before - after


KINDS = ["up", "down", "generate", "flow", "flow", "flow", "speak", "speak", "announce", "interrupt", "listen", "flush"]
KINDS += ["wait", "guess", "guess", "confirm", "resume", "dismiss", "type", "refuse"]
STEPS = st.tuples(st.sampled_from(KINDS), st.integers(1, 6))
BEGINNINGS: list[list[tuple[str, int]]] = [
    [],
    [("guess", 2)],
    [("guess", 2), ("flow", 2)],
    [("guess", 2), ("flow", 6)],
    [("refuse", 1), ("guess", 2), ("flow", 2)],
    [("speak", 1), ("flow", 6), ("interrupt", 1), ("flush", 1), ("flow", 2), ("guess", 2), ("flow", 3)],
]
"""Random steps seldom get so far: the model has been asked at a tentative end, and has said something."""


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(BEGINNINGS), st.lists(STEPS, max_size=60), st.integers(1, 3))
def test_the_promises_hold_in_any_order(
    beginning: list[tuple[str, int]], steps: list[tuple[str, int]], items: int
) -> None:
    """One response at a time; nothing of a dead reply; each unheard item dealt with once; memory equals hearing.

    At the end an interrupt, and one more turn, which must be answered: nothing is stuck.
    """
    world = World(items)
    for step in beginning + steps:
        world.do(step)
    world.do(("interrupt", 1))
    world.settle_down()
    assert world.model.faults == []
    assert world.listener.faults == []
    _announcements_are_asked_for_once(world)
    _memory_equals_hearing(world)
    _turns_are_whole(world)
    _history_is_in_order(world.scene.history)
    world.model.refusals = 0
    world.do(("speak", 1))
    world.settle_down()
    last = world.scene.core._voice.minted
    assert world.listener.given[last] == items * 3 * (100 * MS + 7)
    assert len(world.scene.core._members.history) == 1, "only the reply being played is still open"


def _memory_equals_hearing(world: World) -> None:
    start: Counter[int] = Counter()
    for item in world.model.items.values():
        reply = int(world.model.replies[item.response])
        heard = min(max(world.listener.heard.get(reply, 0) - start[reply], 0), item.samples)
        start[reply] += item.samples
        if reply in world.resumed:
            assert item.believed == 0
        elif reply not in world.guessed:
            assert heard - MS < item.believed <= heard, f"{item} was heard up to {heard}"


def _turns_are_whole(world: World) -> None:
    """Each turn that ended, and no other, is one item of the model's, with all its audio, filled up to 120 ms."""
    assert list(world.model.heard.values()) == [max(pieces * 100, 120) * MS for pieces in world.turns]


def _announcements_are_asked_for_once(world: World) -> None:
    asked = [event["response"].get("instructions") for event in world.scene.of("response.create")]
    numbers = [int(words.split()[-1].rstrip('."')) for words in asked if words]
    assert numbers == sorted(set(numbers))


def _history_is_in_order(history: list[session.HistoryItem]) -> None:
    users = [item.turn for item in history if item.role == session.HistoryItem.ROLE_USER]
    replies = [item.reply for item in history if item.role == session.HistoryItem.ROLE_ASSISTANT]
    assert users == sorted(users)
    assert replies == sorted(set(replies))
    for index, item in enumerate(history):
        if item.role == session.HistoryItem.ROLE_ASSISTANT and item.turn:  # an announcement answers none
            assert item.turn in [earlier.turn for earlier in history[:index]], "an answer before its question"
