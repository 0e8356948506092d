"""A conversation in virtual time whose vad, or whose ingress, can be taken over at any moment.

The person, ingress's retention and the broker are models, as simple as the wires allow; vad's session and decision core
are the real ones. What a vad had said just before it went may not have arrived anywhere.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

import numpy as np

from parley.v1 import audio_pb2 as audio
from parley.v1 import broker_service_pb2 as broker
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import session_pb2 as session
from parley.v1 import stream_pb2
from parley.v1 import vad_service_pb2 as wire
from services.common.outbox import Outbox
from services.vad.events import TurnTakingSettings
from services.vad.hearing import Ear
from services.vad.judge import Judge as TurnJudge
from services.vad.session import Listening
from services.vad.turn_taking import TurnTaking
from services.vad.voice import WINDOW_SAMPLES, VoiceWindow
from tests.unit.vad.test_turn_taking import LOUD, QUIET, SPEECH, ScriptedListener

Kind = session.Interrupt

FRAME: Final = 320
FRAME_MS: Final = 20
TAIL: Final = 60
"""Frames of silence after a scene."""
THINK_MS: Final = 600
ANSWERED_MS: Final = 400
ON_THE_WAY: Final = 2
"""Frames for which what vad says is on its way; it is lost if the vad is."""


@dataclass(frozen=True)
class Scene:
    """What the person does, in order: (speech or quiet, ms), or something typed."""

    steps: Sequence[tuple[str, int]]
    reply_ms: int = 1_500
    complete: float = 0.95
    tentative: bool = False
    continuous: bool = False

    @property
    def frames(self) -> int:
        """How long it is, with time for a last answer."""
        return sum(ms for what, ms in self.steps if what != "type") // FRAME_MS + TAIL


class Voice:
    """Voice activity that goes by loudness, like `ScriptedVoice`, for less."""

    def __init__(self) -> None:
        self._rest = b""
        self._end = 0

    def feed(self, pcm: bytes) -> list[VoiceWindow]:
        """Judge windows by a few of their samples."""
        self._rest += pcm
        windows = []
        while len(self._rest) >= 2 * WINDOW_SAMPLES:
            window, self._rest = self._rest[: 2 * WINDOW_SAMPLES], self._rest[2 * WINDOW_SAMPLES :]
            self._end += WINDOW_SAMPLES
            loud = np.median(np.abs(np.frombuffer(window, "<i2")[::8])) > LOUD
            windows.append(VoiceWindow(self._end, 0.95 if loud else 0.02))
        return windows


class OpenEar:
    """An ear whose frames never wait."""

    def give_to(self, take: Callable[[audio.AudioFrame], None], _fail: object) -> None:
        """Give them to whom they are for."""
        self.hear = take

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing is held."""


