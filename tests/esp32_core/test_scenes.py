"""The core does in every scene what the vectors expect of any client."""

from __future__ import annotations

import pytest

from tests.vectors.scenes import Scene, scenes
from tests.vectors.verdict import faults_of

from .programs import BUILD_S, Player
from .stage import Stage

pytestmark = pytest.mark.timeout(2 * BUILD_S)


@pytest.mark.parametrize("scene", scenes(), ids=str)
def test_the_core_plays_the_scene(scene: Scene, host_programs: None) -> None:
    """What is expected comes, and what is not expected does not."""
    with Player(scene.setup.get("addresses", 1)) as player:
        faults = faults_of(scene, Stage(scene, player).play())
    assert not faults, "\n".join([f"{scene.name} ({scene.why}):", *faults])
