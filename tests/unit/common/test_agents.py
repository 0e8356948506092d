"""Agent profiles: what is wrong in a file is named with its place, and a client learns which agents there are."""

from __future__ import annotations

from pathlib import Path

import pytest

from parley.v1 import stream_pb2
from services.common.agents import Agents, read_agents
from services.common.errors import AgentFault, SettingsFault
from services.common.section import Section
from services.common.settings import Environment

MOODS = {"calm": 1, "brisk": 2, "wild": 3}


def built(section: Section) -> tuple[int, tuple[str, ...] | None]:
    """What a service makes of model here: a choice, and a list."""
    return section.choice("mood", 1, MOODS), section.words("names")


def read(folder: Path, **files: str) -> Agents[tuple[int, tuple[str, ...] | None]]:
    """Write these profiles and read them."""
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return read_agents(Environment({"PARLEY_AGENTS": str(folder)}), built, "model")


def fault(folder: Path, text: str) -> str:
    """Return how a profile's fault is told, from its file's name on."""
    with pytest.raises(SettingsFault) as error:
        read(folder, tutor=text)
    return error.value.message.removeprefix(f"{folder}/")


def test_without_a_folder_every_name_gets_the_defaults() -> None:
    """A ring that nobody configured takes whatever name a client gives."""
    agents = read_agents(Environment({}), built, "model")
    assert agents.find("") == agents.find("whoever") == agents.find("../x") == (1, None)
    assert agents.names() == ["default"]


def test_every_agent_has_its_own(tmp_path: Path) -> None:
    """By its name; a section that is not there is all defaults; clients that name none get default.yaml."""
    agents = read(
        tmp_path,
        default="model:\n  mood: brisk",
        tutor="# a comment\nvoice:\n  name: x\nmodel:\n  names: [' Ada ', Bo]\n",
        plain="",
    )
    assert agents.names() == ["default", "plain", "tutor"]
    assert agents.find("") == agents.find("default") == (2, None)
    assert agents.find("tutor") == (1, ("Ada", "Bo"))
    assert agents.find("plain") == (1, None)


def test_without_a_default_clients_that_name_none_get_the_defaults(tmp_path: Path) -> None:
    """A folder of special agents needs no file for the others."""
    agents = read(tmp_path, tutor="model: {mood: wild}")
    assert agents.find("") == (1, None)
    assert agents.names() == ["default", "tutor"]


@pytest.mark.parametrize("name", ["nobody", "TUTOR", "../tutor", "tutor.yaml", " ", "a\nb", "." * 64])
def test_an_unknown_agent_is_named_to_the_client_with_those_there_are(tmp_path: Path, name: str) -> None:
    """Trying again does not help, so the fault does not say so; a name is never taken for a path."""
    agents = read(tmp_path, default="", tutor="")
    with pytest.raises(AgentFault) as error:
        agents.find(name)
    assert error.value.message == f"there is no agent {name!r}; there are: default, tutor."
    assert (error.value.to_wire().code, error.value.retryable) == (stream_pb2.Error.CODE_PROTOCOL, False)


def test_a_client_is_not_told_of_hundreds(tmp_path: Path) -> None:
    """The first twenty, and how many more."""
    agents = read(tmp_path, **{f"agent{number:03d}": "" for number in range(120)})
    with pytest.raises(AgentFault, match=r"agent019 and 101 more\.$"):
        agents.find("x")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("model: [", "tutor.yaml:1: this is no YAML"),
        ("model:\n\n  mood: angry", 'tutor.yaml:3: mood in model must be "calm", "brisk" or "wild", not \'angry\'.'),
        ("model: {mood: 3}", 'tutor.yaml:1: mood in model must be "calm", "brisk" or "wild", not 3.'),
        ("voice:\n  mood: 1\nmodel:\n  mod: 1", "tutor.yaml:4: mod in model is unknown; there are: mood, names."),
        ("tone:", "tutor.yaml:1: there is no key 'tone' outside the sections; the sections are turn_taking, model,"),
        ("tone: {}", "tutor.yaml:1: there is no section tone; the sections are turn_taking, model,"),
        ("\nmood: calm", "tutor.yaml:2: there is no key 'mood' outside the sections; the sections are"),
        ("voice: deep", "tutor.yaml:1: voice is a section: write its keys below it, further in, each on a line."),
        ("model:\n- mood: calm", "tutor.yaml:1: model is a section: write its keys below it"),
        ("model:\nmood: calm", "tutor.yaml:2: there is no key 'mood' outside the sections"),
        ("model:\nmodel:", "tutor.yaml:2: model stands here again: line 1 has it already."),
    ],
)
def test_what_is_wrong_in_a_file_is_told_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    """File, line, key, what there is, and what there should be; other services' sections are left alone."""
    assert fault(tmp_path, text).startswith(told)


def test_a_section_that_is_all_comment_is_all_defaults(tmp_path: Path) -> None:
    """As the shipped profile shows every key: commented out."""
    assert read(tmp_path, tutor="model:\n  # mood: wild\nvoice:\n").find("tutor") == (1, None)


def test_a_service_may_read_several_sections(tmp_path: Path) -> None:
    """Each in its own place, and with the environment that holds its secrets."""
    (tmp_path / "tutor.yaml").write_text("model: {mood: wild}\nvoice: {key_env: K}\n")
    env = Environment({"PARLEY_AGENTS": str(tmp_path), "K": "secret"})

    def whole(model: Section, voice: Section) -> tuple[str, int, str]:
        return model.profile, model.choice("mood", 1, MOODS), voice.secret("key")

    agents = read_agents(env, whole, "model", "voice")
    assert agents.find("tutor") == ("tutor", 3, "secret")
    assert agents.find("") == ("default", 1, "")


def test_what_is_wrong_with_the_folder_is_told(tmp_path: Path) -> None:
    """That it is none, holds nothing, or files that can't be agents; other files and hidden ones don't matter."""
    with pytest.raises(SettingsFault, match=r"PARLEY_AGENTS='.*none' must be a folder: No such file"):
        read_agents(Environment({"PARLEY_AGENTS": str(tmp_path / "none")}), built, "model")
    (tmp_path / ".hidden.yaml").write_text("[[[")
    (tmp_path / ".old.toml").write_text("[[[")
    (tmp_path / "notes.txt").write_text("[[[")
    with pytest.raises(SettingsFault, match=r"holds no profile: put a default\.yaml there"):
        read(tmp_path)
    (tmp_path / "tutor.yaml").write_text("")
    (tmp_path / "big talk.yaml").write_text("")
    with pytest.raises(SettingsFault, match=r"big talk\.yaml: an agent's name has up to 64 letters"):
        read(tmp_path)
    (tmp_path / "big talk.yaml").unlink()
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(SettingsFault, match=r"folder\.yaml cannot be read"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("tutor.toml", r"tutor\.toml: profiles are YAML files named \.yaml: write it again, as YAML, in tutor\.yaml\."),
        ("tutor.yml", r"tutor\.yml: profiles are YAML files named \.yaml: rename it to tutor\.yaml\."),
    ],
)
def test_a_profile_of_another_format_is_not_left_out_in_silence(tmp_path: Path, name: str, told: str) -> None:
    """Whoever wrote it thinks that it counts."""
    (tmp_path / name).write_text("")
    with pytest.raises(SettingsFault, match=told):
        read(tmp_path, default="")
