"""What the documentation promises of the local stack is what is there."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.engine.part_settings import PartSettings

ROOT = Path(__file__).resolve().parents[3]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "compose.local-ai.yaml").read_text())
DOCS = (ROOT / "docs" / "engine.md").read_text()
RECIPES = [block for block in re.findall(r"```console\n(.*?)```", DOCS, re.DOTALL) if "export" in block]


def settings_of(recipe: str) -> dict[str, str]:
    """The variables that a recipe exports."""
    return dict(re.findall(r"(PARLEY_ENGINE_\w+)=(\S+)", recipe))


@pytest.mark.parametrize("recipe", RECIPES)
def test_each_recipe_is_taken(recipe: str) -> None:
    """The settings of a recipe are read without complaint, and none of them is unknown to the table."""
    values = settings_of(recipe)
    assert PartSettings.read(values).summary != PartSettings.read({}).summary
    for name in values:
        general = re.sub(r"_(STT|LLM|TTS)_(URL|MODEL|KEY|KEY_FILE|PATIENCE_S)$", r"_X_\2", name)
        assert f"`{name}`" in DOCS or f"`{general}`" in DOCS


def test_the_recipe_for_the_stack_points_at_it() -> None:
    """Ports and models are those of the compose file."""
    (recipe,) = [recipe for recipe in RECIPES if "compose.local-ai.yaml" in recipe]
    values, services = settings_of(recipe), COMPOSE["services"]
    for part, service in (("LLM", "ollama"), ("STT", "speaches"), ("TTS", "speaches")):
        (port,) = services[service]["ports"]
        assert port.split(":")[1] in values[f"PARLEY_ENGINE_{part}_URL"]
    defaults = {**services["ollama-model"]["environment"], **services["speaches-models"]["environment"]}
    for part in ("LLM", "STT", "TTS"):
        assert defaults[f"{part}_MODEL"] == f"${{{part}_MODEL:-{values[f'PARLEY_ENGINE_{part}_MODEL']}}}"


def test_the_stack_is_private_and_checked() -> None:
    """Every port is this machine's only, every service has a health check, every volume is declared."""
    for service in COMPOSE["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
        assert service["healthcheck"]["test"]
        for volume in service.get("volumes", []):
            assert volume.split(":")[0] in COMPOSE["volumes"]


def test_every_code_is_explained() -> None:
    """Each code a part may fail with is in the table."""
    source = "".join(file.read_text() for file in (ROOT / "services" / "engine").rglob("*.py"))
    for code in re.findall(r"PartError\(\s*\"(\w+)\"", source):
        assert f"| `{code}` |" in DOCS or code == "not_installed"
