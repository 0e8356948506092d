"""What a model remembers of a conversation, put so that a test can compare it with what was said and heard."""

from __future__ import annotations

from dataclasses import dataclass

from tests.fakes.realtime.conversation import Conversation, Item

_ROLES = {"function_call": "call", "function_call_output": "output"}


@dataclass(frozen=True, slots=True)
class Remembered:
    """One item as the model remembers it."""

    role: str
    """`user`, `assistant`, `system`, `call` or `output`."""
    text: str
    """Its words, of an assistant's audio those that the model believes were heard; a call's arguments; a result."""
    item_id: str = ""
    audio_ms: float | None = None
    """Length of its audio, truncated where it was; None for text."""
    truncated_ms: int | None = None
    name: str = ""
    """The function that a call calls."""
    call_id: str = ""

    @property
    def told(self) -> tuple[str, str]:
        """Role and words: what survives a change of connection."""
        return self.role, self.text


def memory_of(conversation: Conversation) -> list[Remembered]:
    """Give every item in the model's order."""
    return [_remembered(conversation.items[item_id]) for item_id in conversation.order]


def _remembered(item: Item) -> Remembered:
    wire = item.wire
    if (role := _ROLES.get(wire["type"])) is not None:
        text = str(wire["arguments"] if role == "call" else wire["output"])
        return Remembered(role, text, item.id, name=str(wire.get("name", "")), call_id=str(wire["call_id"]))
    if item.role == "user" and item.audio:
        return Remembered("user", item.heard_text or "", item.id, len(item.audio) / 48)
    if item.generated_samples:
        heard_ms = item.believed_samples / 24
        text = "".join(word.text for word in item.words) if item.truncated_ms is None else item.spoken_by(heard_ms)
        return Remembered("assistant", text.strip(), item.id, heard_ms, item.truncated_ms)
    return Remembered(item.role, item.text, item.id)


def orphans(memory: list[Remembered]) -> list[str]:
    """List the calls without a result and the results without an earlier call: no model takes a conversation so."""
    calls = [item.call_id for item in memory if item.role == "call"]
    faults = []
    for place, item in enumerate(memory):
        if item.role == "output" and item.call_id not in [e.call_id for e in memory[:place] if e.role == "call"]:
            faults.append(f"the result of {item.call_id} follows no call")
    results = [item.call_id for item in memory if item.role == "output"]
    faults += [f"the call {call_id} has no result" for call_id in calls if call_id not in results]
    faults += [f"{call_id} stands there twice" for call_id in set(calls) if calls.count(call_id) > 1]
    return faults
