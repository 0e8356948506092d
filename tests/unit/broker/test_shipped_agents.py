"""The shipped agents, and the documents: what is taught is true."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest

from services.broker.agent import agent as agent_of_sections
from services.broker.agent import read_broker_agents
from services.broker.manner import Closing, Manner
from services.broker.model_settings import ModelSettings
from services.broker.money import Prices
from services.broker.servers.profile import Servers, server
from services.broker.upstream.capabilities import Capabilities
from services.common.document import parse
from services.common.errors import SettingsFault
from services.common.section import Section
from services.common.settings import Environment
from tests.unit.broker.test_agent import KEY, agents, read, told

SHIPPED = Path(__file__).resolve().parents[3] / "deploy" / "agents"


def test_the_shipped_agents_work_without_a_key_and_with_one() -> None:
    """The default changes nothing; the reception greets, prompts, and ends in several ways."""
    for env in ({}, KEY):
        shipped = agents(SHIPPED, **env)
        assert shipped.names() == ["default", "patient", "reception"]
        plain = read_broker_agents(Environment(env)).find("")
        assert shipped.find("") == plain
        assert shipped.find("patient").manner == plain.manner
        reception = shipped.find("reception")
        assert reception.manner.greeting.startswith("Hotel Seeblick")
        closing = reception.manner.closing
        assert (closing.silence_s, closing.max_s, closing.budget_micros) == (12, 600, 1_000_000)
        assert closing.reprompt
        told(reception)


def test_the_keys_that_the_default_profile_teaches_are_good(tmp_path: Path) -> None:
    """Taking all comment signs away gives a profile that is read, one turn mode at a time."""
    text = (SHIPPED / "default.yaml").read_text(encoding="utf-8")
    sections = re.split(r"(?m)^(?=\w+:$)", text)
    taught = "".join(uncommented(section) for section in sections if re.match("(model|voice|tools|session):", section))
    for turns, dropped in (("semantic_vad", "vad"), ("server_vad", "eagerness"), ("parley", "eagerness|vad")):
        one = re.sub(rf"(?m)^  ({dropped}): .*\n", "", taught).replace("turns: parley", f"turns: {turns}")
        one = one.replace("truncation: auto", "truncation: ratio").replace("captions: off", "captions: transcription")
        agent = read(tmp_path, one, **KEY, PARLEY_WEBHOOK_SECRET="whsec_" + "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3")
        told(agent)
        assert agent.manner.turns.value == turns
        assert agent.manner.closing == Manner(closing=Closing(reprompt="Are you still there?")).closing
        assert (agent.model.speed, agent.model.detection.threshold) == (1.0, 0.6)
        assert [tool.name for tool in agent.toolbox.functions] == ["opening_hours"]
        assert agent.webhook is not None


@pytest.mark.parametrize("section", ["model", "voice", "tools", "session"])
def test_the_default_profile_shows_every_key(tmp_path: Path, section: str) -> None:
    """Those that an unknown one is answered with."""
    with pytest.raises(SettingsFault) as error:
        read(tmp_path, f"{section}: {{no_such_key: 1}}")
    known = re.findall(r"\w+", error.value.message.partition("there are: ")[2])
    shown = re.findall(r"(?m)^  # (\w+):", (SHIPPED / "default.yaml").read_text(encoding="utf-8"))
    left_out = {"mcp"}  # what few servers take: docs/agents.md has it
    assert known
    assert set(known) - set(shown) <= left_out


def test_the_documents_name_every_key() -> None:
    """Of an agent's sections and of a server's profile, its capabilities and prices included."""
    docs = SHIPPED.parents[1] / "docs"
    of_agents = "".join((docs / name).read_text(encoding="utf-8") for name in ("agents.md", "tools.md", "sessions.md"))
    env = Environment({})
    usual, servers = ModelSettings.read(env), Servers(env)
    keys = keys_of("no_such_key: 1", lambda each: agent_of_sections(usual, servers, each, each, each, each))
    assert keys - named(of_agents) == set()
    keys = keys_of("base_url: ws://h/\nno_such_key: 1", server)
    keys |= {each.name for each in fields(Capabilities)} - {"input_hz", "output_hz"} | set(Prices().by_name())
    assert keys - named((docs / "models.md").read_text(encoding="utf-8")) == set()


def keys_of(text: str, read_all: Callable[[Section], object]) -> set[str]:
    """Return the keys by which an unknown one is answered."""
    section = Section(Path("x.yaml"), "", parse(text, Path("x.yaml")))
    read_all(section)
    with pytest.raises(SettingsFault) as error:
        section.finish()
    return set(re.findall(r"\w+", error.value.message.partition("there are: ")[2]))


def named(text: str) -> set[str]:
    """Return the words that a document sets as code."""
    return set(re.findall(r"\w+", " ".join(re.findall(r"`([^`\n]+)`", text))))


def uncommented(section: str) -> str:
    """Take the comment signs off what looks like keys, and what belongs to them."""
    lines, inside = [], False
    for line in section.splitlines():
        shown = re.match(r"  # ( *)(\S.*)", line)
        if shown is None:
            lines.append(line)
            inside = False
            continue
        is_key = re.match(r"[a-z_]+:( |$)", shown[2]) is not None and not shown[1]
        inside = is_key or (inside and bool(shown[1]))
        if inside:
            lines.append(f"  {shown[1]}{shown[2]}")
    return "\n".join(lines) + "\n"
