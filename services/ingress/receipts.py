"""Receipts: what a client that may resume need not keep of its microphone, told about once a second."""

from __future__ import annotations

from typing import Final

from parley.v1 import audio_pb2 as audio
from parley.v1 import conversation_service_pb2 as client
from services.common.outbox import Outbox
from services.ingress.microphone import Microphone

EVERY_MS: Final = 1_000


class Receipts:
    """One session's. It says what is decided, on the client's own clock; nothing is said twice.

    What vad has received and not decided upon is kept here, and by the client: this ingress may die, and vad after it.

    Without `to_client` nothing is said: nobody may resume.
    """

    def __init__(self, microphone: Microphone, to_client: Outbox[client.ConverseResponse] | None) -> None:
        self._microphone = microphone
        self._to_client = to_client
        self._decided = 0
        self._told = 0
        self._waited_ms = 0

    def let_go(self, ring_offset: int) -> None:
        """Note that nobody will need what came before."""
        self._decided = max(self._decided, ring_offset)

    def tick(self, ms: int) -> None:
        """Note that time has passed."""
        self._waited_ms += ms
        if self._to_client is None or self._waited_ms < EVERY_MS:
            return
        self._waited_ms = 0
        offset = self._microphone.to_client(self._decided)
        if offset > self._told:
            self._told = offset
            self._to_client.control(client.ConverseResponse(heard=audio.Heard(received_offset=offset)))
