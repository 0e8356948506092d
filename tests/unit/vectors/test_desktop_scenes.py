"""The desktop client does in every scene what the vectors expect of any client."""

from __future__ import annotations

import random

import pytest

from tests.unit.engine.virtual_time import run
from tests.vectors.journal import Journal
from tests.vectors.scenes import Scene, scenes
from tests.vectors.verdict import faults_of

from .desktop_stage import Stage

LACKS = frozenset({"keepsCalling"})
"""It tells a person at a terminal at once that nobody answers, instead of calling on."""
LACKING = pytest.mark.skip("the desktop does not call on")


@pytest.mark.parametrize(
    "scene",
    [pytest.param(scene, marks=LACKING if scene.needs & LACKS else (), id=scene.file) for scene in scenes()],
)
def test_the_desktop_plays_the_scene(scene: Scene) -> None:
    """What is expected comes, and what is not expected does not."""

    async def play() -> Journal:
        return await Stage(scene).play()

    random.seed(8)  # waits between calls are drawn by chance
    faults = faults_of(scene, run(play()))
    assert not faults, "\n".join([f"{scene.name} ({scene.why}):", *faults])
