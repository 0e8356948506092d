"""Actions: what the broker's core wants done, in order. The shell carries them out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import egress_service_pb2 as egress
from parley.v1 import session_pb2 as session
from services.broker import journal


@dataclass(frozen=True)
class ToModel:
    """Send a client event of the Realtime protocol."""

    event: dict[str, Any]


@dataclass(frozen=True)
class RaiseFloor:
    """Note in the session record that no reply at or below `floor` may be heard."""

    seq: int
    floor: int


@dataclass(frozen=True)
class CallTool:
    """Carry out a tool call of the model's, and tell `Conversation.tool_done`."""

    call_id: str
    name: str
    arguments: str
    """JSON as the model wrote it."""
    turn: int
    is_reissue: bool = False
    """A broker that is gone may have carried it out already."""


@dataclass(frozen=True)
class Mark:
    """Have `item` stand in Redis for a broker that may take over; people are never told of it."""

    item: session.HistoryItem


@dataclass(frozen=True)
class Spent:
    """What a response, or the writing down of a turn, has used; and all of the session so far."""

    turn: int
    usage: session.Usage
    total: session.Usage


@dataclass(frozen=True)
class NotAnswered:
    """A turn gets no answer, or only the beginning of one: for its trace."""

    turn: int
    why: str
    """A code, the model's or one of ours: no words of anybody's."""


Action: TypeAlias = (
    ToModel
    | RaiseFloor
    | CallTool
    | Mark
    | Spent
    | NotAnswered
    | egress.SpeakRequest
    | broker.RespondResponse
    | session.HistoryItem
)


class Actions:
    """Collects actions; `taken` hands them over."""

    def __init__(self) -> None:
        self.model_away = False
        """While set, nothing goes to the model: there is none. It will be told everything anew."""
        self._actions: list[Action] = []
        self._events = 0

    def model(self, type_: str, **fields: Any) -> str:
        """Send a client event to the model; return its event_id, which an error will name."""
        self._events += 1
        event_id = f"parley_{self._events}"
        if not self.model_away:
            self._actions.append(ToModel({"type": type_, "event_id": event_id, **fields}))
        return event_id

    def append_audio(self, base64_pcm: str) -> None:
        """Send audio to the model: the one event that is never acknowledged and needs no id."""
        if not self.model_away:
            self._actions.append(ToModel({"type": "input_audio_buffer.append", "audio": base64_pcm}))

    def progress(self, turn: int, stage: broker.TurnProgress.Stage.ValueType, reply: int = 0) -> None:
        """Tell vad how a turn is coming along."""
        progress = broker.TurnProgress(turn=turn, stage=stage, reply=reply)
        self._actions.append(broker.RespondResponse(progress=progress))

    def silent(self, turn: int) -> None:
        """Tell vad, and whoever may take over, that a turn gets no spoken answer."""
        self.progress(turn, broker.TurnProgress.STAGE_SILENT)
        self.settled(turn)

    def settled(self, turn: int) -> None:
        """Note that nobody waits for an answer to a turn any more."""
        if turn:
            self.add(Mark(journal.settled(turn)))

    def add(self, action: Action) -> None:
        """Add anything else."""
        self._actions.append(action)

    def taken(self) -> list[Action]:
        """Return what has been collected, and forget it."""
        actions, self._actions = self._actions, []
        return actions
