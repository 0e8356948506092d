"""Replies interrupted in the middle: how soon the speaker is silent, and what is remembered of what it played."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Final

from parley.v1 import session_pb2
from tests.clients.client_program import ClientProgram
from tests.clients.failures import FAILURES, words_of
from tests.clients.kinds import Kind
from tests.clients.sound_track import HZ, gaps_in
from tests.clients.stage import Stage
from tests.fakes.position_code import Run
from tests.fakes.realtime import Response
from tests.net.rule import Rule

A_CLIENT_HOLDS: Final = 50
"""Rounds of one client: a page keeps only so much of its sound."""
_GIVES_UP: Final = 3
"""Clients that failed in their first round, one after the other: the rest of the rounds is not tried."""
LOOKAHEAD_SAMPLES: Final = HZ // 400
"""Of the encoder that makes Opus of replies (docs/formats.md): 2.5 ms that are no sound yet."""
_SETTLES_S: Final = 1.0
_QUIET_S: Final = 0.1


@dataclass
class Silences:
    """Of one client on one network: for each round that was tried a figure, infinite where it could not be had."""

    silent_ms: list[float] = field(default_factory=list)
    """From the decision to the last sample that sounds."""
    apart_ms: list[float] = field(default_factory=list)
    """How far a reply's item of history and the model's memory of it are from what the speaker was given: the worse."""
    unheeded: int = 0
    """Replies that were heard to their end although the stop key had been pressed."""
    problems: list[str] = field(default_factory=list)

    @property
    def tried(self) -> int:
        """How many rounds."""
        return len(self.silent_ms)

    def miss(self, rounds: int) -> None:
        """Count rounds that came to nothing."""
        self.silent_ms += [math.inf] * rounds
        self.apart_ms += [math.inf] * rounds


@dataclass
class Round:
    """One reply, and the stop key."""

    typed_s: float
    reply: int = 0
    """0: it is missed."""
    pressed_s: float = 0.0
    unheeded: bool = False


async def measure_silence(stage: Stage, kind: Kind, rule: Rule | None, rounds: int, *, exact: bool = True) -> Silences:
    """Have replies interrupted in the middle, over and over. A round that fails is missed; a new client goes on.

    `exact`: the samples tell where they stand. Else replies come in the client's usual format, and what was heard of
    one is how long it sounded.
    """
    found, chance, in_vain = Silences(), random.Random(8), 0
    while (left := rounds - found.tried) and in_vain < _GIVES_UP:
        before, held = found.tried, list[Round]()
        try:
            client = stage.client(kind, rule, exact=exact)
            await _hold(stage, client, min(left, A_CLIENT_HOLDS), chance, held, found, exact=exact)
        except FAILURES as problem:
            found.problems.append(words_of(problem))
            found.miss(max(1, len(held)) - (found.tried - before))
        in_vain = in_vain + 1 if found.tried == before + 1 and found.silent_ms[-1] == math.inf else 0
    found.miss(rounds - found.tried)
    return found


async def _hold(
    stage: Stage,
    opening: AbstractAsyncContextManager[ClientProgram],
    count: int,
    chance: random.Random,
    held: list[Round],
    found: Silences,
    *,
    exact: bool,
) -> None:
    """Hold one conversation of so many rounds, or fewer when one fails; add what is found of each that is begun."""
    known = len(stage.fake.responses)
    async with opening as client:
        try:
            for number in range(count):
                held.append(Round(time.monotonic()))
                await _interrupt(client, held[-1], f"round {number}", chance.uniform(0.3, 0.9))
        except FAILURES as problem:
            found.problems.append(words_of(problem))
            held[-1].reply = 0  # it was not seen to its end
        await asyncio.sleep(_SETTLES_S)
        items = await stage.history(client.session)
        await client.quit()
    responses = stage.fake.responses[known:]
    ends_s = [later.typed_s for later in held[1:]] + [math.inf]
    if exact:
        runs = stage.decode(client.track.pcm, responses)
        heard = [heard_in(runs, response_of(responses, each.reply)) for each in held]
    else:
        heard = [_sounded(client, *each) for each in zip(held, ends_s, strict=True)]
    rounds = list(zip(held, ends_s, heard, strict=True))
    found.silent_ms += [_silent_ms(stage, client, *each) for each in rounds]
    found.apart_ms += [apart(samples, responses, items, one.reply) for one, _, samples in rounds]
    found.unheeded += sum(each.unheeded for each in held)


async def _interrupt(client: ClientProgram, one: Round, words: str, after_s: float) -> None:
    before = len(client.happenings)
    one.reply = await client.begins_a_reply(words)
    await asyncio.sleep(after_s)
    one.pressed_s = time.monotonic()
    client.tell("interrupt")
    stopped = await client.sees("silenced", "reply_played", after=before)
    one.unheeded = stopped["event"] == "reply_played"
    await asyncio.sleep(_QUIET_S)


def _silent_ms(stage: Stage, client: ClientProgram, one: Round, until_s: float, heard: int) -> float:
    """Return how long a reply sounded after the decision; infinite where one of the two was never seen."""
    decided_s = stage.verdicts.between(one.pressed_s, until_s, client.session) if one.pressed_s else None
    if decided_s is None or not one.reply or not heard:
        return math.inf
    silent_s = client.track.silent_after_s(decided_s, until_s)
    return math.inf if silent_s is None else silent_s * 1000


def apart(samples: int, responses: Sequence[Response], items: Sequence[session_pb2.HistoryItem], reply: int) -> float:
    """Return how far, in ms, the model's memory or history are from what was heard of a reply, whichever is more.

    Infinite where nothing was heard of it, or nothing is remembered.
    """
    response = response_of(responses, reply)
    own_ms = [item.heard_ms for item in items if item.reply == reply]
    if response is None or len(own_ms) != 1 or not samples:
        return math.inf
    believed = sum(item.believed_samples for item in response.items)
    return max(abs(samples - believed) * 1000 / HZ, abs(own_ms[0] - samples * 1000 / HZ))


def response_of(responses: Sequence[Response], reply: int) -> Response | None:
    """Find the model's response that a reply is."""
    return next((each for each in responses if int((each.metadata or {}).get("reply", 0)) == reply), None)


def heard_in(runs: Sequence[Run], response: Response | None) -> int:
    """Return up to which of its samples a response was heard; 0: not at all."""
    track = None if response is None else response.track
    return max((run.end_position for run in runs if run.track == track), default=0)


def _sounded(client: ClientProgram, one: Round, until_s: float) -> int:
    """Return how many samples sounded of a reply, less what its encoder looked ahead."""
    sounding, _ = gaps_in(client.track.between(one.typed_s, until_s))
    return max(0, sounding - LOOKAHEAD_SAMPLES)
