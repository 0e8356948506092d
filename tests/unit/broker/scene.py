"""A scene: one conversation core in virtual time, with vad, egress and the model spoken for by the test.

Every event for the model is held against the official types as it is taken.
"""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import egress_service_pb2 as egress
from parley.v1 import session_pb2 as session
from services.broker.actions import Action, CallTool, RaiseFloor, Spent, ToModel
from services.broker.conversation import Conversation
from services.broker.manner import Manner
from services.broker.sequencer import REQUEST_TIMEOUT_S
from services.broker.upstream.capabilities import Capabilities
from tests.fakes.realtime.wire import client_faults

MS = 24
"""Samples of a reply in a millisecond."""

Cause = session.Interrupt


class Scene:
    """Speak to the core by these methods, then look at the lists of what it wanted done."""

    def __init__(
        self,
        *,
        aligned: bool = False,
        begun: bool = True,
        answer_s: float = REQUEST_TIMEOUT_S,
        speculate: bool = True,
        **manner: Any,
    ) -> None:
        can = replace(manner.pop("capabilities", Capabilities()), aligned=aligned)
        self.manner = Manner(capabilities=can, answer_s=answer_s, speculate=speculate, **manner)
        self.core = Conversation(self.manner)
        self.now_s = 100.0
        self.sent: list[dict[str, Any]] = []
        self.to_egress: list[egress.SpeakRequest] = []
        self.to_vad: list[broker.RespondResponse] = []
        self.history: list[session.HistoryItem] = []
        self.floors: list[RaiseFloor] = []
        self.called: list[CallTool] = []
        self.spent: list[Spent] = []
        if begun:
            self.take(self.core.begin(self.now_s))

    def take(self, actions: list[Action]) -> None:
        """Sort actions by where they go."""
        for action in actions:
            match action:
                case ToModel(event):
                    assert client_faults(event) == [], event
                    self.sent.append(event)
                case egress.SpeakRequest():
                    self.to_egress.append(action)
                case broker.RespondResponse():
                    self.to_vad.append(action)
                case session.HistoryItem():
                    self.history.append(action)
                case RaiseFloor():
                    self.floors.append(action)
                case CallTool():
                    self.called.append(action)
                case Spent():
                    self.spent.append(action)

    # What was wanted.

    def of(self, *kinds: str) -> list[dict[str, Any]]:
        """Return the events of these kinds sent to the model."""
        return [event for event in self.sent if event["type"] in kinds]

    @property
    def steps(self) -> list[str]:
        """The kinds of all events sent to the model but appends, in order and without their prefixes."""
        return [event["type"].split(".", 1)[-1] for event in self.sent if not event["type"].endswith("append")]

    @property
    def memory_edits(self) -> list[tuple[str, int | None]]:
        """Deletions and truncations in order: item and milliseconds kept (None: deleted)."""
        edits = self.of("conversation.item.truncate", "conversation.item.delete")
        return [(event["item_id"], event.get("audio_end_ms")) for event in edits]

    @property
    def said(self) -> list[tuple[str, str]]:
        """The history: role and words."""
        return [(session.HistoryItem.Role.Name(item.role)[5:].lower(), item.text) for item in self.history]

    @property
    def silent(self) -> list[int]:
        """Turns that got no spoken answer."""
        stage = broker.TurnProgress.STAGE_SILENT
        told = (response.progress for response in self.to_vad if response.HasField("progress"))
        return [progress.turn for progress in told if progress.stage == stage]

    @property
    def answered(self) -> list[int]:
        """Turns whose text is in history."""
        return [response.answered.turn for response in self.to_vad if response.HasField("answered")]

    @property
    def captions(self) -> list[client.Caption]:
        """All captions."""
        return [request.caption for request in self.to_egress if request.HasField("caption")]

    def audio_of(self, reply: int) -> bytes:
        """All audio of a reply given to egress; it must be gapless."""
        pcm = b""
        for request in self.to_egress:
            if request.HasField("audio") and request.audio.reply == reply:
                assert request.audio.position == len(pcm) // 2
                pcm += request.audio.pcm
        return pcm

    # vad.

    def vad(self, **message: Any) -> None:
        """Send a message of the Respond stream."""
        self.take(self.core.from_vad(broker.RespondRequest(**message), self.now_s))

    def turn(
        self, turn: int, *, speech_ms: int = 2000, interruption: bool = False, item: str = "", stop_word: str = ""
    ) -> None:
        """The person speaks and has finished; the model takes it as `item` when that is named."""
        self.vad(audio=broker.TurnAudio(turn=turn, pcm=bytes(3200)))
        ended = broker.TurnEnded(
            turn=turn, speech_ms=speech_ms, interruption=interruption, waited_ms=300, stop_word=stop_word
        )
        self.vad(turn_ended=ended)
        if item:
            self.committed(item)

    def guess(self, turn: int, *, waited_ms: float = 280, pcm: bytes = bytes(3200), **ended: Any) -> None:
        """The person speaks and has probably finished."""
        self.vad(audio=broker.TurnAudio(turn=turn, pcm=pcm))
        ended = {"speech_ms": 2000, **ended}
        self.vad(turn_ended=broker.TurnEnded(turn=turn, tentative=True, waited_ms=waited_ms, **ended))

    def confirm(self, turn: int, *, waited_ms: float = 700) -> None:
        """They have."""
        self.vad(turn_confirmed=broker.TurnConfirmed(turn=turn, waited_ms=waited_ms, confidence=0.9))

    def resume(self, turn: int) -> None:
        """They have not."""
        self.vad(turn_resumed=broker.TurnResumed(turn=turn))

    def interrupt(self, seq: int, cause: session.Interrupt.Cause.ValueType = Cause.CAUSE_SPEECH) -> None:
        """The person takes the floor."""
        self.vad(interrupt=session.Interrupt(seq=seq, kind=session.Interrupt.KIND_CANCEL, cause=cause))

    @property
    def outward(self) -> int:
        """How many messages have gone to anybody but the model; what vad weighs with a pause does not count."""
        to_vad = [response for response in self.to_vad if not response.HasField("transcript")]
        return len(self.to_egress) + len(to_vad) + len(self.history) + len(self.floors)

    @property
    def committed_audio(self) -> list[bytes]:
        """What each commit held, at 24 kHz."""
        found, buffer = [], b""
        for event in self.sent:
            match event["type"]:
                case "input_audio_buffer.append":
                    buffer += base64.b64decode(event["audio"])
                case "input_audio_buffer.clear":
                    buffer = b""
                case "input_audio_buffer.commit":
                    found.append(buffer)
                    buffer = b""
        return found

    # egress.

    def played(self, reply: int, ms: float, *, seq: int = 0, ended: bool = False) -> None:
        """Report playback; with `seq` as the answer to a Flush."""
        played = egress.Played(reply=reply, position=int(ms * MS), flushed_seq=seq, ended=ended)
        self.take(self.core.from_egress(played, self.now_s))

    # The model.

    def model(self, kind: str, **fields: Any) -> None:
        """Send a server event."""
        self.take(self.core.from_model({"type": kind, **fields}, self.now_s))

    def committed(self, item: str) -> None:
        """Take the oldest commit."""
        self.model("input_audio_buffer.committed", item_id=item)

    def transcript(self, item: str, words: str) -> None:
        """The words of a committed item are known."""
        self.model("conversation.item.input_audio_transcription.completed", item_id=item, transcript=words)

    def created(self, response: str, *, echo: bool = True) -> None:
        """Begin the response asked for last."""
        metadata = self.of("response.create")[-1]["response"]["metadata"] if echo else None
        self.model("response.created", response={"id": response, "metadata": metadata})

    def item(self, response: str, item: str) -> None:
        """Begin an item of a response."""
        self.model("response.output_item.added", response_id=response, item={"id": item, "type": "message"})

    def speak(self, response: str, item: str, ms: int, words: str = "") -> None:
        """Give words and then audio of an item."""
        if words:
            self.model("response.output_audio_transcript.delta", response_id=response, item_id=item, delta=words)
        delta = base64.b64encode(bytes(ms * MS * 2)).decode()
        self.model("response.output_audio.delta", response_id=response, item_id=item, delta=delta, content_index=0)

    def item_done(self, response: str, item: str) -> None:
        """End an item's audio."""
        self.model("response.output_audio.done", response_id=response, item_id=item)

    def done(self, response: str, status: str = "completed", **details: Any) -> None:
        """End a response."""
        self.model("response.done", response={"id": response, "status": status, **details})

    def refuse(self, code: str, event_id: str | None, message: str = "no") -> None:
        """Answer a client event with an error."""
        self.model(
            "error", error={"type": "invalid_request_error", "code": code, "message": message, "event_id": event_id}
        )

    def answer(self, number: int, ms: int = 2000, words: str = "one two three four", *, done: bool = True) -> None:
        """Give a whole response `r<number>` of one item `a<number>`."""
        self.created(f"r{number}")
        self.item(f"r{number}", f"a{number}")
        self.speak(f"r{number}", f"a{number}", ms, words)
        if done:
            self.item_done(f"r{number}", f"a{number}")
            self.done(f"r{number}")

    # Time.

    def wait(self, seconds: float) -> None:
        """Let time pass, in ticks."""
        for _ in range(max(1, round(seconds / 0.05))):
            self.now_s += min(seconds, 0.05)
            self.take(self.core.tick(self.now_s))

    def close(self) -> None:
        """End the session."""
        self.take(self.core.close(self.now_s))
