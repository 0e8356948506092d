"""A world for random interleavings in which tools are called and the connection to the model breaks."""

from __future__ import annotations

from collections import Counter, deque
from typing import Any

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import egress_service_pb2 as egress
from parley.v1 import session_pb2 as session
from tests.unit.broker.faulty_model import PIECE_MS, FaultyModel, sound_of
from tests.unit.broker.scene import MS, Cause, Scene
from tests.unit.broker.worlds import Listener

Script = list[int | str]


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
        self.typed: list[int] = []
        self.announced = 0
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
        """Time goes by undisturbed: the model is heard, speaks faster than one can listen, and is listened to."""
        if self.is_away and much > 2:
            self.do(("break", 1))
        for _ in range(much * 2):
            for what in (("up", 2), ("generate", 2), ("down", 4), ("listen", 1)):
                self.do(what)

    def _snap(self, _much: int) -> None:
        """The connection breaks, and there is a new one at once."""
        for _ in range(2):
            self.do(("break", 1))

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

    def _type(self, _much: int) -> None:
        """The person types, when they don't speak."""
        if not (self.is_tentative or self.spoken):
            self.turn += 1
            self.typed.append(self.turn)
            self.scene.vad(typed=broker.Typed(turn=self.turn, text=f"typed {self.turn}"))

    def _announce(self, _much: int) -> None:
        """An operator has something said."""
        self.announced += 1
        words = f"Announcement {self.announced}."
        self.scene.vad(announcement=session.Announcement(id=str(self.announced), text=words))

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
