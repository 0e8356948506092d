"""The device behind a network that loses packets and holds them up: late it may be, but not wrong."""

from __future__ import annotations

import pytest

from tests.clients.kinds import KINDS
from tests.clients.measures import LOSSY
from tests.clients.sound_track import is_whole
from tests.clients.stage import open_stage
from tests.net.net import Net

pytestmark = pytest.mark.timeout(300)


async def test_a_reply_over_a_lossy_network() -> None:
    """A packet in twenty is lost, with 150 ms of jitter: every sample of the reply is heard, each once, in order.

    How much silence there is in between, `make clients` measures.
    """
    if obstacle := Net.obstacle():
        pytest.skip(f"no network of its own: {obstacle}")
    (kind,) = [kind for kind in KINDS if kind.name == "esp32"]
    async with open_stage() as stage:
        async with stage.client(kind, LOSSY) as client:
            client.tell("type tell me something")
            await client.sees("reply_played", timeout_s=120)
            await client.quit()
        (response,) = stage.fake.responses
        runs = [run for run in stage.fake.decoder().decode(client.track.pcm) if run.track == response.track]
        assert is_whole(runs, response.sent_samples)
