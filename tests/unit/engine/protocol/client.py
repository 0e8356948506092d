"""A client of the protocol's core: sends events, keeps what comes back, and holds every event to the official types."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.engine.protocol.configuration import Configuration
from services.engine.protocol.events import Action, Send
from services.engine.protocol.realtime import RealtimeSession
from services.vad.silero import SileroModel
from services.vad.silero_network import Floats
from tests.fakes.realtime.wire import server_faults

SECOND = 24_000
MANUAL: dict[str, Any] = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
_LOUD = 300.0

Events = list[dict[str, Any]]


class LoudnessModel(SileroModel):
    """A voice activity model that is sure of what is loud, and of what is not."""

    def __init__(self) -> None:
        """Needs no weights."""

    def infer(self, windows: Floats, state: Floats) -> tuple[list[float], Floats]:
        """Judge each window by its typical sample."""
        loud = np.median(np.abs(windows), axis=1) > _LOUD
        return [0.95 if window else 0.02 for window in loud], state


class Client:
    """One session, driven by hand."""

    def __init__(self, *, session: dict[str, Any] | None = None, transcribes_only: bool = False) -> None:
        configuration = Configuration(
            "sess_1", "m", 4600, transcribes_only=transcribes_only, is_voice=lambda name: name == "en-gb+m3"
        )
        self.core = RealtimeSession(configuration, LoudnessModel())
        self.done: list[Action] = []
        self.opening = self.take(self.core.open())
        if session is not None:
            self.update(**session)

    def take(self, actions: list[Action]) -> Events:
        """Keep what is for the shell, and return the events."""
        self.done += [action for action in actions if not isinstance(action, Send)]
        events = [json.loads(json.dumps(action.event)) for action in actions if isinstance(action, Send)]
        for event in events:
            assert server_faults(event) == [], event
            assert event["event_id"]
        return events

    def send(self, kind: str, **fields: Any) -> Events:
        """Send an event; the audio it brings is heard to its end."""
        events = self.take(self.core.receive(json.dumps({"type": kind, **fields})))
        while self.core.is_behind:
            events += self.take(self.core.catch_up())
        return events

    def update(self, **session: Any) -> dict[str, Any]:
        """Update the session; returns it."""
        updated = self.send("session.update", session=session)[0]
        assert updated["type"] == "session.updated", updated
        return dict(updated["session"])

    def error(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Send an event that is refused; returns the error."""
        (event,) = self.send(kind, event_id="mine", **fields)
        assert event["type"] == "error", event
        assert event["error"]["event_id"] == "mine"
        return dict(event["error"])

    def append(self, pcm: bytes) -> Events:
        """Append PCM at 24 kHz, in pieces of 100 ms, as a microphone does."""
        events = []
        for begin in range(0, len(pcm), 4800):
            audio = base64.b64encode(pcm[begin : begin + 4800]).decode()
            events += self.send("input_audio_buffer.append", audio=audio)
        return events

    def say(self, text: str, item_id: str = "u1", role: str = "user") -> Events:
        """Put a typed message into the conversation."""
        content = [{"type": "output_text" if role == "assistant" else "input_text", "text": text}]
        return self.send(
            "conversation.item.create", item={"type": "message", "id": item_id, "role": role, "content": content}
        )

    def respond(self, **fields: Any) -> str:
        """Ask for a response; returns its id."""
        created = self.send("response.create", response=fields)[0]
        assert created["type"] == "response.created", created
        return str(created["response"]["id"])

    def speak(self, response_id: str, *words: tuple[str, float]) -> Events:
        """Give words, each with its seconds of audio, as the shell reports them."""
        events = []
        for word, seconds in words:
            events += self.take(self.core.word(response_id, word))
            events += self.take(self.core.audio(response_id, bytes(2 * round(seconds * SECOND))))
        return events

    def finish(self, response_id: str) -> Events:
        """All was said."""
        return self.take(self.core.finish(response_id))

    def spoken(self, *words: tuple[str, float]) -> str:
        """Have a reply spoken to its end, "one two three" of one second unless told; returns its item's id."""
        response_id = self.respond()
        self.speak(response_id, *(words or (("one", 0.3), (" two", 0.3), (" three", 0.4))))
        return str(self.finish(response_id)[-1]["response"]["output"][0]["id"])


def kinds(events: Events) -> list[str]:
    """The types of events."""
    return [str(event["type"]) for event in events]


def only(events: Events, kind: str) -> dict[str, Any]:
    """The one event of a type."""
    (event,) = [event for event in events if event["type"] == kind]
    return event


def silence(ms: int) -> bytes:
    """Nobody speaks (PCM, 24 kHz)."""
    return bytes(48 * ms)


def voice(ms: int) -> bytes:
    """Something loud: speech for the LoudnessModel."""
    samples: NDArray[np.int16] = (np.sign(np.sin(np.arange(24 * ms) / 20)) * 5000).astype(np.int16)
    return samples.tobytes()
