"""Profiles of turn taking: what a file says is what a conversation is like."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from services.common.agents import Agents
from services.common.errors import SettingsFault
from services.common.settings import Environment
from services.vad.content.enrolment import EnrolledWord, save
from services.vad.content.words import obeyed
from services.vad.detector import SpeechDetector
from services.vad.endpointing import EndpointingSettings
from services.vad.events import TurnTakingSettings
from services.vad.interruption_settings import InterruptionSettings
from services.vad.memory import MicMemory
from services.vad.profile import Profile, read_profiles
from services.vad.turns import Turns

SHIPPED = Path(__file__).resolve().parents[3] / "deploy" / "agents"


def read(folder: Path, keys: str) -> Profile:
    """Read a profile with these keys of turn_taking, one to a line."""
    lines = "".join(f"  {line}\n" for line in keys.splitlines())
    (folder / "default.yaml").write_text(f"turn_taking:\n{lines}", encoding="utf-8")
    return agents(folder).find("")


def agents(folder: Path) -> Agents[Profile]:
    """Read the profiles of a folder."""
    return read_profiles(Environment({"PARLEY_AGENTS": str(folder)}))


def test_the_defaults_are_those_of_the_ear() -> None:
    """Whoever configures nothing gets what was measured."""
    assert read_profiles(Environment({})).find("anyone") == Profile()
    assert Profile().settings == TurnTakingSettings()
    assert "stop" in Profile().words


def test_every_key_is_obeyed(tmp_path: Path) -> None:
    """Patience, interruptibility, languages, and what follows a stop."""
    profile = read(tmp_path, "patience: eager\ninterruptibility: high\nlanguages: [de, fr]\nafter_stop: answer")
    assert profile.settings.endpointing == EndpointingSettings.eager()
    assert profile.settings.interruption == InterruptionSettings.high()
    assert profile.settings.answers_stop
    assert profile.words == obeyed(["de", "fr"])


def test_words_alone_interrupt_where_they_are_named(tmp_path: Path) -> None:
    """Of whatever language, however they are said; an empty list is none at all. "no" is a word, not a boolean."""
    assert read(tmp_path, "words: [hang on, Stopp]").words == {"hold on", "stop"}
    assert read(tmp_path, "words:\n- no\n- stop").words == {"no", "stop"}
    assert read(tmp_path, "words: []").words == frozenset()


def test_enrolled_words_lie_beside_the_profile(tmp_path: Path) -> None:
    """A path starts from the profile's folder, wherever the service was started."""
    word = EnrolledWord("computer", np.eye(2, 640, dtype=np.float32), np.array([160.0, 192.0], np.float32), 0.7, 200.0)
    (tmp_path / "words").mkdir()
    save(word, tmp_path / "words" / "computer.npz")
    (enrolled,) = read(tmp_path, "enrolled: [words/computer.npz]").enrolled
    assert (enrolled.name, enrolled.bar, enrolled.shortest_ms) == ("computer", 0.7, 200.0)


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ("patience: endless", r':2: patience in turn_taking must be "calm", "normal" or "eager", not \'endless\''),
        ("languages: [xx]", r":2: languages in .* can't be obeyed: interrupting words are known in en, de"),
        ("\nwords: [computer]", r":3: words in .* computer: not among the interrupting words .* `make enrol`"),
        ("enrolled: [gone.npz]", r":2: enrolled in .*gone\.npz is not there\. Make it by `make enrol`"),
        ("after_stop: true", r':2: after_stop in .* must be "listen" or "answer", not true'),
        ("pace: 1", r":2: pace in turn_taking is unknown; there are: patience, interruptibility,"),
    ],
)
def test_what_cannot_be_is_told_with_its_place(tmp_path: Path, keys: str, told: str) -> None:
    """File, line, key, and what to do."""
    with pytest.raises(SettingsFault, match=rf"default\.yaml{told}"):
        read(tmp_path, keys)


def test_the_shipped_profiles_are_what_they_say() -> None:
    """The default one changes nothing and shows every key; another one is patient; who calls a reception is brisk."""
    shipped = agents(SHIPPED)
    assert shipped.names() == ["default", "patient", "reception"]
    assert shipped.find("") == Profile()
    assert shipped.find("reception").settings == TurnTakingSettings(endpointing=EndpointingSettings.eager())
    assert shipped.find("patient").settings == TurnTakingSettings(
        endpointing=EndpointingSettings.calm(), interruption=InterruptionSettings.low()
    )


def test_the_keys_that_the_default_profile_teaches_are_good(tmp_path: Path) -> None:
    """Taking the comment signs away gives a profile that is read, but for the recordings that nobody has made."""
    text = (SHIPPED / "default.yaml").read_text(encoding="utf-8")
    section = text.partition("turn_taking:\n")[2].partition("\nmodel:\n")[0]
    shown = re.findall(r"^  # (\w+: .*)$", section, re.M)
    keys = [line for line in shown if not line.startswith("enrolled")]
    assert len(shown) == len(keys) + 1 == 6
    assert read(tmp_path, "\n".join(keys)).words == obeyed([], ["stop", "wait", "no"])


@pytest.mark.parametrize(("after_stop", "stop_word"), [("listen", "stop"), ("answer", "")])
def test_after_a_stop(tmp_path: Path, after_stop: str, stop_word: str) -> None:
    """Where a stop is answered the broker is not told of one."""
    settings = read(tmp_path, f"after_stop: {after_stop}").settings
    turns = Turns(MicMemory(), SpeechDetector(settings.detector), settings)
    turns.begin(0, interruption=True, stop_word="stop")
    assert turns.open is not None
    assert turns.open.stop_word == stop_word
