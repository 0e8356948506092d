"""Properties of the broker against a model that calls tools, fails, and is lost: any order, any moment.

One active response at a time; exactly one end per response, and nothing after it; never a truncation beyond what was
generated; a memory rebuilt on a new connection that is what was said and heard; never a call without its result.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import egress_service_pb2 as egress
from parley.v1 import session_pb2 as session
from tests.fakes.realtime.memory import Remembered, orphans
from tests.unit.broker.faulty_model import PIECE_MS, FaultyModel, sound_of
from tests.unit.broker.scene import MS, Cause, Scene
from tests.unit.broker.worlds import Listener

Script = list[int | str]
SCRIPTS: list[Script] = [
    [3],
    [2, 3],
    ["look"],
    [2, "look"],
    ["look", "ask", 2],
    ["look", "look"],
    [],
    ["!failed"],
    [2, "!failed"],
    [2, "!incomplete"],
]
"""A reply, two messages, calls before and after something said, nothing at all, and ends that are not good."""

ROLES = {session.HistoryItem.ROLE_USER: "user", session.HistoryItem.ROLE_ASSISTANT: "assistant"}


class World:
    """A core between a listener and a model whose connection may break; two ordered wires hold events back."""

    def __init__(self, scripts: list[Script]) -> None:
        self.scene = Scene(aligned=True, speculate=True)
        self.scripts = deque(scripts)
        self.models = [FaultyModel(0, self._next_script)]
        self.listener = Listener()
        self.is_away = False
        self.uplink: deque[dict[str, Any]] = deque()
        self.received: Counter[str] = Counter()
        self.turn = 0
        self.seq = 0
        self.spoken = 0
        self.is_tentative = False
        self.parts: list[tuple[int, int]] = []
        """Turn and pieces of sound of all that the person has said, in order; a resumed turn has several."""
        self.erased: set[int] = set()
        """Replies that were to be as if they had never been."""
        self.undone: deque[str] = deque()
        """Calls whose tools have not answered."""
        self._sent = self._spoken = self._called = 0

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
        self._collect()

    def settle_down(self) -> None:
        """Let everything under way arrive, every tool answer, and the model say all it has to say."""
        if self.is_away:
            self.do(("break", 1))
        for _ in range(60):
            for what in ("flush", "up", "generate", "down", "tool"):
                self.do((what, 20))

    def _collect(self) -> None:
        sent, self._sent = self.scene.sent[self._sent :], len(self.scene.sent)
        assert not (sent and self.is_away), f"{sent[0]['type']} to a model that is not there"
        for event in sent:
            if event["type"] == "conversation.item.truncate":
                assert event["audio_end_ms"] * MS <= self.received[event["item_id"]], "cut beyond what was received"
            self.uplink.append(event)
        spoken, self._spoken = self.scene.to_egress[self._spoken :], len(self.scene.to_egress)
        for request in spoken:
            self.listener.take(request)
        called, self._called = self.scene.called[self._called :], len(self.scene.called)
        self.undone += [call.call_id for call in called]

    # The model and its connection.

    def _up(self, much: int) -> None:
        while self.uplink and much > 0:
            much -= not self.uplink[0]["type"].endswith("append")
            self.model.take(self.uplink.popleft())

    def _down(self, much: int) -> None:
        for _ in range(min(much, len(self.model.outbox))):
            event = self.model.outbox.popleft()
            if event["type"] == "response.output_audio.delta":
                self.received[event["item_id"]] += PIECE_MS * MS
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

    def _break(self, _much: int) -> None:
        """The connection breaks, with all that is under way on it; or there is a new one."""
        if not self.is_away:
            self.scene.take(self.scene.core.lose_model(self.scene.now_s))
            self._collect()
            self.uplink.clear()
            self.model.outbox.clear()
            self.is_away = True
            return
        self._flush(1)
        self.is_away = False
        self.models.append(FaultyModel(len(self.models), self._next_script))
        self.scene.take(self.scene.core.rebuild(self.scene.now_s))

    def _refuse(self, _much: int) -> None:
        """The model refuses its next request as busy, though it isn't; nobody is told when it no longer is."""
        self.model.refuses = 1

    def _tool(self, much: int) -> None:
        """Tools answer, not always in the order of their calls."""
        for _ in range(min(much, len(self.undone))):
            self.undone.rotate(much)
            call_id = self.undone.popleft()
            done = session.ToolCall.STATUS_DONE
            self.scene.take(self.scene.core.tool_done(call_id, f"result of {call_id}", done, self.scene.now_s))
            self._collect()

    # The person.

    def _say(self) -> None:
        self.scene.vad(audio=broker.TurnAudio(turn=self.turn, pcm=sound_of(self.turn, PIECE_MS)))
        self.spoken += 1

    def _speak(self, _much: int) -> None:
        """A turn, or the rest of one."""
        if self.is_tentative:
            self._resume(1)
        elif not self.spoken:
            self.turn += 1
        self._say()
        self._say()
        self._end()
        self.scene.vad(turn_ended=broker.TurnEnded(turn=self.turn, speech_ms=2000, waited_ms=300))

    def _guess(self, _much: int) -> None:
        """A turn that has probably ended."""
        if self.is_tentative:
            self._resume(1)
        elif not self.spoken:
            self.turn += 1
        self._say()
        self._say()
        self.is_tentative = True
        self.scene.vad(turn_ended=broker.TurnEnded(turn=self.turn, tentative=True, speech_ms=2000, waited_ms=280))

    def _confirm(self, _much: int) -> None:
        if self.is_tentative:
            self._end()
            self.scene.confirm(self.turn)

    def _resume(self, _much: int) -> None:
        if self.is_tentative:
            self.is_tentative = False
            self.scene.resume(self.turn)

    def _end(self) -> None:
        self.parts.append((self.turn, self.spoken))
        self.spoken, self.is_tentative = 0, False

    def _interrupt(self, much: int) -> None:
        """The person takes the floor; or goes on with a turn that seemed to have ended."""
        self.seq += 1
        if not (much == 3 and self.turn and not self.spoken):
            self.scene.interrupt(self.seq)
            return
        self.erased |= {reply.number for reply in self.scene.core._voice.living()}
        self.scene.interrupt(self.seq, Cause.CAUSE_TURN_RESUMED)
        self._collect()
        self.scene.resume(self.turn)
        self._say()
        self._say()
        self._end()
        self.scene.vad(turn_ended=broker.TurnEnded(turn=self.turn, speech_ms=2000, waited_ms=300))

    def _listen(self, much: int) -> None:
        if (report := self.listener.listen(much * 50 * MS + 5)) is not None:
            self.scene.take(self.scene.core.from_egress(report, self.scene.now_s))

    def _flush(self, _much: int) -> None:
        while self.listener.flushes:
            seq, (reply, position) = self.listener.flushes.popleft()
            played = egress.Played(reply=reply, position=position, flushed_seq=seq)
            self.scene.take(self.scene.core.from_egress(played, self.scene.now_s))

    def _wait(self, _much: int) -> None:
        self._flush(1)  # what was heard is never a guess here
        self.scene.wait(0.05)


