"""The measurements: how soon it is silent, what history holds, and what becomes of a reply on a bad network."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from tests.clients.kinds import Kind
from tests.clients.sound_track import HZ, gaps_of, is_whole
from tests.clients.stage import POD, Stage
from tests.fakes.position_code import Run
from tests.net.rule import Rule

LATE: Final = Rule(delay_ms=10, jitter_ms=40, loss=0.01)
"""30 ± 20 ms each way, and one packet in a hundred is lost."""
LOSSY: Final = Rule(jitter_ms=150, loss=0.05)
"""Up to 150 ms more or less each way, and one packet in twenty is lost."""
GOOD: Final = Rule(delay_ms=1)
PULLED_S: Final = 5.0
_REPLY_S: Final = 60.0
_SETTLES_S: Final = 1.0

Say = Callable[[str], None]


@dataclass
class Silences:
    """Of one client on one network."""

    silent_ms: list[float] = field(default_factory=list)
    """From the decision to the last sample that sounds."""
    apart_ms: list[float] = field(default_factory=list)
    """How far a reply's item of history and the model's memory of it are from what the speaker was given: the worse."""
    unheeded: int = 0
    """Replies that were heard to their end although the stop key had been pressed."""


async def measure_silence(stage: Stage, kind: Kind, rule: Rule | None, rounds: int) -> Silences:
    """Have replies interrupted in the middle, over and over. Raises TimeoutError."""
    found, chance, known = Silences(), random.Random(8), len(stage.fake.responses)
    async with stage.client(kind, rule) as client:
        moments = []
        for number in range(rounds):
            before = len(client.happenings)
            await client.begins_a_reply(f"round {number}")
            await asyncio.sleep(chance.uniform(0.3, 0.9))
            moments.append(time.monotonic())
            client.tell("interrupt")
            stopped = await client.sees("silenced", "reply_played", after=before)
            found.unheeded += stopped["event"] == "reply_played"
            await asyncio.sleep(0.1)
        await asyncio.sleep(_SETTLES_S)
        items = await stage.history(client.session)
        await client.quit()
    for pressed_s in moments:
        if (decided_s := stage.verdicts.after(pressed_s, client.session)) is not None:
            found.silent_ms.append(client.track.silent_after_s(decided_s) * 1000)
    runs = stage.fake.decoder().decode(client.track.pcm)
    own_ms = {item.reply: item.heard_ms for item in items}
    for response in stage.fake.responses[known:]:
        heard = _heard(runs, response.track)
        if not heard:
            continue
        apart = abs(heard - stage.fake.believed_samples(response.track)) * 1000 / HZ
        reply = int((response.metadata or {}).get("reply", 0))
        found.apart_ms.append(max(apart, abs(own_ms.get(reply, float("inf")) - heard * 1000 / HZ)))
    return found


@dataclass
class Pulled:
    """A reply during which the network went for five seconds."""

    back_ms: float
    """From the network's return to the next sample."""
    whole: bool
    """Whether each sample of it was heard, once and in order."""
    in_history: bool
    """Whether history has all of it, as one reply of the same session."""
    same: bool
    """Whether it is still the same conversation."""


async def measure_pull(stage: Stage, kind: Kind) -> Pulled:
    """Pull the network in the middle of a reply for 5 s. A reply that never ends is lost. Raises TimeoutError."""
    assert stage.net is not None
    known = len(stage.fake.responses)
    async with stage.client(kind, GOOD) as client:
        await client.begins_a_reply("tell me a tale")
        await asyncio.sleep(3.0)
        stage.net.partition(POD)
        await asyncio.sleep(PULLED_S)
        stage.net.apply(POD, GOOD)
        back_s = time.monotonic()
        try:
            await client.sees("reply_played", timeout_s=_REPLY_S)
        except TimeoutError:
            return Pulled(float("inf"), whole=False, in_history=False, same=False)
        await asyncio.sleep(_SETTLES_S)
        items = await stage.history(client.session)
        opened = client.count("opened")
        await client.quit()
    again_s = client.track.sounds_again_after_s(back_s)
    (response,) = stage.fake.responses[known:]
    runs = [run for run in stage.fake.decoder().decode(client.track.pcm) if run.track == response.track]
    return Pulled(
        back_ms=float("inf") if again_s is None else again_s * 1000,
        whole=bool(runs) and is_whole(runs, response.sent_samples),
        in_history=len(items) == 1 and abs(items[0].heard_ms - response.sent_samples * 1000 / HZ) <= 20,
        same=opened == 1,
    )


@dataclass
class Gaps:
    """A minute of reply on a lossy network."""

    share: float
    """Silence within it, of its playing time."""
    gaps: int
    whole: bool


async def measure_gaps(stage: Stage, kind: Kind) -> Gaps:
    """Hear a minute of reply over a network that loses and delays. Raises TimeoutError."""
    known = len(stage.fake.responses)
    async with stage.client(kind, LOSSY) as client:
        await client.begins_a_reply("tell me a saga")
        await client.sees("reply_played", timeout_s=3 * _REPLY_S)
        await client.quit()
    (response,) = stage.fake.responses[known:]
    runs = [run for run in stage.fake.decoder().decode(client.track.pcm) if run.track == response.track]
    silence, gaps = gaps_of(runs)
    return Gaps(silence / max(1, response.sent_samples), gaps, bool(runs) and is_whole(runs, response.sent_samples))


def _heard(runs: list[Run], track: int) -> int:
    return max((run.end_position for run in runs if run.track == track), default=0)
