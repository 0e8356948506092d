"""The whole ring in virtual time: the real cores of client, ingress, broker and egress, joined by simulated wires.

vad's verdicts are scripted, and go out through vad's own session; the model is scripted too. Every run is the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

from clients.desktop.playout import Playout
from clients.desktop.session import Session as Client
from parley.v1 import broker_service_pb2 as broker
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import egress_service_pb2 as egress
from parley.v1 import session_pb2, stream_pb2
from parley.v1 import vad_service_pb2 as vad
from services.broker.conversation import Conversation
from services.broker.manner import Manner
from services.broker.session import Thinking
from services.broker.upstream.capabilities import Capabilities
from services.common.outbox import Outbox
from services.egress.session import Speaking
from services.ingress.session import Session as Ingress
from services.vad.hearing import Hearing
from services.vad.session import Listening
from tests.unit.ring.hearing import Ear, FlushSeen, HeardLog
from tests.unit.ring.scripted_model import Plan, ScriptedModel
from tests.unit.ring.scripted_vad import Act, ScriptedVad
from tests.unit.ring.wires import Copies, Delay, Stream, Timeline, Topic, steady, told

if TYPE_CHECKING:
    from services.vad.judge import Judge
    from services.vad.silero import SileroModel
    from services.vad.turn_taking import TurnTaking

STREAMS: Final = (
    "client→ingress",
    "ingress→client",
    "vad→ingress",
    "vad→broker",
    "broker→vad",
    "broker→egress",
    "egress→broker",
    "ingress→egress",
    "egress→ingress",
    "broker→model",
    "model→broker",
)
TOPICS: Final = ("topic→ingress", "topic→egress")

HANGUP: Final = stream_pb2.Hangup(reason=stream_pb2.Hangup.REASON_GOODBYE, words="You said goodbye.")

MIC_FRAME: Final = bytes(640)
LIMIT_S: Final = 60.0


@dataclass(frozen=True)
class Weather:
    """How long messages take on each wire, 1 ms where nothing is said, and the copies the topic delivers, one."""

    delays: Mapping[str, Delay] = field(default_factory=dict)
    writing_ms: Mapping[str, int] = field(default_factory=dict)
    copies: Mapping[str, Copies] = field(default_factory=dict)


class Broker(Thinking):
    """The broker's session with its clock in our hand."""

    def __init__(self, core: Conversation, clock: Callable[[], float]) -> None:
        super().__init__("s", core, clock)

    def tick_once(self) -> None:
        """Do what the ticking task does."""
        self._carry_out(self.core.tick(self._clock()))


