"""The face a server shows: how compatible servers differ from OpenAI's in what they say and what they can do."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Final

from tests.fakes.realtime.beta import to_beta
from tests.fakes.realtime.wire import Event

OPTIONAL: Final = frozenset(
    {
        "conversation.item.done",
        "rate_limits.updated",
        "response.content_part.added",
        "response.content_part.done",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "session.updated",
    }
)
"""What some servers never send; no client may wait for it."""

_ADDED = "conversation.item.added"
_OFFICIAL_HZ: Final = 24_000
_WITH_SESSION: Final = ("session.update", "session.created", "session.updated")
_STRANGE: Final = ({"type": "ping"}, {"type": "response.sparkle.delta", "sparkle": {"delta": 7}}, {"type": "x.y.z"})


@dataclass(frozen=True, slots=True)
class Face:
    """The defaults are OpenAI's."""

    beta: bool = False
    """The flat session and the old names."""
    acknowledges: tuple[str, ...] = ("added",)
    """By which `conversation.item.…` an item is acknowledged: `added`, `created`, or both."""
    omits: frozenset[str] = frozenset()
    """Types of events that it never sends."""
    echoes_metadata: bool = True
    code_in_type: bool = False
    """Errors have their code where others have the type."""
    names_events: bool = True
    """Errors say which client event they answer."""
    commit_responds: bool = False
    """A commit starts the response by itself."""
    can_truncate: bool = True
    """False: a truncation is ignored without a word."""
    can_cancel: bool = True
    """False: a cancel is ignored without a word."""
    semantic_vad: bool = True
    """False: it is taken, and hears nothing, ever."""
    sprinkles: int = 0
    """Puts in an event that no schema knows after every so many."""
    input_hz: int = _OFFICIAL_HZ
    """The rate of the PCM that it takes; the official types know but one."""

    def shown(self, event: Event) -> list[Event]:
        """Give what this server sends where OpenAI's sends `event`."""
        kind = event["type"]
        if kind in self.omits:
            return []
        if kind in ("response.created", "response.done") and not self.echoes_metadata:
            event = {**event, "response": {**event["response"], "metadata": None}}
        if kind == "error" and not self.names_events:
            event = {**event, "error": {**event["error"], "event_id": None}}
        if kind == "error" and self.code_in_type:
            error = event["error"]
            event = {**event, "error": {**error, "type": error["code"] or error["type"], "code": None}}
        events = [event]
        if kind == _ADDED:
            events = [{**event, "type": f"conversation.item.{name}"} for name in self.acknowledges]
        if self.beta:
            events = [beta for e in events if (beta := to_beta(e)) is not None]
        return events

    def official(self, event: Event) -> Event:
        """Give an event, of either side, as the official types can judge it: with the one rate that they know."""
        if self.input_hz == _OFFICIAL_HZ or event.get("type") not in _WITH_SESSION:
            return event
        event = copy.deepcopy(event)
        try:
            form = event["session"]["audio"]["input"]["format"]
            if form["rate"] == self.input_hz:
                form["rate"] = _OFFICIAL_HZ
        except (KeyError, TypeError):
            pass  # no rate is said, and what is said may be nonsense
        return event

    def strange(self, count: int) -> Event | None:
        """Give what is put in after the server's `count`th event, if anything."""
        if not self.sprinkles or count % self.sprinkles:
            return None
        return _STRANGE[count // self.sprinkles % len(_STRANGE)]


OPENAI: Final = Face()
AZURE: Final = Face(semantic_vad=False)
LOCALAI: Final = Face(commit_responds=True, acknowledges=("created", "added"), echoes_metadata=False)
HUGGING_FACE: Final = Face(
    acknowledges=("created",),
    omits=OPTIONAL - {"session.updated", "response.output_audio.done"},
    code_in_type=True,
    can_truncate=False,
)
BETA: Final = Face(beta=True)
"""speaches, Azure's preview, older clones."""
SPARSE: Final = Face(omits=OPTIONAL, echoes_metadata=False, names_events=False)
"""Nothing that a server may leave out."""
TALKATIVE: Final = Face(acknowledges=("created", "added"), sprinkles=3)
"""Both names for everything, and much that nobody knows."""
