"""What becomes of a reply on a bad network: the network pulled for a while, or losing and delaying all the time."""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass
from typing import Final

from tests.clients.kinds import Kind
from tests.clients.sound_track import HZ, gaps_in, is_whole
from tests.clients.stage import POD, Stage
from tests.net.rule import Rule

LATE: Final = Rule(delay_ms=10, jitter_ms=40, loss=0.01)
"""30 ± 20 ms each way, and one packet in a hundred is lost."""
LOSSY: Final = Rule(jitter_ms=150, loss=0.05)
"""Up to 150 ms more or less each way, and one packet in twenty is lost."""
GOOD: Final = Rule(delay_ms=1)
PULLED_S: Final = 5.0
_REPLY_S: Final = 60.0
_SETTLES_S: Final = 1.0
_IN_HISTORY_MS: Final = 20
_PACKET: Final = HZ // 40
"""The last packet of a reply is filled up, and the first begins with what its encoder looks ahead."""


@dataclass
class Pulled:
    """A reply during which the network went for five seconds. One that could not be measured is lost in every way."""

    back_ms: float = math.inf
    """From the network's return to the next sample."""
    whole: bool = False
    """Whether each sample of it was heard, once and in order."""
    in_history: bool = False
    """Whether history has all of it, as one reply of the same session."""
    same: bool = False
    """Whether it is still the same conversation."""


async def measure_pull(stage: Stage, kind: Kind) -> Pulled:
    """Pull the network in the middle of a reply for 5 s. Raises TimeoutError: it did not begin, or never ended."""
    assert stage.net is not None
    known = len(stage.fake.responses)
    async with stage.client(kind, GOOD) as client:
        await client.begins_a_reply("tell me a tale")
        await asyncio.sleep(3.0)
        stage.net.partition(POD)
        await asyncio.sleep(PULLED_S)
        stage.net.apply(POD, GOOD)
        back_s = time.monotonic()
        await client.sees("reply_played", timeout_s=_REPLY_S)
        await asyncio.sleep(_SETTLES_S)
        items = await stage.history(client.session)
        opened = client.count("opened")
        await client.quit()
    again_s = client.track.sounds_again_after_s(back_s)
    responses = stage.fake.responses[known:]
    runs = stage.decode(client.track.pcm, responses)
    samples = sum(response.sent_samples for response in responses)
    return Pulled(
        back_ms=math.inf if again_s is None else again_s * 1000,
        whole=len(responses) == 1 and bool(runs) and is_whole(runs, samples),
        in_history=len(items) == 1 and abs(items[0].heard_ms - samples * 1000 / HZ) <= _IN_HISTORY_MS,
        same=opened == 1,
    )


@dataclass
class Gaps:
    """A minute of reply on a lossy network. One that could not be measured is nothing but gap."""

    share: float = math.inf
    """Silence within it, of its playing time."""
    whole: bool = False
    """Whether all of it sounded: to a packet, where the client has it coded."""


async def measure_gaps(stage: Stage, kind: Kind) -> Gaps:
    """Hear a minute of reply over a network that loses and delays, in the format that the client usually has.

    Raises TimeoutError: it never began or ended.
    """
    known = len(stage.fake.responses)
    async with stage.client(kind, LOSSY, exact=False) as client:
        await client.begins_a_reply("tell me a saga")
        await client.sees("reply_played", timeout_s=3 * _REPLY_S)
        await client.quit()
    responses = stage.fake.responses[known:]
    samples = sum(response.sent_samples for response in responses)
    sounding, silent = gaps_in(client.track.pcm)
    if not sounding or not samples:
        return Gaps()
    played = samples * kind.usual_hz / HZ
    return Gaps(silent / played, len(responses) == 1 and abs(sounding - played) <= _PACKET)