class Later:
    """Stands for a task group: what is begun is done when it is time."""

    def __init__(self) -> None:
        self._waiting: list[Coroutine[Any, Any, None]] = []

    def create_task(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin something that never waits."""
        self._waiting.append(work)

    def run(self) -> None:
        """Do what was begun."""
        waiting, self._waiting = self._waiting, []
        for work in waiting:
            try:
                work.send(None)
            except StopIteration:
                continue
            raise AssertionError("it waits")


class Opinion:
    """An end-of-turn model that always says the same, and counts how often it is asked."""

    def __init__(self, complete: float) -> None:
        self.complete = complete
        self.asked = 0

    async def judge(self, _pcm: bytes, is_wanted: Callable[[], bool]) -> float | None:
        """Answer at once."""
        self.asked += 1
        return self.complete if is_wanted() else None


class Vad:
    """One vad's session, with what it has said that has not arrived yet."""

    def __init__(self, world: World, *, resumes: bool, seq: int) -> None:
        settings = TurnTakingSettings() if world.scene.tentative else TurnTakingSettings(tentative_from=2.0)
        self.core = TurnTaking("s", world.lease, Voice(), ScriptedListener(), settings)
        self.judge = Opinion(world.scene.complete)
        self.tasks = Later()
        self.soon: deque[Callable[[], None]] = deque()
        self.listening = Listening(
            self.core,
            cast("Ear", OpenEar()),
            cast("TurnJudge", self.judge),
            lambda _: None,
            cast("asyncio.TaskGroup", self.tasks),
            resumes=resumes,
            seq=seq,
            clock=lambda: world.now_s,
            soon=self.soon.append,
        )
        self._world = world
        self._to_ingress: deque[tuple[int, wire.ListenResponse]] = deque()
        self._to_broker: deque[tuple[int, broker.RespondRequest]] = deque()

    def work(self) -> None:
        """Do all that can be done, and let arrive what has been on its way for long enough."""
        while self.soon:
            self.soon.popleft()()
        self.tasks.run()
        self._to_ingress += [(self._world.frame, said) for said in sent(self.listening.to_ingress)]
        self._to_broker += [(self._world.frame, said) for said in sent(self.listening.to_broker)]
        self.arrive(self._world.frame - ON_THE_WAY)

    def park(self) -> None:
        """Its ingress is lost, with all that was on its way there."""
        self.listening.leave()
        self._to_ingress.clear()

    def arrive(self, until: int) -> None:
        """Let everything arrive that was said until then."""
        while self._to_broker and self._to_broker[0][0] <= until:
            self._world.broker.take(self._to_broker.popleft()[1])
        while self._to_ingress and self._to_ingress[0][0] <= until:
            self._world.ingress.take(self._to_ingress.popleft()[1])


def sent(outbox: Outbox[Any]) -> list[Any]:
    """Take what a writer would send now."""
    messages, writer = [], cast("AsyncGenerator[Any, None]", aiter(outbox))
    while len(outbox):
        try:
            writer.__anext__().send(None)
        except StopIteration as taken:
            messages.append(taken.value)
    return messages


class Ingress:
    """What the person does, kept until vad has no use for it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._kept: deque[tuple[int, int, wire.ListenRequest]] = deque()
        self.hear_from: int | None = None
        """From where on the present vad wants to hear; None before it is ready."""
        self.received = 0
        self.verdicts: list[session.Interrupt] = []
        self.states: list[int] = []
        self.dropped = 0

    @property
    def seq(self) -> int:
        """The highest verdict that was seen, and room for those that were not."""
        return max((verdict.seq for verdict in self.verdicts), default=0) + 16

    def keep(self, since: int, until: int, request: wire.ListenRequest) -> None:
        """The person has done something."""
        self._kept.append((since, until, request))
        if self.hear_from is not None:
            self._world.vad.listening.from_ingress(request)

    def take(self, response: wire.ListenResponse) -> None:
        """Take a message of vad's."""
        match response.WhichOneof("message"):
            case "ready":
                self.hear_from = response.ready.hear_from
                for _, until, request in self._kept:
                    if until > self.hear_from or (until == self.hear_from and request.WhichOneof("message") != "audio"):
                        self._world.vad.listening.from_ingress(request)
            case "heard":
                self.received = response.heard.received_offset
                while self._kept and self._kept[0][1] <= response.heard.mic_offset:
                    self._kept.popleft()
            case "interrupt":
                self.verdicts.append(response.interrupt)
            case "state":
                self.states.append(response.state.state)


@dataclass
class Turn:
    """A turn as the broker has it."""

    number: int
    pieces: list[tuple[int, int]] = field(default_factory=list)
    """Where its sound lies, [since, until)."""
    words: str = ""


class Broker:
    """Takes turns, answers each, and knows what a vad that begins must be told."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.turns: dict[int, Turn] = {}
        """Those that have ended."""
        self.names: set[str] = set()
        self.cancels: list[session.Interrupt] = []
        self.given: list[tuple[int, int]] = []
        """All sound that came, where everything does."""
        self.decided = 0
        self._seq = 0
        self._open: Turn | None = None
        self._is_tentative = False
        self._awaited = 0
        self._due: int | None = None
        self._answered: list[tuple[int, int]] = []
        self._speaking = (0, 0, 0)
        self._minted = 0

    def past(self) -> stream_pb2.Past:
        """What is known."""
        return stream_pb2.Past(
            turn=max(self.turns, default=0),
            decided_offset=self.decided,
            awaited_turn=self._awaited,
            seq=self._seq,
            audio_offset=max((until for _, until in self.given), default=0),
        )

    def adopt(self) -> None:
        """Another vad has come: what was not ended is heard again, and what was resumed is wanted again."""
        if self._open is not None and self._open.number in self.turns and not self._awaited:
            self._want(self._open.number)
        self._open, self._is_tentative = None, False

    def playhead(self, frame: int) -> audio.Playhead:
        """What the client's speaker plays during a frame."""
        reply, since, until = self._speaking
        if not since <= frame < until:
            return audio.Playhead()
        return audio.Playhead(reply=reply, position=480 * (frame - since))

    def tick(self, frame: int) -> None:
        """Let time pass: answers begin, and turns enter history."""
        if self._due is not None and frame >= self._due:
            self._minted += 1
            self._speaking = (self._minted, frame, frame + self._world.scene.reply_ms // FRAME_MS)
            self._due, self._awaited = None, 0
        for due, turn in [entry for entry in self._answered if entry[0] <= frame]:
            self._answered.remove((due, turn))
            if self._world.ingress.hear_from is not None:
                answered = broker.Answered(turn=turn)
                self._world.vad.listening.from_broker(broker.RespondResponse(answered=answered))

    def take(self, request: broker.RespondRequest) -> None:
        """Take a message of vad's."""
        match request.WhichOneof("message"):
            case "speech_started":
                assert self._open is None
                assert request.speech_started.turn > max(self.turns, default=0)
                self._open = Turn(request.speech_started.turn)
            case "audio":
                self._hear(request.audio)
            case "turn_ended":
                self._end(request.turn_ended)
            case "turn_confirmed":
                assert self._is_tentative
                assert self._open is not None
                self._commit(self._open, self._until + round(16 * request.turn_confirmed.waited_ms))
            case "turn_resumed" if self._is_tentative:
                self._is_tentative = False
            case "turn_resumed":
                assert self._open is None
                assert request.turn_resumed.turn in self.turns
                self._open = Turn(request.turn_resumed.turn)
                self._awaited, self._due = 0, None
            case "speech_dismissed":
                self._open, self._is_tentative = None, False
            case "typed":
                self._type(request.typed)
            case "interrupt":
                self._cancel(request.interrupt)

    def _hear(self, piece: broker.TurnAudio) -> None:
        interval = (piece.mic_offset, piece.mic_offset + len(piece.pcm) // 2)
        if self._world.scene.continuous:
            assert not self.given or self.given[-1][1] == interval[0], "there is a hole, or it comes twice"
            self.given.append(interval)
        elif self._open is not None:
            assert piece.turn == self._open.number
            self._open.pieces.append(interval)

    def _end(self, ended: broker.TurnEnded) -> None:
        assert self._open is not None
        assert self._open.number == ended.turn
        self._until = ended.end_offset
        if ended.tentative:
            self._is_tentative = True
        else:
            self._commit(self._open, ended.end_offset + round(16 * ended.waited_ms))

    def _commit(self, turn: Turn, decided: int) -> None:
        self._open, self._is_tentative = None, False
        known = self.turns.setdefault(turn.number, turn)
        if known is not turn:
            known.pieces += turn.pieces
        self.decided = max(self.decided, decided)
        self._want(turn.number)

    def _type(self, typed: broker.Typed) -> None:
        assert typed.id not in self.names, "it is answered twice"
        self.names.add(typed.id)
        self.turns[typed.turn] = Turn(typed.turn, words=typed.text)
        self.decided = max(self.decided, typed.mic_offset)
        self._want(typed.turn)

    def _want(self, turn: int) -> None:
        self._awaited, self._due = turn, self._world.frame + THINK_MS // FRAME_MS
        self._answered.append((self._world.frame + ANSWERED_MS // FRAME_MS, turn))

    def _cancel(self, interrupt: session.Interrupt) -> None:
        assert interrupt.seq > self._seq, "numbers only grow"
        self._seq = interrupt.seq
        self.cancels.append(interrupt)
        reply, since, until = self._speaking
        self._speaking = (reply, since, min(until, self._world.frame + 2))
        self._awaited, self._due = 0, None


class World:
    """One conversation. `run` it; in some frames its vad is lost, or its ingress, for some frames."""

    def __init__(self, scene: Scene, losses: Sequence[tuple[int, int]] = (), *, of_ingress: bool = False) -> None:
        self.scene = scene
        self.frame = 0
        self.lease = 1
        self.broker = Broker(self)
        self.ingress = Ingress(self)
        self.takeovers = 0
        self.speech: list[tuple[int, int]] = []
        """Where the person spoke."""
        self._script = self._scripted()
        self._losses = dict(losses)
        self._of_ingress = of_ingress
        self._returns: int | None = None
        self.vad = Vad(self, resumes=False, seq=0)
        self._make_ready()

    @property
    def now_s(self) -> float:
        """Seconds since it began."""
        return self.frame * FRAME_MS / 1000

    def run(self) -> World:
        """Play it to its end, or until who took over late has had time to hear it out."""
        late = max(
            (frame + length + TAIL for frame, length in self._losses.items() if frame < self.scene.frames), default=0
        )
        for frame in range(max(self.scene.frames, late)):
            self.frame = frame
            self._act()
            if self.frame in self._losses and self._returns is None:
                self._returns = self.frame + self._losses[self.frame]
                self._lose()
            if self._returns == self.frame:
                self._returns = None
                self._take_over()
            if self._returns is None or self._of_ingress:
                self.vad.work()
            self.broker.tick(self.frame)
        return self

    def _lose(self) -> None:
        self.ingress.hear_from = None
        if self._of_ingress:
            self.vad.park()

    def _take_over(self) -> None:
        self.takeovers += 1
        if self._of_ingress:
            self.lease += 1
            self.vad.listening.adopt(stream_pb2.StreamOpen(session="s", lease=self.lease, seq=self.ingress.seq))
            self._hear_vad()
            return
        self.broker.adopt()
        self.vad = Vad(self, resumes=True, seq=self.ingress.seq)
        self._make_ready()

    def _make_ready(self) -> None:
        kind = stream_pb2.StreamReady
        hearing = kind.HEARING_CONTINUOUS if self.scene.continuous else kind.HEARING_SPEECH
        ready = stream_pb2.StreamReady(hearing=hearing, past=self.broker.past())
        self.vad.listening.from_broker(broker.RespondResponse(ready=ready))
        self._hear_vad()

    def _hear_vad(self) -> None:
        for response in sent(self.vad.listening.to_ingress):
            self.ingress.take(response)

    def _scripted(self) -> dict[int, list[tuple[str, int]]]:
        """Return what happens in each frame."""
        script: dict[int, list[tuple[str, int]]] = defaultdict(list)
        frame = 0
        for number, (what, ms) in enumerate(self.scene.steps):
            if what == "type":
                script[frame].append(("type", number))
                continue
            count = ms // FRAME_MS
            if what == "speech":
                self.speech.append((frame * FRAME, (frame + count) * FRAME))
            for _ in range(count):
                script[frame].append((what, 0))
                frame += 1
        return script

    def _act(self) -> None:
        sound = QUIET
        for what, number in self._script[self.frame]:
            if what == "type":
                say = wire.ListenRequest(say=client.Say(text=f"words {number}", id=f"n{number}"))
                self.ingress.keep(self.frame * FRAME, self.frame * FRAME, say)
            elif what == "speech":
                sound = SPEECH
        pcm = sound[self.frame % len(sound)]
        since = self.frame * FRAME
        frame = audio.AudioFrame(mic_offset=since, pcm=pcm, playhead=self.broker.playhead(self.frame))
        self.ingress.keep(since, since + FRAME, wire.ListenRequest(audio=frame))

    # What came of it.

    def times_heard(self, since: int, until: int) -> list[int]:
        """Return how many times the broker has each 20 ms of a stretch, as part of turns that have ended."""
        times = np.zeros(self.scene.frames * FRAME, dtype=int)
        for turn in self.broker.turns.values():
            for begin, end in turn.pieces:
                times[begin:end] += 1
        return [int(count) for count in times.reshape(-1, FRAME).max(axis=1)[since // FRAME : until // FRAME]]