class Simulation:
    """One conversation. `run` it, then judge what is left in its parts."""

    def __init__(
        self, script: Sequence[Act], plans: Sequence[Plan] = (Plan(),), weather: Weather | None = None, latency: int = 0
    ) -> None:
        self.timeline = Timeline()
        self.latency = latency
        self.floors: dict[int, int] = {}
        self.causes: dict[int, int] = {}
        self.cancelled_s: dict[int, float] = {}
        self.answered_s: dict[int, float] = {}
        self.released_s: dict[int, float] = {}
        """When the turn of a reply was confirmed that had been asked for at its tentative end."""
        self.void: set[int] = set()
        """Replies that were asked for so, and whose turn went on."""
        self._prepared: int | None = None
        self.flushes: list[FlushSeen] = []
        self.captions: list[client.Caption] = []
        self.last_words: list[client.ConverseResponse] = []
        """What the client got from Closed on."""
        self._weather = weather or Weather()
        clock = self._now
        self.playout = Playout(prebuffer_ms=20)
        self.heard, self.ear = HeardLog(), Ear()
        self.playout._log, self.playout._fader = self.heard, self.ear
        self.client = Client(self.playout)
        self.ingress = Ingress(client.Open(protocol=1))
        self.ingress.is_announced = True
        self.egress = Speaking("s", clock)
        self.broker = Broker(Conversation(Manner(capabilities=Capabilities(aligned=True))), clock)
        self.model = ScriptedModel(self.timeline, plans)
        self.vad = ScriptedVad(script)
        self._listening = Listening(
            cast("TurnTaking", self.vad),
            Hearing(cast("SileroModel", None), lambda *_: None).join(),
            cast("Judge", None),
            self._publish,
            asyncio.TaskGroup(),
        )
        self._topics = [
            Topic("topic→ingress", self.timeline, self.ingress.from_topic, self._copies("topic→ingress")),
            Topic("topic→egress", self.timeline, self.egress.from_topic, self._copies("topic→egress")),
        ]
        self._to_ingress: Outbox[client.ConverseRequest] = Outbox(10_000)
        self._streams = self._joined()

    def run(self) -> Simulation:
        """Play the script to its end and wait until nothing happens any more."""
        self.broker.begin()
        at_ms = 0
        for act in self.vad.script:
            at_ms += act.after_ms
            self.timeline.after(at_ms, self._act)
        self.timeline.every(20, self._tick_client, offset_ms=7)
        self.timeline.every(10, self._tick_egress, offset_ms=3)
        self.timeline.every(50, self.broker.tick_once, offset_ms=1)
        while not self._is_over():
            self.timeline.step()
            for stream in self._streams:
                stream.pump()
        return self

    def _is_over(self) -> bool:
        assert self.timeline.now_s < LIMIT_S, f"the ring never came to rest\n{self.story()}"
        idle = self.vad.is_done and self.model.active is None and not self.playout.underway
        return idle and self.timeline.is_quiet

    def story(self) -> str:
        """Return the log, for a person who wonders what happened."""
        return told(self.timeline.log)

    def _now(self) -> float:
        return self.timeline.now_s

    # The parts at work.

    def _act(self) -> None:
        self.timeline.note("vad decides", self.vad.next)
        if self.vad.next == "hang up":
            self.broker.to_vad.control(broker.RespondResponse(hangup=HANGUP))
        self._listening.from_ingress(vad.ListenRequest(interrupt=client.ConverseRequest.Interrupt()))

    def _publish(self, interrupt: session_pb2.Interrupt) -> None:
        for topic in self._topics:
            topic.publish(session_pb2.Interrupt.FromString(interrupt.SerializeToString()))

    def _tick_client(self) -> None:
        self.client.tick(MIC_FRAME, self.timeline.now_s, self.latency)
        self._send_of_client()

    def _tick_egress(self) -> None:
        if self.egress.due_s <= self.timeline.now_s:
            self.egress.tick()

    def _send_of_client(self) -> None:
        for request in self.client.requests():
            if request.WhichOneof("message") not in ("audio", "heartbeat"):  # nobody listens in here
                self._to_ingress.audio(request)

    def _at_client(self, response: client.ConverseResponse) -> None:
        self.client.receive(response, self.timeline.now_s)
        if self.client.closed:
            self.last_words.append(response)
        if response.WhichOneof("message") == "flush":
            fade_end, _ = self.playout._silent
            self.flushes.append(FlushSeen(response.flush.seq, self.playout.handed, fade_end))
        elif response.WhichOneof("message") == "caption":
            self.captions.append(response.caption)
        self._send_of_client()

    def _at_broker_from_vad(self, request: broker.RespondRequest) -> None:
        if request.WhichOneof("message") == "interrupt":
            self.cancelled_s[request.interrupt.seq] = self.timeline.now_s
            self.causes[request.interrupt.seq] = request.interrupt.cause
        self._note_tentative(request)

    def _note_tentative(self, request: broker.RespondRequest) -> None:
        """Let the broker have vad's word, and note what becomes of the reply that it prepares."""
        core, tally = self.broker.core, self.broker.core.tally
        prepared, used, undone = tally.prepared, tally.used, tally.wasted + tally.failed
        self.broker.from_vad(request)
        if self._prepared is not None and tally.used > used:
            self.released_s[self._prepared], self._prepared = self.timeline.now_s, None
        elif self._prepared is not None and tally.wasted + tally.failed > undone:
            self.void.add(self._prepared)
            self._prepared = None
        if tally.prepared > prepared:
            self._prepared = core._voice.minted

    def _at_broker_from_egress(self, response: egress.SpeakResponse) -> None:
        if response.played.flushed_seq:
            self.answered_s.setdefault(response.played.flushed_seq, self.timeline.now_s)
        if response.WhichOneof("message") == "played":
            self.broker.from_egress(response.played)

    def _at_vad(self, response: broker.RespondResponse) -> None:
        if response.WhichOneof("message") == "interrupt_acknowledged":
            self.floors[response.interrupt_acknowledged.seq] = response.interrupt_acknowledged.floor
        elif response.WhichOneof("message") in ("ready", "model_boundary", "notice", "hangup"):
            self._listening.from_broker(response)

    # The wires.

    def _joined(self) -> list[Stream[Any]]:
        to_broker: Outbox[egress.SpeakResponse] = Outbox(4_000)
        to_ingress: Outbox[egress.AttachResponse] = Outbox(4_000)
        self.egress.join_broker(to_broker, 0)
        self.egress.join_ingress(to_ingress, egress.AttachOpen())
        self.ingress.from_vad(vad.ListenResponse(ready=stream_pb2.StreamReady()))
        ends: dict[str, tuple[Outbox[Any], Callable[[Any], None]]] = {
            "client→ingress": (self._to_ingress, self.ingress.from_client),
            "ingress→client": (self.ingress.to_client, self._at_client),
            "vad→ingress": (self._listening.to_ingress, self.ingress.from_vad),
            "vad→broker": (self._listening.to_broker, self._at_broker_from_vad),
            "broker→vad": (self.broker.to_vad, self._at_vad),
            "broker→egress": (self.broker.mouth.outbox, self.egress.from_broker),
            "egress→broker": (to_broker, self._at_broker_from_egress),
            "ingress→egress": (self.ingress.to_egress, self.egress.from_ingress),
            "egress→ingress": (to_ingress, self.ingress.from_egress),
            "broker→model": (self.broker.to_model, self.model.receive),
            "model→broker": (self.model.outbox, self.broker.from_model),
        }
        return [self._stream(name, *ends[name]) for name in STREAMS]

    def _stream(self, name: str, outbox: Outbox[Any], deliver: Callable[[Any], None]) -> Stream[Any]:
        delay = self._weather.delays.get(name, steady(1))
        return Stream(name, self.timeline, outbox, deliver, delay, self._weather.writing_ms.get(name, 0))

    def _copies(self, name: str) -> Copies:
        return self._weather.copies.get(name, lambda interrupt: (1,))
