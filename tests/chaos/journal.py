"""The models' journals: what they were asked, and what did not follow the protocol, a line of JSON each."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.lines import LINES
from tests.chaos.mic_code import Utterance
from tests.chaos.wording import Heard


@dataclass(frozen=True)
class Asked:
    """One request for a response."""

    model: str
    """Which copy was asked."""
    at_s: float
    """Unix time."""
    line: int
    conversation: int
    utterance: int
    heard_words: int
    """How many of its words were heard so far; 0: all."""
    first_word: int
    continues: bool

    @property
    def heard(self) -> Heard:
        """What was to be answered."""
        return Heard(Utterance(self.line, self.conversation, self.utterance), self.heard_words)

    @property
    def is_nothing_more(self) -> bool:
        """Whether the rest was asked for of an answer that broke off in its last word: there is none."""
        return self.continues and self.first_word >= LINES[self.line].answer_words


class Journals:
    """All journals of a folder, read as they grow."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._asked: list[Asked] = []
        self._violations: list[str] = []
        self._read: dict[Path, int] = {}

    def asked(self, conversation: int | None = None) -> list[Asked]:
        """Return what was asked so far, of one conversation or of all, in order."""
        self._read_on()
        return [one for one in self._asked if conversation in (None, one.conversation)]

    def violations(self) -> list[str]:
        """Return what the protocol does not allow, and was sent all the same."""
        self._read_on()
        return self._violations

    def _read_on(self) -> None:
        """Take in what is new; a line that is written half is left for the next time."""
        for journal in sorted(self.folder.glob("*.jsonl")):
            with journal.open("rb") as file:
                file.seek(self._read.get(journal, 0))
                new = file.read()
            whole = new[: new.rfind(b"\n") + 1]
            self._read[journal] = self._read.get(journal, 0) + len(whole)
            for line in whole.splitlines():
                entry = json.loads(line)
                if "violation" in entry:
                    self._violations.append(entry["violation"])
                else:
                    self._asked.append(Asked(**entry))
        self._asked.sort(key=lambda one: one.at_s)
