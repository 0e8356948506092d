"""What vad's decision core takes and gives: its events, its settings, its phases."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Protocol, TypeAlias

from parley.v1 import audio_pb2 as audio
from parley.v1 import broker_service_pb2 as broker
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import session_pb2 as session
from services.vad.detector import DetectorSettings
from services.vad.endpointing import EndpointingSettings
from services.vad.interruption_settings import InterruptionSettings
from services.vad.voice import VoiceWindow


class Phase(Enum):
    """Who has the floor."""

    OPEN = "open"
    TURN = "turn"
    THINKING = "thinking"
    SPEAKING = "speaking"


STATES: Final[dict[Phase, session.ConversationState.ValueType]] = {
    Phase.OPEN: session.CONVERSATION_STATE_IDLE,
    Phase.TURN: session.CONVERSATION_STATE_LISTENING,
    Phase.THINKING: session.CONVERSATION_STATE_THINKING,
    Phase.SPEAKING: session.CONVERSATION_STATE_SPEAKING,
}
"""What the client is shown of each."""


@dataclass(frozen=True)
class Judge:
    """Ask the end-of-turn model about this audio (16 kHz PCM16) and give the answer to `judged`."""

    turn: int
    pause: int
    pcm: bytes


Event: TypeAlias = (
    broker.SpeechStarted
    | broker.TurnAudio
    | broker.TurnEnded
    | broker.TurnConfirmed
    | broker.TurnResumed
    | broker.SpeechDismissed
    | broker.Typed
    | session.Announcement
    | session.Interrupt
    | client.State
    | audio.Heard
    | Judge
)


class VoiceActivity(Protocol):
    """What hears speech in sound; `Silero` is one."""

    def feed(self, pcm: bytes) -> list[VoiceWindow]:
        """Take 16 kHz PCM16; return the windows completed by it."""
        ...


@dataclass(frozen=True)
class TurnTakingSettings:
    """How patient, and how interruptible."""

    detector: DetectorSettings = field(default_factory=DetectorSettings)
    endpointing: EndpointingSettings = field(default_factory=EndpointingSettings)
    interruption: InterruptionSettings = field(default_factory=InterruptionSettings)
    tentative_from: float = 0.6
    """p(complete) from which a turn ends tentatively, so that the model may begin. Above 1: never."""
    dismissed_ms: int = 160
    """A turn with less speech than this was none."""
    thinking_ms: int = 20_000
    """If nothing becomes audible for this long, the floor is open again."""
    language: str = "en"
    """What a transcript is written in."""
    answers_stop: bool = False
    """Whether a turn that is nothing but a "stop" is answered like any other."""
