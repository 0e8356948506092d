"""The parent's end of the load's process: starts it, gives it orders, and stops it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from local.child import ROOT

_LINE_BYTES: Final = 1 << 22
_START_S: Final = 60.0
_STOP_S: Final = 2.0


class LoadError(Exception):
    """The load's process said that it can't go on, or has gone; the message says why."""


class NotHeld(LoadError):
    """The conversations that were ordered could not be opened; others may be."""


class LoadProcess:
    """`async with LoadProcess(core, data) as load: figures = await load.hold(…)`. Raises LoadError."""

    def __init__(self, core: int, data: Path | None, *, synthetic_talk: bool = False) -> None:
        self.model_url = ""
        self.voice = ""
        self.talk_voice = ""
        self._core = core
        self._data = data
        self._synthetic_talk = synthetic_talk
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        options = ["--data", str(self._data.resolve())] if self._data else []
        options += ["--synthetic-talk"] * self._synthetic_talk
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.load.generator", "--core", str(self._core), *options),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "protos" / "gen")))},
            start_new_session=True,  # Ctrl-C is the parent's: it ends us by closing our input
            limit=_LINE_BYTES,
        )
        try:
            hello = await self._answer(_START_S)
        except BaseException:
            await self._stop()
            raise
        self.model_url, self.voice, self.talk_voice = hello["model"], hello["voice"], hello["talk_voice"]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def hold(self, order: dict[str, Any], patience_s: float) -> dict[str, Any]:
        """Have conversations held; return the figures. See `tests.load.generator` for what an order holds."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        figures: dict[str, Any] = (await self._answer(patience_s))["figures"]
        return figures

    async def _answer(self, patience_s: float) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(patience_s):
                line = await self._process.stdout.readline()
        except TimeoutError:
            raise LoadError(f"the load's process did not answer within {patience_s:g} s.") from None
        if not line:
            raise LoadError("the load's process has ended; its last words stand above.")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise NotHeld(answer["error"])
        return answer

    async def _stop(self) -> None:
        process = self._process
        if process is None or process.stdin is None:
            return
        process.stdin.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_S):
                await process.wait()
        if process.returncode is None:
            process.kill()
            await process.wait()
