"""Curves: cut-offs against latency, for the production policy, the bare end-of-turn model, and silence alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from services.vad.endpointing import EndpointingSettings
from tests.eval import endings, policies
from tests.eval.folder import TurnClip, half_of
from tests.eval.scene import Setting
from tests.eval.sweep import Figures, Sweep
from tests.eval.tape import Tape, record
from tests.eval.turns import Score
from tests.eval.work import Crew

SHIPPED_SILENCE_MS: Final = EndpointingSettings().unjudged_pause_ms

_STEPS: Final = 2
"""How often settings near the best ones are tried."""


def curves(crew: Crew, setting: Setting, clips: Sequence[TurnClip], steps: int = _STEPS) -> Figures:
    """Return the figures of the production policy's sweep, and of what it is compared with."""
    tapes = crew.do("pauses", record, [(setting, clip) for clip in clips])
    seed, groups = setting.seed, [tape.clip.group for tape in tapes]
    if not tapes:
        return {}
    ours = _ours(crew, tapes, seed, steps)
    silences = [SHIPPED_SILENCE_MS, *policies.SILENCES_MS]
    silence = [policies.silence_only(tape, silences) for tape in tapes]
    alone = policies.alone_settings()
    model = [policies.model_alone(tape, alone) for tape in tapes]
    return {
        **_figures(ours, groups, seed),
        "silence_only": _peer(silence, groups, seed),
        "smart_turn_alone": _peer(model, groups, seed),
    }


def _ours(crew: Crew, tapes: Sequence[Tape], seed: int, steps: int) -> list[list[Score]]:
    """Try settings at random, then some near the best of them; return the scores of each tape."""
    groups = [tape.clip.group for tape in tapes]
    tried = policies.variants(seed)
    found = crew.do("policies", policies.replay_all, [(tape, tried) for tape in tapes])
    for step in range(steps):
        best = [tried[number] for number in Sweep.of(_rows(found), groups).frontier()]
        if not best:  # no pauses, or no ends: nothing to trade
            break
        nearby = [one for one in policies.near(best, seed + step) if one not in set(tried)]
        more = crew.do("policies near the best", policies.replay_all, [(tape, nearby) for tape in tapes])
        found = [before + after for before, after in zip(found, more, strict=True)]
        tried += nearby
    return found


def _peer(scores: Sequence[Sequence[Score]], groups: Sequence[str], seed: int) -> Figures:
    """Return the figures of a policy whose first settings are the usual ones."""
    point = endings.figures([of_tape[0] for of_tape in scores], groups, seed)
    return {"operating_point": point, **_figures(scores, groups, seed)}


def _figures(scores: Sequence[Sequence[Score]], groups: Sequence[str], seed: int) -> Figures:
    sweep = Sweep.of(_rows(scores), groups)
    return sweep.figures(seed) | {"held_out": sweep.crossed([half_of(group) for group in groups])}


def _rows(scores: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """Turn a list for each turn into one for each setting."""
    return list(zip(*scores, strict=True))
