"""The reference server tries the desktop client, over both doors: what it sees is what was done."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from clients.desktop.conversation import Conversation
from clients.desktop.failures import ClientError
from clients.desktop.headless import HeadlessDevice
from tests.reference.doors import grpc_door, websocket_door
from tests.reference.stage import SLACK_MS, LiveStage
from tests.vectors.scenes import scenes
from tests.vectors.verdict import Slack

pytestmark = pytest.mark.timeout(120)

SCENES = {scene.file: scene for scene in scenes()}
SLACK = Slack(late_ms=6000, left_ms=SLACK_MS)
"""A busy machine is not tried here: what is wanted may come late. What must not come is looked for in any case."""
STOOD_STILL_MS = 100
"""A client that had no processor for so long may have done what it must not: that play proves nothing."""
PLAYS = 4
NETWORK_GOES_MS = 1600
"""In the scene "resume"."""
SILENT_MS = 1500
DOORS = {"grpc": grpc_door, "websocket": websocket_door}


async def nobody(_: str) -> None:
    """No key is pressed."""


async def play(name: str, door: str, *, obeys: bool = True) -> tuple[list[str], LiveStage]:
    """Play a scene with the desktop client; return what was expected in vain, and the stage."""
    stage = LiveStage(SCENES[name], nobody, SLACK)

    async def converse(server: str) -> None:
        with suppress(ClientError):
            conversation = Conversation(server, HeadlessDevice())
            if not obeys:
                conversation.playout.flush = lambda seq, floor: None  # type: ignore[method-assign]
            async with conversation:
                async for _ in conversation:
                    pass

    async with DOORS[door]("127.0.0.1", 0, lambda: stage) as server:
        client = asyncio.create_task(converse(server))
        try:
            return await stage.play(), stage
        finally:
            client.cancel()
            await asyncio.wait([client])


@pytest.mark.parametrize(("name", "door"), [("flush", "websocket"), ("resume_at_once", "grpc")])
async def test_the_desktop_is_seen_to_do_as_it_should(name: str, door: str) -> None:
    """Nothing is expected in vain, in a play in which this machine had time for it."""
    for _ in range(PLAYS):
        faults, stage = await play(name, door)
        if not faults:
            return
        assert stage.worst_lag_ms >= STOOD_STILL_MS, faults
    pytest.skip(f"this machine stood still in each of {PLAYS} plays, at last for {stage.worst_lag_ms:.0f} ms: {faults}")


async def test_a_client_that_does_not_answer_is_found_out() -> None:
    """A flush without `flushed` is told, and what was expected; and that its reply went on."""
    faults, _ = await play("flush", "websocket", obeys=False)
    assert any("flushed" in fault for fault in faults)
    assert any("playback" in fault and "0 times" in fault for fault in faults)


@pytest.mark.parametrize("door", DOORS)
async def test_a_connection_that_breaks_off_is_noticed_at_once(door: str) -> None:
    """The client calls again before it could have taken the server for a silent one."""
    _, stage = await play("resume", door)
    again_ms = stage.journal.calls_ms[1] - NETWORK_GOES_MS
    assert 0 <= again_ms < SILENT_MS or stage.worst_lag_ms >= STOOD_STILL_MS
