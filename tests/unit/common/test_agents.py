"""Agent profiles: what is wrong in a file is named with its place, and a client learns which agents there are."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.v1 import stream_pb2
from services.common.agents import Agents, Section, read_agents
from services.common.errors import AgentFault, SettingsFault
from services.common.settings import Environment

MOODS = {"calm": 1, "brisk": 2, "wild": 3}


def built(section: Section) -> tuple[int, tuple[str, ...] | None]:
    """What a service makes of [model] here: a choice, and a list."""
    return section.choice("mood", 1, MOODS), section.words("names")


def read(folder: Path, **files: str) -> Agents[tuple[int, tuple[str, ...] | None]]:
    """Write these profiles and read them."""
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return read_agents(Environment({"PARLEY_AGENTS": str(folder)}), "model", built)


def fault(folder: Path, text: str) -> str:
    """Return how a profile's fault is told, from its file's name on."""
    with pytest.raises(SettingsFault) as error:
        read(folder, tutor=text)
    return error.value.message.removeprefix(f"{folder}/")


def test_without_a_folder_every_name_gets_the_defaults() -> None:
    """A ring that nobody configured takes whatever name a client gives."""
    agents = read_agents(Environment({}), "model", built)
    assert agents.find("") == agents.find("whoever") == agents.find("../x") == (1, None)
    assert agents.names() == ["default"]


def test_every_agent_has_its_own(tmp_path: Path) -> None:
    """By its name; a section that is not there is all defaults; clients that name none get default.toml."""
    agents = read(
        tmp_path,
        default='[model]\nmood = "brisk"',
        tutor='# a comment\n[voice]\nname = "x"\n[model]\nnames = [" Ada ", "Bo"]\n',
        plain="",
    )
    assert agents.names() == ["default", "plain", "tutor"]
    assert agents.find("") == agents.find("default") == (2, None)
    assert agents.find("tutor") == (1, ("Ada", "Bo"))
    assert agents.find("plain") == (1, None)


def test_without_a_default_clients_that_name_none_get_the_defaults(tmp_path: Path) -> None:
    """A folder of special agents needs no file for the others."""
    agents = read(tmp_path, tutor='[model]\nmood = "wild"')
    assert agents.find("") == (1, None)
    assert agents.names() == ["default", "tutor"]


@pytest.mark.parametrize("name", ["nobody", "TUTOR", "../tutor", "tutor.toml", " ", "a\nb", "." * 64])
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
        ("[model", "tutor.toml: this is no TOML: Expected"),
        ("[model]\nmood = calm", "tutor.toml:2: this is no TOML"),
        (
            "[model]\n\nmood = 'angry'",
            'tutor.toml:3: mood in [model] must be "calm", "brisk" or "wild", not \'angry\'.',
        ),
        ("[model]\nmood = 3", 'tutor.toml:2: mood in [model] must be "calm", "brisk" or "wild", not 3.'),
        ("model = {mood = 3}", 'tutor.toml:1: mood in [model] must be "calm", "brisk" or "wild", not 3.'),
        ("model.mood = 3", 'tutor.toml:1: mood in [model] must be "calm", "brisk" or "wild", not 3.'),
        ("[model]\nnames = 'Ada'", "tutor.toml:2: names in [model] must be a list of words"),
        ("[model]\nnames = ['Ada', 3]", "tutor.toml:2: names in [model] must be a list of words"),
        ("[model]\nnames = ['']", "tutor.toml:2: names in [model] must be a list of words"),
        ("[voice]\nmood = 1\n[model]\nmod = 1", "tutor.toml:4: mod in [model] is unknown; there are: mood, names."),
        ("[tone]", "tutor.toml:1: there is no section [tone]; the sections are turn_taking, model,"),
        ("\nmood = 'calm'", "tutor.toml:2: there is no key 'mood' outside the sections; the sections are"),
        ("voice = 'deep'", "tutor.toml:1: voice is a section: write [voice] on a line of its own."),
        ("[[model]]\nmood = 'calm'", "tutor.toml:1: model is a section: write [model] on a line of its own."),
    ],
)
def test_what_is_wrong_in_a_file_is_told_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    """File, line, key, and what it takes."""
    assert fault(tmp_path, text).startswith(told)


def test_what_is_wrong_with_the_files_is_told(tmp_path: Path) -> None:
    """A folder that is not there, one without profiles, a name that no client could give, bytes that are no text."""
    with pytest.raises(SettingsFault, match=r"PARLEY_AGENTS='.*none' must be a folder: No such file"):
        read_agents(Environment({"PARLEY_AGENTS": str(tmp_path / "none")}), "model", built)
    (tmp_path / ".hidden.toml").write_text("[[[")
    (tmp_path / "notes.txt").write_text("[[[")
    with pytest.raises(SettingsFault, match=r"holds no profile: put a default\.toml there"):
        read(tmp_path)
    (tmp_path / "tutor.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsFault, match=r"tutor\.toml is not in UTF-8"):
        read(tmp_path)
    (tmp_path / "tutor.toml").write_text("")
    (tmp_path / "big talk.toml").write_text("")
    with pytest.raises(SettingsFault, match=r"big talk\.toml: an agent's name has up to 64 letters"):
        read(tmp_path)
    (tmp_path / "big talk.toml").unlink()
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(SettingsFault, match=r"folder\.toml cannot be read"):
        read(tmp_path)


@given(st.text(max_size=200))
def test_any_text_is_a_profile_or_a_fault(text: str) -> None:
    """Never anything else: a service that starts with it says what to do about it."""
    section = Section(Path("x.toml"), "model", {"mood": text, "names": [text], text: text}, text)
    told = []
    for read_one in (lambda: section.choice("mood", 1, MOODS), lambda: section.words("names"), section.finish):
        try:
            read_one()
        except SettingsFault as error:
            told.append(error.message)
    assert all(message.startswith("x.toml") for message in told)