KINDS = ["up", "down", "generate", "flow", "flow", "flow", "flow", "speak", "speak", "interrupt", "listen", "flush"]
KINDS += ["wait", "break", "break", "tool", "guess", "confirm", "resume"]
STEPS = st.tuples(st.sampled_from(KINDS), st.integers(1, 6))
BEGINNINGS: list[list[tuple[str, int]]] = [
    [],
    [("speak", 1), ("flow", 3), ("break", 1)],
    [("speak", 1), ("flow", 6), ("break", 1), ("interrupt", 1), ("break", 1)],
    [("guess", 1), ("flow", 2), ("break", 1), ("confirm", 1)],
]


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(BEGINNINGS),
    st.lists(STEPS, max_size=60),
    st.lists(st.sampled_from(SCRIPTS), max_size=12),
)
def test_the_protocol_is_kept_and_the_memory_true(
    beginning: list[tuple[str, int]], steps: list[tuple[str, int]], scripts: list[Script]
) -> None:
    """Whatever happens when. At the end an interrupt, a new connection, and one more turn, which must be answered."""
    world = World(scripts)
    for step in beginning + steps:
        world.do(step)
    if world.is_tentative:
        world.do(("confirm", 1))
    elif world.spoken:
        world.do(("speak", 1))
    world.do(("interrupt", 1))
    world.settle_down()
    _nothing_was_broken(world)
    _every_reply_ended_once(world)
    _the_memory_is_true(world)
    world.do(("break", 1))
    world.do(("break", 1))
    _a_new_memory_is_the_old_one(world)
    world.settle_down()
    world.scripts.clear()
    world.do(("speak", 1))
    world.settle_down()
    last = world.scene.core._voice.minted
    assert world.listener.given[last] == 2 * PIECE_MS * MS, "the last turn was not answered"
    _nothing_was_broken(world)


