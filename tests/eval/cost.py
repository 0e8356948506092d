"""Cost: what the ear takes of a core and of memory."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from parley.v1 import audio_pb2 as audio
from services.common.audio import MIC_HZ
from tests.eval.audio import pcm, read
from tests.eval.listener import FRAME_BYTES, Models, Spent
from tests.eval.scene import Setting

SESSIONS: Final = 50
SESSION_S: Final = 10

Figures = dict[str, Any]


def figures(overlap: Sequence[Spent], turns: Sequence[Spent], memory_mb: float | None) -> Figures:
    """Return the figures: CPU over all that was heard, and over its two parts."""
    total = _sum([*overlap, *turns])
    return {
        "cpu_ms_per_audio_second": _per_second(total),
        "rss_mb_per_session": memory_mb,
        "cpu_ms_while_assistant_speaks": _per_second(_sum(overlap)),
        "cpu_ms_in_turns": _per_second(_sum(turns)),
        "cpu_ms_per_judgement": round(total.judge_s * 1000 / total.judgements, 2) if total.judgements else None,
        "judgements_per_minute": round(total.judgements * 60 / total.audio_s, 2) if total.audio_s else None,
        "audio_s": {"assistant_speaks": round(_sum(overlap).audio_s, 1), "turns": round(_sum(turns).audio_s, 1)},
    }


def _sum(spent: Sequence[Spent]) -> Spent:
    return Spent(
        sum(one.audio_s for one in spent),
        sum(one.core_s for one in spent),
        sum(one.judge_s for one in spent),
        sum(one.judgements for one in spent),
    )


def _per_second(spent: Spent) -> float | None:
    return round((spent.core_s + spent.judge_s) * 1000 / spent.audio_s, 2) if spent.audio_s else None


def memory_mb(models: Models, setting: Setting, path: str) -> float | None:
    """Return what a conversation adds to this process's memory, in MB; None where that can't be seen.

    The process should be a fresh one: memory that was used and is free again would hide it. Raises AudioError.
    """
    sound = pcm(read(setting.root / path))
    heard = (sound * (1 + SESSION_S * MIC_HZ * 2 // len(sound)))[: SESSION_S * MIC_HZ * 2]
    kept = [_session(models, heard)]  # what the first one makes is shared
    before = _rss_mb()
    kept += [_session(models, heard) for _ in range(SESSIONS)]
    after = _rss_mb()
    del kept
    return None if before is None or after is None else round((after - before) / SESSIONS, 3)


def _session(models: Models, heard: bytes) -> Any:
    core = models.core(models.voice(), None)
    for start in range(0, len(heard), FRAME_BYTES):
        core.feed(audio.AudioFrame(mic_offset=start // 2, pcm=heard[start : start + FRAME_BYTES]))
    return core


def _rss_mb() -> float | None:
    gc.collect()
    _give_back()
    if sys.platform != "linux":
        return None
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return None


def _give_back() -> None:
    """Give free memory back to the system, where the C library can: what was used before would be used again unseen."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)
