"""Hands: what the person's hands have done to the microphone: muted it, or taken the ends of turns over by a key."""

from __future__ import annotations

from dataclasses import dataclass

from parley.v1 import conversation_service_pb2 as client
from parley.v1 import vad_service_pb2 as vad


@dataclass
class Hands:
    """The state at one moment of the stream. A vad that begins there has to be told of it first."""

    muted: bool = False
    by_hand: bool = False
    """The talk key has been used: the ear ends no turn any more."""
    pressed: bool = False

    def see(self, request: vad.ListenRequest) -> None:
        """Follow what was done."""
        match request.WhichOneof("message"):
            case "mute":
                self.muted = request.mute.muted
            case "push_to_talk":
                self.by_hand, self.pressed = True, request.push_to_talk.pressed

    def told(self) -> list[vad.ListenRequest]:
        """Return what brings a vad that knows nothing into this state."""
        requests = []
        if self.by_hand:
            requests.append(vad.ListenRequest(push_to_talk=client.PushToTalk(pressed=self.pressed)))
        if self.muted:
            requests.append(vad.ListenRequest(mute=client.Mute(muted=True)))
        return requests
