"""A conversation puts away what it was given, however it ends, and tells what is wrong with it."""

from __future__ import annotations

import asyncio
from collections import deque

import pytest

from clients.desktop import events
from clients.desktop.conversation import Conversation
from clients.desktop.failures import ServerRefused
from clients.desktop.headless import HeadlessDevice
from clients.desktop.meters import EchoState
from parley.v1 import stream_pb2
from tests.unit.engine.virtual_time import run

from .fake_ring import FakeRing, Fate

BUSY = stream_pb2.Error(code=stream_pb2.Error.CODE_UNAVAILABLE, message="Redis is away.")


class Counted(HeadlessDevice):
    """Counts how often it was let go of."""

    stopped = 0

    def stop(self) -> None:
        """Count."""
        self.stopped += 1


@pytest.mark.parametrize("fate", [Fate(refusals=99), Fate(error=BUSY)])
def test_a_call_that_is_refused_lets_go_of_the_sound_card(fate: Fate) -> None:
    """Else each further call from the same screen would open one more."""

    async def call() -> int:
        loop = asyncio.get_running_loop()
        device = Counted(clock=loop.time, sleep=asyncio.sleep)
        with pytest.raises(ServerRefused):
            async with Conversation("one:1", device, dial=FakeRing(fates=deque([fate])).dial):
                pass
        return device.stopped

    assert run(call()) == 1


class Troubled(HeadlessDevice):
    """A sound card of which something is wrong, as the test has it."""

    echo = EchoState("off")
    microphone = speaker = "Built-in"
    speaker_away = False
    trouble = ""
    dropped_mic_frames = dropped_speaker_frames = starved_calls = 0


def test_what_is_wrong_with_the_sound_is_told_once() -> None:
    """Whoever reads lines rather than the screen has to know that nobody hears them, and when it is over."""

    async def call() -> list[str]:
        loop = asyncio.get_running_loop()
        device = Troubled(clock=loop.time, sleep=asyncio.sleep)
        async with Conversation("one:1", device, dial=FakeRing().dial) as conversation:
            for trouble in ("", "The microphone is gone.", ""):
                device.trouble = trouble
                await asyncio.sleep(1)
        return [event.words async for event in conversation if isinstance(event, events.SoundTrouble)]

    assert run(call()) == ["The microphone is gone.", ""]