def _nothing_was_broken(world: World) -> None:
    assert [fault for model in world.models for fault in model.faults] == []
    assert world.listener.faults == []
    calls = [call.call_id for call in world.scene.called]
    assert len(calls) == len(set(calls)), "a tool was called twice"
    for model in world.models:
        assert len(model.results) == len(set(model.results)), "a result was told twice"


def _every_reply_ended_once(world: World) -> None:
    """A reply begins once, ends once (whole, or by a floor), and nothing of it follows."""
    began: Counter[int] = Counter()
    ended: Counter[int] = Counter()
    floor = 0
    for request in world.scene.to_egress:
        match request.WhichOneof("message"):
            case "interrupt":
                floor = max(floor, request.interrupt.floor)
            case "reply_started":
                began[request.reply_started.reply] += 1
            case "audio":
                assert began[request.audio.reply] == 1
                assert not ended[request.audio.reply], "audio after the end"
            case "reply_ended":
                ended[request.reply_ended.reply] += 1
                assert request.reply_ended.samples == world.listener.given[request.reply_ended.reply]
    assert set(began.values()) | set(ended.values()) <= {1}
    assert {reply for reply in began if reply > floor} <= set(ended), "a reply never ended"
    history = [item.reply for item in world.scene.history if item.reply]
    assert len(history) == len(set(history)), "a reply stands in history twice"


def _told(world: World) -> list[tuple[str, str]]:
    """Who said what, as history has it."""
    return [(ROLES[item.role], item.text) for item in world.scene.history if item.role in ROLES and item.text]


def _the_memory_is_true(world: World) -> None:
    """What the model remembers of the talk is what history says, and history is what was said and heard."""
    assert orphans(world.model.memory) == []
    told, talk = _told(world), _talk(world.model.memory)
    for who in ROLES.values():  # a turn that is committed before its answer has an item stands before that at the server
        assert [item for item in talk if item[0] == who] == [item for item in told if item[0] == who]
    assert [text for role, text in told if role == "user"] == [f"turn {t} of {n}" for t, n in world.parts]
    for item in world.scene.history:
        if item.role == session.HistoryItem.ROLE_ASSISTANT:
            heard = world.listener.heard.get(item.reply, 0)
            assert item.reply not in world.erased
            assert abs(item.heard_ms - heard / MS) < 1, f"reply {item.reply} was heard up to {heard / MS} ms"
            assert abs(len(item.text.split()) * PIECE_MS - heard / MS) <= PIECE_MS / 2 + 1
    remembered = {item.reply for item in world.scene.history}
    assert {reply for reply, heard in world.listener.heard.items() if heard >= MS} - world.erased <= remembered


def _talk(memory: list[Remembered]) -> list[tuple[str, str]]:
    """What person and assistant said, one message after the other; of an assistant's items those of a reply are one."""
    talk: list[tuple[str, str]] = []
    for item in memory:
        if item.role in ("system", "call", "output"):
            continue
        number = item.text.split(".")[0]
        if item.role == "assistant" and talk and talk[-1][0] == "assistant" and talk[-1][1].split(".")[0] == number:
            talk[-1] = ("assistant", f"{talk[-1][1]} {item.text}")
        elif item.text:
            talk.append((item.role, item.text))
    return talk


def _a_new_memory_is_the_old_one(world: World) -> None:
    """Rebuilt, it holds the talk as history has it, and every call with its result, each once."""
    old = world.models[-2].memory
    while world.uplink:
        world.do(("up", 1))
    new = world.model.memory
    assert _talk(new) == _told(world)
    assert orphans(new) == []
    assert {item.told for item in new if item.role == "output"} == {item.told for item in old if item.role == "output"}
