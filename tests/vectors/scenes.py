"""The scenes among the vectors, as Python sees them: what happens when, and what is expected."""

from __future__ import annotations

import copy
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FOLDER = Path(__file__).parent / "scenes"
TICK_MS = 20
PIECE_SAMPLES = 480
NEEDS = {"localDuck", "keepsCalling", "adaptivePlayout", "twoAddresses"}
HAPPENINGS = ("server", "audio", "mic", "network", "person")
EXPECTATIONS = (
    "expect",
    "expect_mic",
    "expect_first",
    "expect_output",
    "expect_heard",
    "expect_calls",
    "expect_state",
)
_BESIDE = {"at_ms", "within_ms", "times", "over"}

USUAL_OPENED: dict[str, Any] = {
    "session": "s",
    "resumeToken": "token-1",
    "limits": {"maxFrameMs": 200, "maxMessageBytes": 65536, "maxMessagesPerS": 200, "maxAheadMs": 10000},
    "leadMs": 200,
    "protocol": 1,
    "input": {"encoding": "ENCODING_PCM16", "rateHz": 16000},
    "output": {"encoding": "ENCODING_PCM16", "rateHz": 24000},
    "resumeS": 30,
}


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happens at a moment, or that is expected from it on."""

    at_ms: int
    kind: str
    what: Any
    within_ms: int = 0
    times: Any = None
    over: int | None = None

    @property
    def until_ms(self) -> int:
        """The last moment that it looks at."""
        return self.at_ms + self.within_ms


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server says to a call: messages so long after it, or a word for what it does not."""

    message: dict[str, Any]
    after_ms: int = TICK_MS
    refused: bool = False
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Scene:
    """One scene."""

    file: str
    name: str
    why: str
    needs: frozenset[str]
    setup: dict[str, Any]
    happenings: tuple[Step, ...]
    expectations: tuple[Step, ...]

    def __str__(self) -> str:
        return self.file

    @property
    def end_ms(self) -> int:
        """The moment at which it is over."""
        return max(step.until_ms for step in (*self.happenings, *self.expectations)) + TICK_MS

    def answer(self, call: int) -> Answer:
        """Return the answer to the n-th call, counted from 1."""
        answers: list[Any] = self.setup.get("answers") or [{"opened": {}}]
        entry = answers[min(call, len(answers)) - 1]
        if isinstance(entry, str):
            return Answer({}, refused=entry == "refused", silent=entry == "silent")
        message = copy.deepcopy({key: value for key, value in entry.items() if key != "after_ms"})
        if "opened" in message:
            message["opened"] = {**copy.deepcopy(USUAL_OPENED), **message["opened"]}
        return Answer(message, entry.get("after_ms", TICK_MS))


def scenes() -> list[Scene]:
    """Return all scenes there are. Raises ValueError for one that does not keep to the form."""
    return [_scene(path.stem, json.loads(path.read_text("utf-8"))) for path in sorted(FOLDER.glob("*.json"))]


def reply_pcm(reply: int, position: int, samples: int) -> NDArray[np.int16]:
    """Return the sound of a reply from `position` on: each sample tells where it stands."""
    positions = np.arange(position, position + samples, dtype=np.int64)
    return (1_000 + (reply * 7_919 + positions * 31) % 20_000).astype(np.int16)


def speech_pcm(first: int, samples: int, rate_hz: int = 16_000) -> NDArray[np.int16]:
    """Return the person's voice, as if it were one, from the microphone's sample `first` on."""
    at = np.arange(first, first + samples) * (2 * math.pi / rate_hz)
    sound: NDArray[np.int16] = np.rint(
        8_000 * np.sin(150 * at) + 4_000 * np.sin(300 * at) + 2_000 * np.sin(600 * at)
    ).astype(np.int16)
    return sound


def _scene(file: str, entry: dict[str, Any]) -> Scene:
    steps = [_step(file, step) for step in entry["steps"]]
    needs = frozenset(entry.get("needs", ()))
    if needs - NEEDS or set(entry) - {"name", "why", "needs", "setup", "steps"}:
        raise ValueError(f"{file}: unknown needs or fields")
    happenings = tuple(step for step in steps if step.kind in HAPPENINGS)
    expectations = tuple(step for step in steps if step.kind in EXPECTATIONS)
    if not expectations:
        raise ValueError(f"{file}: nothing is expected")
    moments = [step.at_ms for step in happenings]
    if moments != sorted(moments):
        raise ValueError(f"{file}: what happens must be told in its order")
    return Scene(file, entry["name"], entry["why"], needs, entry["setup"], happenings, expectations)


def _step(file: str, entry: dict[str, Any]) -> Step:
    kinds = [key for key in entry if key not in _BESIDE]
    if len(kinds) != 1 or kinds[0] not in (*HAPPENINGS, *EXPECTATIONS):
        raise ValueError(f"{file}: a step must be one thing: {entry}")
    step = Step(
        entry["at_ms"],
        kinds[0],
        entry[kinds[0]],
        entry.get("within_ms", 0),
        entry.get("times"),
        entry.get("over"),
    )
    if step.at_ms % TICK_MS or step.within_ms % TICK_MS:
        raise ValueError(f"{file}: moments are multiples of {TICK_MS} ms: {entry}")
    return step
