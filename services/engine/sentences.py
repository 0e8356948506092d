"""Sentences of a text that is still being thought: each is given as soon as its end is certain."""

from __future__ import annotations

import re

_LONGEST = 300  # characters: a sentence without end is cut so that its speech can begin, at a clause or at a word
_ABBREVIATIONS = (r"Mr\.", r"Mrs\.", r"Ms\.", r"Dr\.", r"St\.", r"vs\.", r"e\.g\.", r"i\.e\.", r"[A-HJ-Z]\.")
_NO_END = "".join(rf"(?<!\b{abbreviation})" for abbreviation in _ABBREVIATIONS)
# A mark and its closing quotes with a space behind them, or a mark of a script that puts no space there, or a new
# line. A space has to be there: "3.14" is no end.
_END = re.compile(rf"(?<=[.!?…]){_NO_END}[\"'”’)]*(?=\s)|(?<=[。！？])[”’」』）]*(?=[^”’」』）])|(?<=\S)(?=\s*\n)")
_NUMBERED = re.compile(r"\s*\d+[.)]")  # "1." of a list belongs to what follows


class SentenceCutter:
    """Takes a text piece by piece and gives its sentences; joined they are the text again, but for space at the end.

    The space between two sentences stays with the second.
    """

    def __init__(self) -> None:
        self._rest = ""

    def feed(self, text: str) -> list[str]:
        """Add text; gives the sentences that are now complete."""
        self._rest += text
        found = []
        while (end := self._end()) is not None:
            found.append(self._rest[:end])
            self._rest = self._rest[end:]
        return found

    def finish(self) -> list[str]:
        """The text is over; gives what was left of it."""
        rest, self._rest = self._rest, ""
        return [rest] if rest.strip() else []

    def _end(self) -> int | None:
        for match in _END.finditer(self._rest):
            sentence = self._rest[: match.end()]
            if sentence.strip() and not _NUMBERED.fullmatch(sentence):
                return match.end() if match.end() <= _LONGEST else self._clause_end()
        return self._clause_end() if len(self._rest) > _LONGEST else None

    def _clause_end(self) -> int:
        """Where to cut a sentence that is too long: behind its last clause, else its last word, else anywhere."""
        start = self._rest[: _LONGEST + 1]
        for pattern in (r".*[,;:–—](?=\s)", r".*\S(?=\s)"):
            if match := re.match(pattern, start, re.DOTALL):
                return match.end()
        return _LONGEST


class WordCutter:
    """As SentenceCutter, for words: each with the space before it."""

    def __init__(self) -> None:
        self._rest = ""

    def feed(self, text: str) -> list[str]:
        """Add text; gives the words that are now complete."""
        self._rest += text
        found = re.findall(r"\s*\S+(?=\s)", self._rest)
        self._rest = self._rest[sum(map(len, found)) :]
        return found

    def finish(self) -> list[str]:
        """The text is over; gives its last word."""
        rest, self._rest = self._rest, ""
        return [rest] if rest.strip() else []


def sentences(text: str) -> list[str]:
    """Split a whole text."""
    cutter = SentenceCutter()
    return cutter.feed(text) + cutter.finish()
