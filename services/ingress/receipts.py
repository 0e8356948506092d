"""Receipts: what a client that may resume need not keep of its microphone, told about once a second."""

from __future__ import annotations

from typing import Final

from parley.v1 import audio_pb2 as audio
from parley.v1 import conversation_service_pb2 as client
from services.common.outbox import Outbox
from services.ingress.microphone import Microphone

EVERY_MS: Final = 1_000


class Receipts:
    """One session's. It says what vad has received, on the client's own clock; nothing is said twice.

    Without `to_client` nothing is said: nobody may resume.
    """

    def __init__(self, microphone: Microphone, to_client: Outbox[client.ConverseResponse] | None) -> None:
        self._microphone = microphone
        self._to_client = to_client
        self._received = 0
        self._told = 0
        self._waited_ms = 0

    def received(self, ring_offset: int) -> None:
        """Note that vad has all that came before."""
        self._received = max(self._received, ring_offset)

    def tick(self, ms: int) -> None:
        """Note that time has passed."""
        self._waited_ms += ms
        if self._to_client is None or self._waited_ms < EVERY_MS:
            return
        self._waited_ms = 0
        offset = self._microphone.to_client(self._received)
        if offset > self._told:
            self._told = offset
            self._to_client.control(client.ConverseResponse(heard=audio.Heard(received_offset=offset)))
