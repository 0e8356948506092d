"""The desktop client does in every scene what the vectors expect of any client."""

from __future__ import annotations

import pytest

from tests.unit.engine.virtual_time import run
from tests.vectors.journal import Journal
from tests.vectors.scenes import Scene, scenes
from tests.vectors.verdict import faults_of

from .desktop_stage import Stage

LACKS = frozenset({"keepsCalling", "twoAddresses"})
"""It tells a person at a terminal at once that nobody answers, instead of calling on."""


@pytest.mark.parametrize("scene", [scene for scene in scenes() if not scene.needs & LACKS], ids=str)
def test_the_desktop_plays_the_scene(scene: Scene) -> None:
    """What is expected comes, and what is not expected does not."""

    async def play() -> Journal:
        return await Stage(scene).play()

    faults = faults_of(scene, run(play()))
    assert not faults, "\n".join([f"{scene.name} ({scene.why}):", *faults])
