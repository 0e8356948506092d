"""Evaluation: the parts, in order, each as its share of the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from tests.eval import cost, echo, endings, interruptions, voicing
from tests.eval.curves import curves
from tests.eval.folder import Folder
from tests.eval.overlap import Heard, overlap
from tests.eval.scene import Setting
from tests.eval.turns import Turned, turn
from tests.eval.work import Crew

Figures = dict[str, Any]
PARTS: Final = ("overlap", "turns", "vad", "noisy", "echo", "cost")
SNRS_DB: Final = (10, 5)
ECHOES_DB: Final = (-30, -15)


@dataclass
class Evaluation:
    """One run: what is wanted, and what the parts leave for each other."""

    folder: Folder
    crew: Crew
    setting: Setting
    tell: Callable[[str], None]
    echo_pieces: int = int(echo.MINUTES * 60 / echo.PIECE_S)
    heard: Sequence[Heard] = ()
    turned: Sequence[Turned] = ()

    def run(self, parts: Sequence[str]) -> Figures:
        """Return the figures of these parts. What a folder holds nothing for is left out."""
        found: Figures = {}
        for part in PARTS:
            if part in parts:
                found |= getattr(self, f"_{part}")()
        return found

    def _overlap(self) -> Figures:
        if not self.folder.overlap:
            return {}
        self.heard = self._hear("overlap", self.setting)
        return self._interruptions(self.heard)

    def _turns(self) -> Figures:
        if not self.folder.turns:
            return {}
        self.turned = self._turn("turns", self.setting)
        return {"turns": self._endings(self.turned, self.setting)}

    def _vad(self) -> Figures:
        if not self.folder.vad:
            return {}
        voiced = self.crew.do("voice activity", voicing.voicing, [(self.setting, clip) for clip in self.folder.vad])
        return {"vad": voicing.figures(voiced, self.setting.seed)} if voiced else {}

    def _noisy(self) -> Figures:
        noises = tuple(noise.path for noise in self.folder.noise if noise.kind != "rir")
        if not noises:
            self.tell("There is no noise in manifests/noise.csv: pink noise is mixed in.")
        found = {}
        for snr_db in SNRS_DB:
            setting = replace(self.setting, snr_db=float(snr_db), noises=noises)
            at: Figures = {}
            if self.folder.overlap:
                at |= self._interruptions(self._hear(f"overlap at {snr_db} dB", setting))
            if self.folder.turns:
                turned = self._turn(f"turns at {snr_db} dB", setting)
                at["turns"] = self._endings(turned, setting, steps=1)
            found[str(snr_db)] = at
        return {"noisy": found}

    def _echo(self) -> Figures:
        voices, stops = echo.voices(self.folder), echo.stops(self.folder)
        if not voices or not stops:
            self.tell("Skipped: echo needs speech to yield to in overlap.csv.")
            return {}
        yielded = [clip for clip in self.folder.overlap if clip.expect == "yield"]
        levels = self.crew.do("levels", echo.level, [(self.setting, clip) for clip in yielded])
        rooms = tuple(noise.path for noise in self.folder.noise if noise.kind == "rir")
        pieces = self.echo_pieces
        found = {}
        for echo_db in ECHOES_DB:
            leak = echo.Leak(self.setting, voices, rooms, float(np.median(levels)), float(echo_db))
            tasks = [(leak, number, yielded[number % len(yielded)].path) for number in range(pieces)]
            alone = self.crew.do(f"echo at {echo_db} dB", echo.alone, tasks)
            heard = self.crew.do("stops in it", echo.with_person, [(leak, clip) for clip in stops])
            if not alone or not heard:
                return {}
            found[str(echo_db)] = echo.figures(alone, heard, self.setting.seed)
        return {"echo": found}

    def _cost(self) -> Figures:
        heard = self.heard or self._hear("overlap, for the cost", self.setting)
        turned = self.turned or self._turn("turns, for the cost", self.setting)
        paths = [clip.path for clip in self.folder.turns] + [clip.path for clip in self.folder.overlap]
        memory: list[float | None] = []
        if paths:
            with Crew(1) as fresh:
                memory = fresh.do("memory of 50 sessions", cost.memory_mb, [(self.setting, paths[0])])
        spent = [one.spent for one in heard], [one.spent for one in turned]
        return {"cost": cost.figures(*spent, memory[0] if memory else None)}

    def _hear(self, title: str, setting: Setting) -> list[Heard]:
        return self.crew.do(title, overlap, [(setting, clip) for clip in self.folder.overlap])

    def _turn(self, title: str, setting: Setting) -> list[Turned]:
        return self.crew.do(title, turn, [(setting, clip) for clip in self.folder.turns])

    def _endings(self, turned: Sequence[Turned], setting: Setting, **effort: int) -> Figures:
        counts = {
            "ends": sum(clip.end_s is not None for clip in self.folder.turns),
            "holds": sum(len(clip.holds) for clip in self.folder.turns),
        }
        point = endings.operating_point(turned, setting.seed)
        swept = curves(self.crew, setting, self.folder.turns, **effort)
        return {**counts, "operating_point": point, **swept}

    def _interruptions(self, heard: Sequence[Heard]) -> Figures:
        seed = self.setting.seed
        return {
            "overlap": interruptions.per_kind(heard, seed),
            "overlap_pooled": interruptions.pooled(heard, seed),
        }
