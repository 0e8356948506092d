"""The talk: the part of the bench that is held with the ring's own engine, and timed as people feel it.

Nothing else is measured here: what the ring adds and costs is the other parts' business, before a fake model whose own
time is known. The ring runs on all cores, as `make run` has it, for the load costs next to nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from websockets.exceptions import WebSocketException

from tests.load import engine_latency, response_time
from tests.load.figures import Figures, percentiles
from tests.load.load_process import LoadProcess, NotHeld
from tests.load.outcome import is_disturbed
from tests.load.ring_under_load import MeasuredRing

ENGINE_GOAL_MS: Final = 300.0
"""What half of the engine's first audio is to stay under, from the commit on."""

_FAULTS: Final = ("unanswered_turns", "answers_without_stages", "stale_pieces")
_PATIENCE_S: Final = 120.0
_WARM_UP: Final = (1, 4.0)


@dataclass(frozen=True)
class TalkPlan:
    """How many conversations at once, for how long each number, and how many turns the engine is asked by itself."""

    steps: Sequence[tuple[int, float]] = ((1, 50.0), (4, 15.0))
    engine_turns: int = 5
    synthetic: bool = False
    """Whether a synthesiser speaks instead of recorded people."""

    @property
    def expected_s(self) -> float:
        """How long it will take, about: starting, opening and settling included."""
        return 18 + sum(seconds + 5 for _, seconds in self.steps) + 2 * self.engine_turns


class Talk:
    """`found = await Talk(plan, load, …).run(cores)`; `note` is given a line for each thing that happens.

    Raises StartFault, NoRedisError, LoadError: it can't be measured at all.
    """

    def __init__(
        self, plan: TalkPlan, load: LoadProcess, buffer_ms: int, logs: Path | None, note: Callable[[str], None]
    ) -> None:
        self.problems: list[str] = []
        self._plan = plan
        self._load = load
        self._buffer_ms = buffer_ms
        self._logs = logs
        self._note = note

    async def run(self, cores: set[int]) -> dict[str, Any]:
        """Measure on these cores; return what the report says of it."""
        os.sched_setaffinity(0, cores)  # the ring's processes inherit it
        self._note(f"the talk, with the ring's own engine: {self._load.talk_voice}")
        ring = MeasuredRing(None, self._logs and self._logs / "talk")
        async with ring:
            await self._hold(ring, *_WARM_UP)
            steps = {str(count): await self._step(ring, count, seconds) for count, seconds in self._plan.steps}
            engine = await self._engine(ring.model_url)
            self.problems += [f"{name} died {ring.restarts(name)} times" for name in ring.pids if ring.restarts(name)]
        return {
            "voice": self._load.talk_voice,
            "goal_ms": response_time.GOAL_MS,
            "speculates": os.environ.get("PARLEY_SPECULATE", "on"),
            "sessions": {count: found for count, found in steps.items() if "counts" in found},
            "engine": engine,
        }

    async def _step(self, ring: MeasuredRing, count: int, seconds: float) -> Figures:
        self._note(f"{count} conversation{'s' * (count > 1)} with the engine for {seconds:g} s")
        found = await self._hold(ring, count, seconds)
        self.problems += [f"talk of {count}: {fault}" for fault in found["faults"]]
        if "counts" not in found:
            return found
        named = [f"{name.replace('_', ' ')}: {found['counts'][name]}" for name in _FAULTS if found["counts"][name]]
        found |= {"disturbed": is_disturbed(found), "goal_is_met": response_time.is_met(found)}
        whole = found["end_of_speech_to_first_sample_heard_ms"]
        if found["goal_is_met"] is False and self._is_to_be_met(count, found):
            named.append(f"end of speech to first sample heard: p50 {whole['p50']} ms, not {response_time.GOAL_MS:g}")
        self.problems += [f"talk of {count}: {problem}" for problem in named]
        told = [f"first sample heard after {whole['p50']} ms at p50, {whole['p95']} ms at p95", *named]
        self._note("; ".join([*told, *["other programs were busy"] * found["disturbed"]]))
        return found

    def _is_to_be_met(self, count: int, found: Figures) -> bool:
        """Say whether missing the goal is the ring's fault: one conversation, a person, and nobody in the way."""
        return count == 1 and not self._plan.synthetic and not found["disturbed"]

    async def _engine(self, url: str) -> dict[str, Any] | None:
        if not self._plan.engine_turns:
            return None
        self._note(f"{self._plan.engine_turns} questions to the engine by itself")
        try:
            found = await engine_latency.measure(url, self._plan.engine_turns)
        except (OSError, TimeoutError, WebSocketException) as error:
            self.problems.append(f"the engine by itself: {error or type(error).__name__}")
            return None
        first = percentiles([1000 * value for value in found.first_audio_s], 50, 95)
        return {"commit_to_first_audio_ms": first, "goal_ms": ENGINE_GOAL_MS, "turns": len(found.first_audio_s)}

    async def _hold(self, ring: MeasuredRing, count: int, seconds: float) -> Figures:
        order = {
            "part": "talk",
            "sessions": count,
            "seconds": seconds,
            "door": ring.websocket,
            "redis": ring.redis_url,
            "pids": ring.pids,
            "cores": ring.cores,
            "buffer_ms": self._buffer_ms,
        }
        try:
            return await self._load.hold(order, seconds + _PATIENCE_S)
        except NotHeld as refusal:
            return {"faults": [str(refusal)]}
