"""The reference server tries the desktop client, over both doors: what it sees is what was done."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from clients.desktop.conversation import Conversation
from clients.desktop.failures import ClientError
from clients.desktop.headless import HeadlessDevice
from tests.reference.doors import grpc_door, websocket_door
from tests.reference.stage import LiveStage
from tests.vectors.scenes import scenes

pytestmark = pytest.mark.timeout(60)

SCENES = {scene.file: scene for scene in scenes()}
SLACK_MS = 6000
"""A busy machine is not what is tried here."""
DOORS = {"grpc": grpc_door, "websocket": websocket_door}


async def nobody(_: str) -> None:
    """No key is pressed."""


async def faults_of(name: str, door: str, *, obeys: bool = True) -> list[str]:
    """Play a scene with the desktop client; return what was expected in vain."""
    stage = LiveStage(SCENES[name], nobody, SLACK_MS)

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
            return await stage.play()
        finally:
            client.cancel()
            await asyncio.wait([client])


@pytest.mark.parametrize(("name", "door"), [("flush", "websocket"), ("resume_at_once", "grpc")])
async def test_the_desktop_is_seen_to_do_as_it_should(name: str, door: str) -> None:
    """Nothing is expected in vain."""
    assert await faults_of(name, door) == []


async def test_a_client_that_does_not_answer_is_found_out() -> None:
    """A flush without `flushed` is told, and what was expected."""
    faults = await faults_of("flush", "websocket", obeys=False)
    assert any("flushed" in fault for fault in faults)
