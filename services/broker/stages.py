"""Stages: where a turn's time goes, as far as the broker can tell."""

from __future__ import annotations

from dataclasses import dataclass

from parley.v1 import conversation_service_pb2 as client
from services.common import names

Stage = client.TurnReport.Stage


@dataclass(frozen=True)
class TurnEnd:
    """When the last turn ended, for its report."""

    turn: int = 0
    at_s: float = 0.0
    waited_ms: float = 0.0
    mic_offset: int = 0
    """Up to where the person's sound is decided upon by it."""


class Stages:
    """Those of the response that was asked for last."""

    def __init__(self) -> None:
        self.last_turn = TurnEnd()
        self._asked_s = 0.0
        self._asked: list[Stage] = []

    def asked(self, turn: int, now_s: float, *, answers: bool) -> None:
        """A response is asked for, or released. With `answers` it answers `turn`, and its report begins there."""
        ended = self.last_turn if self.last_turn.turn == turn else TurnEnd(turn, now_s)
        commit_ms = (now_s - ended.at_s) * 1000
        self._asked_s = now_s
        self._asked = [
            Stage(name=names.VAD_ENDPOINT, ms=ended.waited_ms),
            Stage(name=names.BROKER_COMMIT, ms=commit_ms),
        ]
        if not answers:
            self._asked = []

    def first_audio(self, now_s: float) -> list[Stage]:
        """Return them all: the response begins to sound."""
        return [*self._asked, Stage(name=names.MODEL_FIRST_AUDIO, ms=(now_s - self._asked_s) * 1000)]
